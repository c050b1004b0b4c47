import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { FatalError } from "../errors.ts";
import { limits } from "./limits.ts";
import { failureOf, signatureOf } from "./signature.ts";

const of = (thrown: unknown): string => signatureOf(failureOf(thrown));
const said = (message: string): string => signatureOf({ name: "Error", message });

test("a reply of a mail server is its number", () => {
  const error = Object.assign(new Error("Message failed: 451 4.3.2 mailbox busy"), {
    code: "EENVELOPE",
    responseCode: 451,
  });
  assert.equal(failureOf(error).code, "smtp-451");
  assert.equal(of(error), "smtp-451");
});

test("the code that tells most is taken", () => {
  const withCode = (more: object): string | undefined =>
    failureOf(Object.assign(new Error("no"), more)).code;
  assert.equal(withCode({ code: "ENOENT" }), "ENOENT");
  assert.equal(withCode({ code: "card_declined", statusCode: 402 }), "card_declined");
  assert.equal(withCode({ code: "ERR_BAD_RESPONSE", status: 503 }), "http-503");
  assert.equal(withCode({ code: "ERR_SOCKET_CLOSED" }), "ERR_SOCKET_CLOSED");
  assert.equal(withCode({ code: 1205 }), "1205");
  assert.equal(withCode({ code: 14 }), undefined);
  assert.equal(withCode({ code: "", status: 200 }), undefined);
});

test("a code that is a number is preceded by the class", () => {
  assert.equal(signatureOf({ name: "SmtpError", message: "busy", code: "451" }), "smtp-451");
  assert.equal(signatureOf({ name: "Error", message: "busy", code: "23505" }), "error-23505");
});

test("without a code, class and message make the signature", () => {
  assert.equal(of(new FatalError("customer has no address")), "customer-has-no-address");
  assert.equal(of(new TypeError("x.map is not a function")), "type-error-x-map-is-not-a-function");
  assert.equal(of("Postfach voll"), "postfach-voll");
  assert.equal(said("can't read the users' list"), "cant-read-the-users-list");
  assert.equal(said("邮箱已满"), "邮箱已满");
});

const alike: Readonly<Record<string, readonly [string, string, string]>> = {
  numbers: ["row 17 of 200 is bad", "row 3 of 1,000.5 is bad", "row-of-is-bad"],
  ids: ["no customer c-00013 here", "no customer c-00891 here", "no-customer-here"],
  uuids: [
    "job 0b5fd3a4-9c1e-4e6e-8f55-0a1b2c3d4e5f is gone",
    "job ffffffff-aaaa-4bbb-8ccc-dddddddddddd is gone",
    "job-is-gone",
  ],
  "hex ids": ["object 64f1c0ffee is locked", "object deadbeef is locked", "object-is-locked"],
  quotes: [`no field "name" in 'a b'`, "no field `street` in 'it'", "no-field-in"],
  addresses: ["bounced: ann@example.com", "bounced: <bob.b+x@mail.example.org>", "bounced"],
  URLs: ["GET https://a.example/x?y=1 failed", "GET http://b.example:8080/ failed", "get-failed"],
  hosts: ["cannot reach db.eu.acme.internal", "cannot reach acme.com:5432", "cannot-reach"],
  "IP addresses": ["refused by 10.0.0.7:25", "refused by 192.168.1.19:2525", "refused-by"],
  paths: ["cannot open /srv/a/b.pdf now", "cannot open ../c/d now", "cannot-open-now"],
  "other paths": [
    "cannot open C:\\data\\a.pdf now",
    "cannot open out/2026/x.pdf now",
    "cannot-open-now",
  ],
};

for (const [what, [one, other, signature]] of Object.entries(alike))
  test(`failures that differ in nothing but ${what} are one group`, () => {
    assert.equal(said(one), signature);
    assert.equal(said(other), signature);
  });

test("a failure without a word is told by where it was thrown, not by the line", () => {
  const at = "sendInvoice (/srv/app/jobs.ts:12:5)";
  assert.equal(signatureOf({ name: "Error", message: "", at }), "sendinvoice");
  assert.equal(
    signatureOf({ name: "RangeError", message: "42", at: "sendInvoice (/srv/app/jobs.ts:99:1)" }),
    "range-error-sendinvoice",
  );
  assert.equal(signatureOf({ name: "", message: "" }), "error");
});

test("a long signature is cut at a word and told apart by its hash", () => {
  const long = "the quick brown fox jumps over the lazy dog ".repeat(3);
  const one = said(`${long} and away`);
  assert.match(one, /^the-quick-.*-[0-9a-f]{4}$/);
  assert.ok(one.length <= 80);
  assert.notEqual(one, said(`${long} and home`));
});

