import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { UsageError } from "../errors.ts";
import type { Json } from "./event.ts";
import {
  checkKey,
  checkName,
  checkRunId,
  differenceText,
  firstDifference,
  keys,
  partitionOf,
  prefixes,
} from "./ids.ts";

test("ids that people and schedules choose are accepted as they are", () => {
  for (const id of ["invoices-2026-10", "7", "month-end@2026-11-01T02:00+01:00", "a".repeat(200)])
    assert.equal(checkRunId(id), id);
});

test("an id that would not fit into a URL or a store key is refused with what it must be", () => {
  for (const id of ["", "-a", ".", "a/b", "a b", "ä", "a\n", "a".repeat(201), 7, undefined, null])
    assert.throws(() => checkRunId(id), UsageError);
  assert.throws(() => checkRunId("a/b"), {
    message:
      'id of a run must be 1 to 200 letters, digits or any of ". _ : @ + -", beginning with a letter or digit, got "a/b"',
  });
});

test("names are shorter and plainer than ids, and the message says whose it was", () => {
  for (const name of ["send-invoice", "a", "v1.2_x", "x".repeat(64)])
    assert.equal(checkName(name, "name of a job"), name);
  for (const name of ["", "a:b", "a/b", "_a", "x".repeat(65), "a\n", {}])
    assert.throws(
      () => checkName(name, "name of a job"),
      /^UsageError: name of a job must be 1 to/,
    );
});

test("any text can be a key that every engine can store, and no other", () => {
  for (const key of ["c-00013", "/", " ", "Zürich", "\u{1F600}", "k".repeat(1_024)])
    assert.equal(checkKey(key), key);
  for (const key of ["", "k".repeat(1_025), "a\0b", "\ud83d", 5, undefined])
    assert.throws(() => checkKey(key), UsageError);
  assert.throws(() => checkKey(""), {
    message: 'key of a sub-job must be a text of 1 to 1024 characters, got ""',
  });
});

test("a message stays short, however long what it refuses", () => {
  const refusal = (check: () => unknown): string => {
    try {
      check();
    } catch (error) {
      if (error instanceof UsageError) return error.message;
    }
    return "";
  };
  assert.match(
    refusal(() => checkKey("k".repeat(1e6))),
    /got "kkk/,
  );
  assert.ok(refusal(() => checkKey("k".repeat(1e6))).length < 200);
  const cycle: unknown[] = [];
  cycle.push(cycle);
  assert.match(
    refusal(() => checkRunId(cycle)),
    /got object$/,
  );
  assert.ok(refusal(() => checkRunId("\u{1F600}".repeat(100))).isWellFormed());
});

test("a run stays in its partition for ever", () => {
  const runs = ["invoices-2026-10", "r", "import-7"];
  assert.deepEqual(
    runs.map((run) => [1, 8, 64].map((partitions) => partitionOf(run, partitions))),
    [
      [0, 1, 9],
      [0, 1, 9],
      [0, 5, 13],
    ],
  );
});

test("runs are spread evenly, also when their ids differ in the last digit only", () => {
  const counts = Array.from({ length: 64 }, () => 0);
  for (let n = 0; n < 64_000; n += 1) {
    const partition = partitionOf(`invoices-${n}`, 64);
    counts[partition] = (counts[partition] ?? 0) + 1;
  }
  assert.ok(Math.min(...counts) > 850 && Math.max(...counts) < 1_150, counts.join(" "));
});

test("a record is found by its prefix, pages in the order of their numbers", () => {
  assert.equal(keys.page("r", "s", 7), "page/r/s/00000007");
  assert.ok(keys.page("r", "s", 10) > keys.page("r", "s", 9));
  assert.ok(keys.page("r", "s", 7).startsWith(prefixes.pages("r", "s")));
  assert.ok(keys.directory("r", "s", 7).startsWith(prefixes.directory("r", "s")));
  assert.ok(keys.step("r", "s").startsWith(prefixes.steps("r")));
  assert.ok(keys.live("r").startsWith(prefixes.live));
  assert.ok(keys.run("r").startsWith(prefixes.run));
  assert.ok(!keys.step("r-2", "s").startsWith(prefixes.steps("r")));
});

test("the first difference of two inputs is named by its path", () => {
  const path = (a: Json, b: Json): string | undefined => firstDifference(a, b)?.path;
  assert.deepEqual(firstDifference({ month: "2026-09" }, { month: "2026-10" }), {
    path: "month",
    a: "2026-09",
    b: "2026-10",
  });
  assert.equal(
    path(
      { x: 1, lines: [{ price: 1 }, { price: 2 }] },
      { x: 1, lines: [{ price: 1 }, { price: 3 }] },
    ),
    "lines[1].price",
  );
  assert.equal(path({ a: 1, b: 2 }, { b: 3, a: 2 }), "a");
  assert.equal(path({ a: 1, b: 2 }, { b: 2, a: 1 }), undefined);
  assert.equal(path([1, 2], [1]), "[1]");
  assert.equal(path([1], { 0: 1 }), "");
  assert.equal(path({ a: null }, {}), "a");
  assert.equal(path(null, {}), "");
  assert.equal(path(JSON.parse('{"__proto__":{}}'), {}), "__proto__");
  assert.equal(path({}, JSON.parse('{"toString":1}')), "toString");
});

test("a difference reads as a sentence after the word exists", () => {
  const text = (a: Json, b: Json): string =>
    differenceText(firstDifference(a, b) ?? { path: "-", a, b });
  assert.equal(
    text({ month: "2026-09" }, { month: "2026-10" }),
    'with month "2026-09" (yours: "2026-10")',
  );
  assert.equal(text({ month: 9 }, {}), "with month 9 (yours has none)");
  assert.equal(text({}, { month: [1] }), "without month (yours: [1])");
  assert.equal(text(1, null), "with input 1 (yours: null)");
  assert.ok(text("a".repeat(1e6), "b").length < 120);
});

test("two values differ exactly if their JSON in sorted order does, and there where they say", () => {
  const json = fc
    .jsonValue({ maxDepth: 3 })
    .map((value) => JSON.parse(JSON.stringify(value)) as Json); // oxlint-disable-line typescript/no-unsafe-type-assertion -- fast-check makes JSON
  fc.assert(
    fc.property(json, json, (a, b) => {
      assert.equal(firstDifference(a, structuredClone(a)), undefined);
      const difference = firstDifference(a, b);
      if (difference === undefined) assert.deepEqual(a, b);
      else {
        assert.notDeepEqual(difference.a, difference.b);
        assert.notDeepEqual(a, b);
      }
    }),
  );
});

test("inputs nested deeper than the stack are compared", () => {
  const nested = (depth: number, last: Json): Json => {
    let value = last;
    for (let n = 0; n < depth; n += 1) value = [value];
    return value;
  };
  assert.equal(firstDifference(nested(100_000, 1), nested(100_000, 1)), undefined);
  assert.equal(firstDifference(nested(100_000, 1), nested(100_000, 2))?.b, 2);
});
