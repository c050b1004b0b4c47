/** What PostgreSQL and the way to it say went wrong, as one of our errors that says what to do. */
import { CorruptError, FanfoldError, UnavailableError, UsageError } from "../../errors.ts";

/** SQLSTATE, or Node's name of a failed system call. */
export function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}

/** Serialization failures and deadlocks: nothing of the statement happened, and the next try will likely do. */
export function isRepeatable(error: unknown): boolean {
  return ["40001", "40P01"].includes(codeOf(error) ?? "");
}

/** name: of the database, for people, with secrets masked. */
export function explained(error: unknown, name: string): FanfoldError {
  if (error instanceof FanfoldError) return error;
  const said = messageOf(error);
  const code = codeOf(error);
  const more = {
    cause: error,
    details: { database: name, ...(code === undefined ? {} : { code }) },
  };
  const refused = { cause: error, details: { ...more.details, refused: code } };
  switch (code) {
    case "28P01":
    case "28000":
      return new UsageError(
        `${name} refuses this user (${said}): check user and password in the URL`,
        refused,
      );
    case "3D000":
      return new UsageError(`${name} does not exist (${said}): create it with createdb`, refused);
    case "42501":
      return new UsageError(
        `${name} does not let this user do that (${said}): it needs the right to create the schema "fanfold", once, and to use what is in it`,
        refused,
      );
    case "3F000":
    case "42P01":
    case "42703":
    case "42883":
      return new CorruptError(
        `something is missing in schema "fanfold" of ${name} (${said}): restore it from a backup, or drop the schema to begin anew`,
        more,
      );
    case "XX001":
    case "XX002":
      return new CorruptError(`${name} is damaged (${said}): restore it from a backup`, more);
    case "53300":
      return new UnavailableError(
        `${name} has no connection left (${said}): raise its max_connections, or lower ?connections in the URL`,
        more,
      );
    case undefined:
    default:
      return new UnavailableError(`${name} does not answer: ${said}`, more);
  }
}

/** Of a host with several addresses, the error has a message for each, and none of its own. */
function messageOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === "")
    return error.errors.map(messageOf).join(", ");
  return error instanceof Error ? error.message : String(error);
}
