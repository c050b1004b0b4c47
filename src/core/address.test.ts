import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { UsageError } from "../errors.ts";
import { addressIn, rangesIn, whyRefused } from "./address.ts";

const why = (text: string, ...allow: readonly string[]): string | undefined => {
  const address = addressIn(text);
  return address === undefined ? "no address" : whyRefused(address, allow.flatMap(rangesIn));
};

/** First and last of every range that must not be reached. */
const refused4 = [
  "0.0.0.0",
  "0.255.255.255",
  "10.0.0.0",
  "10.255.255.255",
  "100.64.0.0",
  "100.127.255.255",
  "127.0.0.0",
  "127.0.0.1",
  "127.255.255.255",
  "169.254.0.0",
  "169.254.169.254",
  "169.254.255.255",
  "172.16.0.0",
  "172.31.255.255",
  "192.0.0.0",
  "192.0.0.255",
  "192.0.2.1",
  "192.88.99.1",
  "192.168.0.0",
  "192.168.255.255",
  "198.18.0.0",
  "198.19.255.255",
  "198.51.100.9",
  "203.0.113.9",
  "224.0.0.1",
  "239.255.255.255",
  "240.0.0.1",
  "255.255.255.255",
];
const public4 = [
  "1.1.1.1",
  "9.255.255.255",
  "11.0.0.0",
  "100.63.255.255",
  "100.128.0.0",
  "126.255.255.255",
  "128.0.0.1",
  "169.253.255.255",
  "169.255.0.0",
  "172.15.255.255",
  "172.32.0.0",
  "192.0.1.0",
  "192.167.255.255",
  "192.169.0.0",
  "198.17.255.255",
  "198.20.0.0",
  "203.0.114.0",
  "223.255.255.255",
];
const refused6 = [
  "::",
  "::1",
  "::2",
  "fc00::1",
  "fdff:ffff::1",
  "fe80::1",
  "fe80::1%eth0",
  "febf::1",
  "fec0::1",
  "ff02::1",
  "2001::1",
  "2001:db8::1",
  "2002:7f00:1::",
  "100::1",
  "64:ff9b:1::1",
  "3fff::1",
  "4000::1",
  "1fff::1",
  "5f00::1",
];

test("addresses that are not public are refused, in IPv4 and wherever IPv6 carries it", () => {
  const carried = (text: string): readonly string[] => {
    const [a = 0, b = 0, c = 0, d = 0] = text.split(".").map(Number);
    const hex = `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
    return [
      `::ffff:${text}`,
      `::ffff:${hex}`,
      `0:0:0:0:0:FFFF:${hex}`,
      `64:ff9b::${hex}`,
      `[64:ff9b::${text}]`,
      `::${text}`,
      `2002:${hex}::1`,
    ];
  };
  const corpus = [...refused4, ...refused4.flatMap(carried), ...refused6];
  assert.ok(corpus.length >= 200, `${corpus.length} addresses`);
  assert.deepEqual(
    corpus.filter((text) => why(text) === undefined),
    [],
  );
});

test("their neighbours are public, and so is what carries them", () => {
  const corpus = [
    ...public4,
    ...public4.map((text) => `::ffff:${text}`),
    ...public4.map((text) => `64:ff9b::${text}`),
    "2606:4700::1111",
    "2a00::1",
  ];
  assert.deepEqual(
    corpus.filter((text) => why(text) !== undefined),
    [],
  );
});

test("what is allowed is reached, and nothing beside it", () => {
  assert.equal(why("127.0.0.1", "loopback"), undefined);
  assert.equal(why("::1", "loopback"), undefined);
  assert.equal(why("::ffff:127.0.0.1", "loopback"), undefined);
  assert.equal(why("10.0.0.1", "loopback"), "private");
  assert.equal(why("10.1.255.255", "10.1.0.0/16"), undefined);
  assert.equal(why("10.2.0.0", "10.1.0.0/16"), "private");
  assert.equal(why("192.168.7.7", "192.168.7.7"), undefined);
  assert.equal(why("fd00::7", "fd00::/8"), undefined);
  assert.equal(why("169.254.169.254", "loopback", "10.0.0.0/8", "fd00::/8"), "link-local");
});

test("a text that is no address is none", () => {
  for (const text of [
    "",
    "localhost",
    "1.2.3",
    "1.2.3.256",
    "1.2.3.4.5",
    "0x7f.0.0.1",
    "1:2:3",
    "::1::2",
    ":::",
    "12345::",
    "1:2:3:4:5:6:7:8:9",
    "::1.2.3",
    "g::1",
    "1:2:3:4:5:6:7::8:9",
  ])
    assert.equal(addressIn(text), undefined, text);
});

test("a range that cannot be meant is refused", () => {
  for (const text of ["", "private", "10.0.0.0/33", "10.0.0/8", "::/129", "10.0.0.0/x"])
    assert.throws(() => rangesIn(text), UsageError);
});

test("IPv6 is read the same however it is written", () => {
  fc.assert(
    fc.property(fc.ipV6(), (text) => {
      const bytes = addressIn(text);
      const canonical = new URL(`http://[${text}]/`).hostname;
      assert.equal(bytes?.length, 16);
      assert.deepEqual(addressIn(canonical), bytes);
    }),
  );
});
