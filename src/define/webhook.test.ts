import assert from "node:assert/strict";
import { test } from "node:test";
import { UsageError } from "../errors.ts";
import { webhook } from "./webhook.ts";

const secret = `whsec_${Buffer.alloc(32, 7).toString("base64")}`;
const to = (url: string, allow?: readonly string[]) =>
  webhook("ops", { url, secrets: [secret], ...(allow === undefined ? {} : { allow }) });

test("a webhook has defaults for all but its address and its secrets", () => {
  const made = to("https://ops.example.com/hook?team=1");
  assert.deepEqual(
    [made.kind, made.name, made.url, made.timeoutMs, made.giveUpMs, made.allowed],
    ["webhook", "ops", "https://ops.example.com/hook?team=1", 15_000, 259_200_000, []],
  );
  assert.deepEqual(made.secrets, [Buffer.alloc(32, 7).toString("base64")]);
});

const spellings = [
  "127.0.0.1",
  "localhost",
  "localhost.",
  "a.localhost",
  "[::1]",
  "0",
  "0x7f.1",
  "2130706433",
  "017700000001",
  "①②⑦.⓪.⓪.①",
  "127.1",
  "0.0.0.0",
  "[::]",
  "[::ffff:169.254.169.254]",
  "[64:ff9b::a9fe:a9fe]",
  "169.254.169.254",
  "[fe80::1]",
  "[fd00::1]",
  "[fc00::1]",
  "100.64.0.1",
  "224.0.0.1",
  "[ff02::1]",
  "10.0.0.1",
  "172.16.0.1",
  "172.31.255.255",
  "192.168.1.1",
  "255.255.255.255",
  "[::ffff:7f00:1]",
  "[::ffff:127.0.0.1]",
  "0300.0250.1.1",
  "127.0.0.1.",
];

test("addresses that are not public are refused however they are spelled", () => {
  for (const host of spellings)
    assert.throws(
      () => to(`https://${host}/`),
      (error) => error instanceof UsageError && /public address/.test(error.message),
      host,
    );
});

test("other schemes, ports of other protocols, users and passwords, and http to anybody are refused", () => {
  const wrong: readonly (readonly [string, RegExp])[] = [
    ["file:///etc/passwd", /an https URL/],
    ["gopher://a.example/", /an https URL/],
    ["ftp://a.example/", /an https URL/],
    ["unix:/run/docker.sock", /an https URL/],
    ["javascript:alert(1)", /an https URL/],
    ["http://ops.example.com/", /http goes to addresses only that `allow` names/],
    ["https://ann:secret@a.example/", /without a user and password/],
    ["https://a.example:25/", /port 80, 443/],
    ["https://a.example:22/", /port 80, 443/],
    ["not a url", /an https URL/],
    ["", /an https URL/],
  ];
  for (const [url, message] of wrong)
    assert.throws(
      () => to(url),
      (error) =>
        error instanceof UsageError &&
        message.test(error.message) &&
        !error.message.includes("secret@"),
      url,
    );
});

test("what `allow` names is allowed, also over http", () => {
  assert.equal(to("http://127.0.0.1:8080/hook", ["loopback"]).url, "http://127.0.0.1:8080/hook");
  assert.equal(to("http://localhost:8080/hook", ["loopback"]).allowed.length, 2);
  assert.equal(to("https://10.1.2.3/", ["10.1.0.0/16"]).url, "https://10.1.2.3/");
  assert.throws(() => to("https://10.2.2.3/", ["10.1.0.0/16"]), /this one is private/);
  assert.throws(
    () => to("https://a.example/", ["inside"]),
    /allow of webhook "ops": expected "loopback" or a range/,
  );
});

test("secrets are refused that cannot sign, and none of them is in the message", () => {
  const wrong = [
    [],
    ["secret-1"],
    ["whsec_"],
    ["whsec_c2hvcnQ="],
    [`whsec_${Buffer.alloc(65).toString("base64")}`],
    ["whsec_&&&&"],
    Array.from({ length: 9 }, () => secret),
  ];
  for (const secrets of wrong)
    assert.throws(
      () => webhook("ops", { url: "https://a.example/", secrets }),
      (error) =>
        error instanceof UsageError &&
        !error.message.includes("c2hvcnQ") &&
        !error.message.includes("secret-1"),
    );
});
