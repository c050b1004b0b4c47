import assert from "node:assert/strict";
import { test } from "node:test";
import { type } from "arktype";
import * as v from "valibot";
import { z } from "zod";
import { UsageError } from "../errors.ts";
import { checkSchema, validate } from "./schema.ts";

const schemas = {
  zod: z.object({ lines: z.array(z.object({ cents: z.number() })) }),
  valibot: v.object({ lines: v.array(v.object({ cents: v.number() })) }),
  arktype: type({ lines: type({ cents: "number" }).array() }),
};

for (const [library, schema] of Object.entries(schemas)) {
  test(`${library}: a value that fits comes back, at once`, () => {
    checkSchema(schema, "x");
    assert.deepEqual(validate(schema, { lines: [{ cents: 1 }] }, "x"), { lines: [{ cents: 1 }] });
  });

  test(`${library}: one that does not is refused in the schema's words, with the path`, () => {
    assert.throws(
      () => validate(schema, { lines: [{ cents: 1 }, { cents: "2" }] }, 'input of run "r"'),
      (error: unknown) => {
        assert.ok(error instanceof UsageError);
        assert.match(error.message, /^input of run "r": \.lines\[1\]\.cents: .*number/i);
        return true;
      },
    );
  });
}

test("three issues are said, the others counted, all of them kept", () => {
  const five = z.array(z.number());
  assert.throws(
    () => validate(five, ["a", "b", "c", "d", "e"], "x"),
    (error: unknown) => {
      assert.ok(error instanceof UsageError);
      assert.match(error.message, /^x: \[0\]: .*; \[1\]: .*; \[2\]: .*; and 2 more$/);
      assert.equal(Array.isArray(error.details["issues"]) && error.details["issues"].length, 5);
      return true;
    },
  );
});

test("what the schema makes of a value is what comes back", () => {
  const schema = z.string().transform((text) => text.length);
  assert.equal(validate(schema, "four", "x"), 4);
});

test("an asynchronous schema gives a promise", async () => {
  const schema = z.string().refine(async (text) => Promise.resolve(text === "a"), "no a");
  assert.equal(await validate(schema, "a", "x"), "a");
  await assert.rejects(async () => validate(schema, "b", "x"), {
    name: "UsageError",
    message: "x: no a",
  });
});

test("what is no schema is refused", () => {
  for (const [given, got] of [
    [undefined, "undefined"],
    [{ month: "string" }, "an object"],
    [{ "~standard": null }, "an object"],
    [String, "a function"],
  ] as const)
    assert.throws(() => checkSchema(given, 'input of job "j"'), {
      message: `input of job "j" must be a Standard Schema (zod, valibot, arktype …), got ${got}`,
    });
});