test("a signature is 1 to 80 characters that need no quoting, for any failure", () => {
  // Any code point that is a character; fast-check's own "binary" first makes a table of all of them, for half a second.
  const unit = fc
    .integer({ min: 0, max: 0x10f7ff })
    .map((point) => String.fromCodePoint(point < 0xd800 ? point : point + 0x800));
  const failures = fc.record(
    {
      name: fc.string({ unit }),
      message: fc.string({ unit, maxLength: 400 }),
      at: fc.string(),
      code: fc.string(),
    },
    { requiredKeys: ["name", "message"] },
  );
  fc.assert(
    fc.property(failures, (failure) => {
      const signature = signatureOf(failure);
      assert.ok(signature.length >= 1 && signature.length <= 80, `${signature.length}`);
      assert.match(signature, /^[\p{L}\p{N}\uFFFD]+(?:-[\p{L}\p{N}\uFFFD]+)*$/u);
      assert.equal(signatureOf(failure), signature);
    }),
  );
});

test("causes speak, and their code counts", () => {
  const refused = Object.assign(new Error("connect ECONNREFUSED 127.0.0.1:5432"), {
    code: "ECONNREFUSED",
  });
  const failure = failureOf(new TypeError("fetch failed", { cause: refused }));
  assert.equal(failure.message, "fetch failed: connect ECONNREFUSED 127.0.0.1:5432");
  assert.equal(failure.name, "TypeError");
  assert.equal(failure.code, "ECONNREFUSED");
  assert.equal(failureOf(new AggregateError([refused])).message, refused.message);
});

test("a fatal error is known by its reason, not by the code of what caused it", () => {
  const cause = Object.assign(new Error("550 no such user"), { responseCode: 550 });
  const failure = failureOf(new FatalError("address is wrong", { cause }));
  assert.equal(failure.code, undefined);
  assert.equal(failure.message, "address is wrong: 550 no such user");
});

test("the first frame outside packages and Node is kept", () => {
  const error = new Error("bad\n    at quoted (/srv/other.ts:1:1)");
  error.stack = [
    `Error: ${error.message}`,
    "    at JSON.parse (<anonymous>)",
    "    at connect (node:internal/net:1:2)",
    "    at send (file:///srv/app/node_modules/mailer/index.js:3:4)",
    "    at async sendInvoice (file:///srv/app/jobs.ts:12:5)",
    "    at main (file:///srv/app/main.ts:1:1)",
  ].join("\n");
  assert.equal(failureOf(error).at, "sendInvoice (/srv/app/jobs.ts:12:5)");
  assert.match(failureOf(new Error("here")).at ?? "", /signature\.test\.ts:\d+:\d+/);
});

test("anything can be thrown", () => {
  const message = (thrown: unknown): string => failureOf(thrown).message;
  assert.deepEqual(failureOf(undefined), { name: "Thrown", message: "undefined was thrown" });
  assert.equal(message(null), "null was thrown");
  assert.equal(message(""), "");
  assert.equal(message(42n), "42 was thrown");
  assert.equal(message(Symbol("s")), "Symbol(s) was thrown");
  assert.equal(message({ error: "quota" }), '{"error":"quota"}');
  assert.equal(failureOf({ name: "Odd", message: "duck" }).name, "Odd");
});

test("hostile things can be thrown, too", () => {
  const trap = (): never => {
    throw new Error("trap");
  };
  const loop: { cause?: unknown; toJSON: () => never } = { toJSON: trap };
  loop.cause = loop;
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  const getters = Object.defineProperties(
    {},
    Object.fromEntries(
      ["name", "message", "stack", "code", "cause", "toString"].map((name) => [
        name,
        { get: trap },
      ]),
    ),
  );
  const proxied = new Proxy(new Error("x"), {
    get: trap,
    getPrototypeOf: trap,
    has: trap,
    ownKeys: trap,
  });
  const nobody: unknown = Object.create(null);
  for (const thrown of [loop, proxy, getters, proxied, nobody, () => 1]) {
    const failure = failureOf(thrown);
    assert.equal(typeof failure.message, "string");
    assert.ok(signatureOf(failure).length > 0);
  }
});

test("a failure is bounded, and any database can store it", () => {
  const failure = failureOf(
    new Error(`${"x".repeat(limits.errorLength - 2)}\u{1F600}\u{1F600}${"y".repeat(1e6)}`),
  );
  assert.equal(failure.message.length, limits.errorLength);
  assert.ok(failure.message.isWellFormed());
  assert.equal(failureOf(new Error("a\0b")).message, "a\uFFFDb");
});

test("a message made to be slow is not", () => {
  const { user: before } = process.cpuUsage();
  for (const part of ["a-", "a.", "a/", "'", '"a', "a@", "//", "a:", "-", "0"])
    said(part.repeat(200_000));
  const { user } = process.cpuUsage();
  assert.ok(user - before < 3_000_000); // Processor time, and much of it: what is slow here takes minutes.
});
