import assert from "node:assert/strict";
import { test } from "node:test";
import { CorruptError } from "../errors.ts";
import { decode, encode } from "./event.ts";

const ticked = { type: "ticked" } as const;

test("an event comes back from the log as it was, with its place and its time", () => {
  assert.deepEqual(decode({ offset: 3, at: 9, text: encode(ticked) }), {
    ...ticked,
    offset: 3,
    at: 9,
  });
});

test("a body stays unread, whatever is in it", () => {
  const { body } = decode({ offset: 0, at: 0, text: encode(ticked, "not\njson") });
  assert.equal(body, "not\njson");
});

const grown = (keys: readonly string[]) =>
  ({
    type: "fan-out.grown",
    run: "r",
    step: "s",
    generation: 0,
    issue: 1,
    from: 0,
    keys,
    duplicates: 0,
  }) as const;

test("the keys of a page come back as they were, whatever stands in them", () => {
  for (const keys of [
    [],
    ["c1"],
    ["c1", "c2"],
    ["a,b", "c"],
    ["a,b", "c\nd", "\\0"],
    [",", "\n"],
  ]) {
    const [header = ""] = encode(grown(keys), "[]").split("\n");
    const read = decode({ offset: 0, at: 0, text: header });
    assert.deepEqual("keys" in read && read.keys, keys);
  }
});

test("the keys of a page are one text: V8 would keep each of a list in a table of its own", () => {
  assert.ok(encode(grown(["c1", "c2"])).includes('"keys":",c1,c2"'));
});

test("a page that was written with a list of keys is read", () => {
  const text = JSON.stringify(grown(["c1", "a,b"]));
  assert.deepEqual(decode({ offset: 3, at: 9, text }), {
    ...grown(["c1", "a,b"]),
    offset: 3,
    at: 9,
  });
});

test("an event cannot say where it stands or when it came: the log does", () => {
  const text = JSON.stringify({ type: "ticked", offset: 99, at: 99 });
  assert.deepEqual(decode({ offset: 1, at: 2, text }), { type: "ticked", offset: 1, at: 2 });
});

test("a record that is no event is named by its offset", () => {
  for (const text of ["", "{", "null", "7", '"ticked"', "[]", "{}"])
    assert.throws(
      () => decode({ offset: 7, at: 0, text }),
      (error) => error instanceof CorruptError && error.message.includes("offset 7"),
    );
});
