/** The input of a run as people hand it over: JSON, @file, or - for stdin. */
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";

import type { Json } from "../core/event.ts";
import type { Io } from "./context.ts";
import { usage } from "./failure.ts";
import { cut } from "./format.ts";

/** Without input it is {}. Throws UsageError that says where the JSON goes wrong. */
export async function readInput(
  io: Pick<Io, "cwd" | "stdin">,
  given: string | undefined,
  next: string,
): Promise<Json> {
  if (given === undefined) return {};
  const { text, name } = await readText(io, given, next);
  return parseInput(text, name, next);
}

/** The text itself, and what it is called in messages. */
export async function readText(
  io: Pick<Io, "cwd" | "stdin">,
  given: string,
  next: string,
): Promise<{ readonly text: string; readonly name: string }> {
  if (given === "-") return { text: await textOf(io.stdin), name: "stdin" };
  if (!given.startsWith("@")) return { text: given, name: "input" };
  const name = given.slice(1);
  try {
    return { text: await readFile(resolve(io.cwd, name), "utf8"), name };
  } catch (error) {
    if (!(error instanceof Error) || !("syscall" in error)) throw error;
    throw usage(`the input file ${name} cannot be read: ${error.message}`, next, error);
  }
}

async function textOf(chunks: AsyncIterable<Uint8Array | string>): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of chunks)
    text += typeof chunk === "string" ? chunk : decoder.decode(chunk, { stream: true });
  return text + decoder.decode();
}

/** Says line and column, and shows the place with a caret under it. */
export function parseInput(text: string, what: string, next: string): Json {
  try {
    return JSON.parse(text.replace(/^\u{feff}/u, "")) as Json; // oxlint-disable-line typescript/no-unsafe-type-assertion -- JSON.parse makes nothing else
  } catch (error) {
    const message = error instanceof Error ? error.message : "";
    const at = positionOf(text, message);
    const lines = text.slice(0, at).split("\n");
    const column = (lines.at(-1) ?? "").length + 1;
    const from = Math.max(0, column - 60);
    const line = text.split("\n")[lines.length - 1] ?? "";
    throw usage(
      [
        `${what} is not JSON: ${complaint(message)} at line ${lines.length}, column ${column}`,
        `  ${cut(line.slice(from), 100)}`,
        `  ${" ".repeat(column - 1 - from)}^`,
      ].join("\n"),
      next,
      error,
    );
  }
}

/** V8's words without its coordinates, which it gives sometimes only. */
function complaint(message: string): string {
  const [words = ""] = message.split(/, (?:\.\.\.)?"| in JSON| after JSON| of JSON input| \(line/);
  return words.charAt(0).toLowerCase() + words.slice(1);
}

/**
 * Where V8 stopped. For "unexpected token" it does not say, so look for the shortest beginning that has the same trouble:
 * what comes before it is merely incomplete.
 */
function positionOf(text: string, message: string): number {
  const [, position] = /at position (\d+)/.exec(message) ?? [];
  if (position !== undefined) return Number(position);
  if (!isUnexpected(text)) return text.length;
  let good = 0;
  let bad = text.length;
  while (bad - good > 1) {
    const middle = (good + bad) >> 1;
    if (isUnexpected(text.slice(0, middle))) bad = middle;
    else good = middle;
  }
  return good;
}

function isUnexpected(text: string): boolean {
  try {
    JSON.parse(text);
    return false;
  } catch (error) {
    return error instanceof Error && error.message.startsWith("Unexpected token");
  }
}
