import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { UsageError } from "../errors.ts";
import { parseInput, readInput } from "./input.ts";

const refusal = (text: string): string => {
  try {
    parseInput(text, "input", "next");
  } catch (error) {
    assert.ok(error instanceof UsageError);
    return error.message;
  }
  return assert.fail(`${text} was taken`);
};

test("bad JSON says what, line and column, and points at the place", () => {
  assert.equal(
    refusal('{month: "2026-10"}'),
    [
      "input is not JSON: expected property name or '}' at line 1, column 2",
      '  {month: "2026-10"}',
      "   ^",
    ].join("\n"),
  );
});

test("the place is found where V8 does not say it", () => {
  assert.match(refusal('{"a":tru}'), /unexpected token '}' at line 1, column 9/);
  assert.match(
    refusal('{"a":1,\n "b":undefined}'),
    /at line 2, column 6\n {3}"b":undefined}\n {7}\^/,
  );
  assert.match(refusal("month"), /at line 1, column 1/);
  assert.match(refusal(`{"long":"${"x".repeat(200)}", "b":undefined}`), /column 217/);
});

test("what ends too early says so at its end", () => {
  assert.match(refusal(""), /unexpected end at line 1, column 1/);
  assert.match(refusal('{"a":1'), /expected ',' or '}' after property value at line 1, column 7/);
});

test("a byte order mark is no mistake", () => {
  assert.deepEqual(parseInput('\u{feff}{"a":1}', "input", "next"), { a: 1 });
});

async function* chunks(...texts: readonly string[]): AsyncIterable<Uint8Array> {
  for (const text of texts) yield Buffer.from(text, "latin1");
}

test("input comes from the command line, a file, stdin, or is {}", async () => {
  const cwd = await mkdtemp(join(tmpdir(), "fanfold-input-"));
  // é as UTF-8 in two chunks: a character may be cut between two reads.
  const io = { cwd, stdin: chunks('{"from":"\u00c3', '\u00a9"}') };
  try {
    await writeFile(join(cwd, "input.json"), '{"from":"file"}');
    const read = (given?: string) => readInput(io, given, "next");
    assert.deepEqual(await read(), {});
    assert.deepEqual(await read('{"from":"line"}'), { from: "line" });
    assert.deepEqual(await read("@input.json"), { from: "file" });
    assert.deepEqual(await read("-"), { from: "é" });
    await assert.rejects(read("@missing.json"), /the input file missing\.json cannot be read/);
  } finally {
    await rm(cwd, { recursive: true });
  }
});
