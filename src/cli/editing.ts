/** Corrected inputs as people hand them over: the one of a sub-job, or lines as `fanfold export` prints them. */
import type { EditInput } from "../app/editing.ts";
import type { Json } from "../core/event.ts";
import { usage } from "./failure.ts";
import { parseInput, readText } from "./input.ts";
import type { Io } from "./context.ts";

export type Editing = {
  /** Those that are named, in their order. */
  readonly keys: readonly string[];
  readonly edit: EditInput;
};

/** Of one key that is named, the text is its input; else each line has a key and an input. Throws UsageError. */
export async function editingFrom(
  io: Pick<Io, "cwd" | "stdin">,
  given: string,
  keys: readonly string[] | undefined,
  next: string,
): Promise<Editing> {
  const { text, name } = await readText(io, given, next);
  const [only] = keys ?? [];
  const inputs =
    keys?.length === 1 && only !== undefined
      ? new Map([[only, parseInput(text, name, next)]])
      : new Map(
          text
            .split("\n")
            .map((line, n): readonly [string, string] => [line, `line ${n + 1} of ${name}`])
            .filter(([line]) => line.trim() !== "")
            .map(([line, what]) => lineIn(line, what, next)),
        );
  if (inputs.size === 0) throw usage(`${name} has no inputs`, next);
  return { keys: [...inputs.keys()], edit: (_, key) => inputs.get(key) };
}

function lineIn(line: string, what: string, next: string): readonly [key: string, input: Json] {
  const row = parseInput(line, what, next);
  if (typeof row === "object" && row !== null && "key" in row && "input" in row)
    if (typeof row["key"] === "string" && row["input"] !== undefined)
      return [row["key"], row["input"]];
  throw usage(
    `${what} has not a key and an input, as {"key":"c-00013","input":{…}}; of one sub-job, name it with --keys`,
    next,
  );
}
