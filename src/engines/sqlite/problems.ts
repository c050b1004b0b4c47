/** What SQLite says went wrong, as one of our errors that says what to do. */
import { CorruptError, FanfoldError, UnavailableError, UsageError } from "../../errors.ts";

/** Primary result codes, https://sqlite.org/rescode.html */
const codes = {
  busy: 5,
  readOnly: 8,
  corrupt: 11,
  full: 13,
  cannotOpen: 14,
  notADatabase: 26,
} as const;

/** The primary result code of an error of node:sqlite; undefined of any other. */
function codeOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || !("errcode" in error)) return undefined;
  return typeof error.errcode === "number" ? error.errcode & 0xff : undefined;
}

export function isBusy(error: unknown): boolean {
  return codeOf(error) === codes.busy;
}

export function explained(error: unknown, path: string): FanfoldError {
  if (error instanceof FanfoldError) return error;
  const said = error instanceof Error ? error.message : String(error);
  const more = { cause: error, details: { path } };
  switch (codeOf(error)) {
    case codes.notADatabase:
      return new CorruptError(
        `${path} is not an SQLite database, or its first page is damaged: choose another path, or restore it from a backup`,
        { ...more, details: { path, next: "fanfold doctor" } },
      );
    case codes.corrupt:
      return new CorruptError(
        `${path} is damaged (${said}): restore it from a backup, or save what can be read with: sqlite3 ${path} .recover`,
        more,
      );
    case codes.readOnly:
      return new UsageError(
        `${path} cannot be written (${said}): give this user the right to write the file and its folder`,
        more,
      );
    case codes.cannotOpen:
      return new UsageError(
        `${path} cannot be opened (${said}): it must be a file in a folder that this user may write`,
        more,
      );
    case codes.full:
      return new UnavailableError(
        `${path} cannot be written (${said}): make room, and start this again; what was acknowledged is there`,
        more,
      );
    case undefined:
    default:
      return new UnavailableError(`${path} does not answer: ${said}`, more);
  }
}

/** An error as it crosses from one thread to another, which leaves nothing of it but its message. */
export type Problem = {
  readonly message: string;
  readonly code: number | undefined;
  /** One of our own: the file is not as we think. */
  readonly isCorrupt: boolean;
};

export function problemOf(error: unknown): Problem {
  const message = error instanceof Error ? error.message : String(error);
  return { message, code: codeOf(error), isCorrupt: error instanceof CorruptError };
}

/** Explained as the error itself would be. */
export function errorOf({ message, code, isCorrupt }: Problem): Error {
  if (isCorrupt) return new CorruptError(message);
  return Object.assign(new Error(message), code === undefined ? {} : { errcode: code });
}
