import assert from "node:assert/strict";
import { test } from "node:test";
import { hashOf } from "./hash.ts";

test("a hash is the same for ever: rows on disk were sorted by it", () => {
  assert.deepEqual(
    ["", "a", "c-00013", "Zürich", "\u{1F600}"].map((text) => {
      const { h1, h2 } = hashOf(text);
      return h1.toString(16).padStart(8, "0") + h2.toString(16).padStart(8, "0");
    }),
    [
      "ba56944d289cbb43",
      "83185bc6ace6c584",
      "aec854f3aba613f7",
      "8cb575efb1f2095f",
      "51259f1f81b3c196",
    ],
  );
});

const shapes: Readonly<Record<string, (n: number) => string>> = {
  numbers: (n) => `${n}`,
  "padded numbers": (n) => `c-${`${n}`.padStart(8, "0")}`,
  "numbers in front": (n) => `${n}/invoice`,
  addresses: (n) => `user${n}@example.com`,
  "far letters": (n) => String.fromCharCode(0x4e00 + (n % 250), 0x4e00 + Math.floor(n / 250)),
};

for (const [name, shape] of Object.entries(shapes))
  test(`keys that differ little hash as if drawn by lot: ${name}`, () => {
    const keys = 50_000;
    const both = new Set<string>();
    const first = new Set<number>();
    const ends = [0, 0];
    const starts = Array.from({ length: 64 }, () => 0);
    for (let n = 0; n < keys; n += 1) {
      const { h1, h2 } = hashOf(shape(n));
      both.add(`${h1} ${h2}`);
      first.add(h1);
      ends[h2 & 1] = (ends[h2 & 1] ?? 0) + 1;
      starts[h1 >>> 26] = (starts[h1 >>> 26] ?? 0) + 1;
    }
    assert.equal(both.size, keys);
    assert.ok(first.size > keys - 5, `${keys - first.size} collisions in 32 bits, 0.3 are due`);
    assert.ok(Math.abs((ends[0] ?? 0) - keys / 2) < 700, `${ends[0]} of ${keys} end in 0`);
    const due = keys / 64;
    const chi = starts.reduce((sum, count) => sum + (count - due) ** 2 / due, 0);
    assert.ok(chi < 130, `the first six bits are uneven: chi-square ${chi} of 63 degrees`);
  });
