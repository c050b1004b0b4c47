/** A terminal, as far as Fanfold needs one: what is on it can be read. */
import assert from "node:assert/strict";
import { Writable } from "node:stream";
import type { Stream } from "../../src/cli/print.ts";

export type Screen = Stream & {
  /** All rows ever, scrolled off or not. */
  readonly rowsShown: () => string[];
  readonly resize: (columns: number) => void;
};

/** A terminal that understands what readline sends, wraps at its width, and refuses anything else. */
export function screen(columns = 80, rows = 24): Screen {
  const lines: string[][] = [[]];
  const size = { columns, rows };
  let row = 0;
  let column = 0;
  const line = (): string[] => (lines[row] ??= []);

  const controls: Readonly<Record<string, (n: number) => void>> = {
    A: (n) => (row = Math.max(0, row - n)),
    G: (n) => (column = n - 1),
    K: () => void (line().length = column),
    J: () => {
      line().length = column;
      lines.length = row + 1;
    },
    m: () => undefined,
  };
  const put = (character: string): void => {
    if (character === "\r") {
      column = 0;
      return;
    }
    if (character === "\n") {
      row += 1;
      column = 0;
      line();
      return;
    }
    if (column === size.columns) {
      row += 1;
      column = 0;
    }
    line()[column] = character;
    column += 1;
  };
  const stream = new Writable({
    decodeStrings: false,
    write(chunk: string, _encoding, done) {
      // oxlint-disable-next-line no-control-regex -- a terminal reads control characters
      for (const [piece, n, control] of chunk.matchAll(/\u001b\[(\d*)([A-Za-z])|[^]/gu)) {
        if (control === undefined) put(piece);
        else
          (controls[control] ?? assert.fail(`unknown control ${JSON.stringify(piece)}`))(
            Number(n || 0),
          );
      }
      done();
    },
  });
  return Object.defineProperty(
    Object.assign(stream, {
      isTTY: true,
      rows: size.rows,
      rowsShown: () =>
        lines.map((one) =>
          Array.from(one, (c) => c ?? " ")
            .join("")
            .trimEnd(),
        ),
      resize(narrower: number) {
        // What is there is wrapped anew, and the cursor stays behind the same text.
        const wrapped = lines.flatMap((one) =>
          one.length <= narrower
            ? [one]
            : Array.from({ length: Math.ceil(one.length / narrower) }, (_, i) =>
                one.slice(i * narrower, (i + 1) * narrower),
              ),
        );
        row += wrapped.length - lines.length;
        lines.splice(0, lines.length, ...wrapped);
        size.columns = narrower;
      },
    }),
    "columns",
    { get: () => size.columns },
  );
}
