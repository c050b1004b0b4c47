import assert from "node:assert/strict";
import { test } from "node:test";

import type { Json } from "./event.ts";
import { UsageError } from "../errors.ts";
import { redacted, unredacted, withoutSecrets } from "./redact.ts";

const input = {
  id: 7,
  email: "ada@example.com",
  to: [{ address: { street: "Hill 1", city: "Bern" } }, { address: { street: "Dale 2" } }],
  card: { number: 4_111, name: "Ada" },
};

test("a property is hidden by its name wherever it stands, by a path only at its end", () => {
  assert.deepEqual(redacted(input, ["email", "address.street"]), {
    ...input,
    email: "[redacted]",
    to: [
      { address: { street: "[redacted]", city: "Bern" } },
      { address: { street: "[redacted]" } },
    ],
  });
  assert.deepEqual(redacted([input], ["number"]), [
    { ...input, card: { number: "[redacted]", name: "Ada" } },
  ]);
  assert.equal(redacted(input, ["to.street"]), input);
});

test("whole objects and lists can be hidden, and what is not an object has nothing to hide", () => {
  assert.deepEqual(redacted({ card: input.card, n: null }, ["card", "n"]), {
    card: "[redacted]",
    n: "[redacted]",
  });
  for (const value of ["ada", 1, null, true]) assert.equal(redacted(value, ["email"]), value);
});

test("without paths, or where nothing is hidden, the value is the same one", () => {
  assert.equal(redacted(input, undefined), input);
  assert.equal(redacted(input, []), input);
  assert.equal(redacted(input, ["phone"]), input);
});

test("an own property called __proto__ is one like others", () => {
  const odd: unknown = JSON.parse('{"__proto__":{"email":"x"},"a":1}');
  assert.equal(
    JSON.stringify(redacted(odd as { a: number }, ["email"])),
    '{"__proto__":{"email":"[redacted]"},"a":1}',
  );
});

test("a message loses the hidden values, the longer first, and keeps what is too short to be one", () => {
  const of = (message: string, paths: readonly string[]): string =>
    withoutSecrets(message, input, paths);
  assert.equal(of("no mailbox for ada@example.com", ["email"]), "no mailbox for [redacted]");
  assert.equal(of("card 4111 of Ada refused", ["card"]), "card [redacted] of [redacted] refused");
  assert.equal(of("sub-job 7 failed", ["id"]), "sub-job 7 failed");
  const nested = { email: "ada@example.com", user: "ada" };
  assert.equal(
    withoutSecrets("ada@example.com, ada", nested, ["email", "user"]),
    "[redacted], [redacted]",
  );
});

test("what was seen redacted is taken back with what stands there, or refused where nobody knows", () => {
  const paths = ["email", "address.street"];
  const seen = redacted(input, paths);
  assert.deepEqual(unredacted(seen, input, paths), input);
  assert.deepEqual(unredacted({ ...Object(seen), id: 8 }, input, paths), { ...input, id: 8 });
  assert.deepEqual(unredacted({ email: "new" }, input, paths), { email: "new" });
  assert.equal(unredacted(seen, input, undefined), seen);
  // Said of something else than what is hidden, it is a text as any other.
  assert.deepEqual(unredacted({ id: "[redacted]" }, input, paths), { id: "[redacted]" });
  assert.throws(() => unredacted({ at: { email: "[redacted]" } }, input, paths), {
    name: "UsageError",
    message: '"at.email" is [redacted], and nothing stood there: say its value',
  });
  const { to } = seen as { readonly to: readonly Json[] };
  assert.throws(() => unredacted({ to: to.slice(1) }, input, paths), UsageError);
});
