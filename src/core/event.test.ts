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
