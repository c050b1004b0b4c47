import assert from "node:assert/strict";
import {
  appendFileSync,
  copyFileSync,
  mkdtempSync,
  openSync,
  readFileSync,
  closeSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync, type SQLInputValue } from "node:sqlite";
import { after, before, test } from "node:test";

import { anything, numbered, numbers } from "../../test/app/parts.ts";
import { app, flow, job } from "../index.ts";
import { check, type Checked } from "./check.ts";

const folder = mkdtempSync(join(tmpdir(), "fanfold-check-"));
const good = join(folder, "good.db");
const witness = join(folder, "witness.jsonl");
const items = 1_500;

/** Fails, retries, is skipped and is given up on, in this order of numbers; the others succeed at once. */
const add = job("add", {
  input: numbered,
  retry: { attempts: 2, backoff: "fixed", first: "0ms" },
  run({ n }, ctx) {
    appendFileSync(witness, `{"ran":"${ctx.run}/add/k${n}"}\n`);
    if (n === 7 && ctx.attempt === 1) throw new Error("not yet");
    if (n === 8) throw new Error("never");
    if (n === 9) ctx.skip("not wanted");
    return n;
  },
});
const sums = flow("sums", { input: anything })
  .fanOut("add", add, {
    over: () => numbers(items),
    key: ({ n }) => `k${n}`,
    tolerate: 1,
    fold: (f) => ({ count: f.count(), sum: f.sum((n) => n) }),
  })
  .step("report", ({ add }) => add.value.sum);

/** A store in which one run is done, one was held and redriven, and one was cancelled. */
before(async () => {
  writeFileSync(witness, "");
  const on = app({ name: "check", url: `sqlite:${good}`, parts: [sums, add] });
  const stop = new AbortController();
  const working = on.work({ signal: stop.signal });
  const done = await on.start(sums, {}, { id: "done" });
  appendFileSync(witness, '{"started":"done"}\n');
  await done.result();
  appendFileSync(witness, '{"ended":"done"}\n');
  await done.redrive({}, { edit: (item) => ({ ...Object(item), again: true }) });
  await done.result();
  const cancelled = await on.start(sums, {}, { id: "cancelled" });
  await cancelled.cancel("nobody wants it");
  stop.abort();
  await working;
  await on.close();
});

after(() => rmSync(folder, { recursive: true, force: true }));

let copies = 0;
/** A copy of the good store, after this was done to it. */
function damaged(change: (db: DatabaseSync) => void): string {
  copies += 1;
  const path = join(folder, `${copies}.db`);
  copyFileSync(good, path);
  const db = new DatabaseSync(path);
  change(db);
  db.close();
  return path;
}

const guarantees = ({ violations }: Checked): readonly string[] => [
  ...new Set(violations.map(({ guarantee }) => guarantee)),
];

/** The text of the first record like this, changed. */
function rewrite(db: DatabaseSync, like: string, change: (text: string) => string): void {
  const row = db.prepare("select id, text from log where text like ? order by id").get(like);
  assert.ok(row, `there is a record like ${like}`);
  db.prepare("update log set text = ? where id = ?").run(
    change(String(row["text"])),
    row["id"] ?? null,
  );
}

/** Writes a record as the manager would have, at the end. */
function append(db: DatabaseSync, like: string, change = (text: string) => text): void {
  const row = db.prepare("select text from log where text like ? order by id").get(like);
  db.prepare("insert into log select max(id) + 1, max(at), ? from log").run(
    change(String(row?.["text"])),
  );
}

/** A record of the manager's state, changed. */
function put(db: DatabaseSync, key: string, change: (value: string) => SQLInputValue): void {
  const row = db.prepare("select value from state where key = ?").get(key);
  db.prepare("update state set value = ? where key = ?").run(change(String(row?.["value"])), key);
}

function putPage(db: DatabaseSync, change: (bytes: Uint8Array) => void): void {
  const key = "page/done/add/00000000";
  const row = db.prepare("select value from state where key = ?").get(key);
  const bytes = row?.["value"];
  assert.ok(bytes instanceof Uint8Array);
  change(bytes);
  db.prepare("update state set value = ? where key = ?").run(bytes, key);
}

/** The one triple of the run that was redriven with another input. */
function putEdits(
  db: DatabaseSync,
  change: (triple: readonly [number, number, number]) => readonly number[],
): void {
  put(db, "edits/done/add", (text) => {
    const [index = -1, offset = -1, issue = -1, ...more] = JSON.parse(text) as readonly number[]; // oxlint-disable-line typescript/no-unsafe-type-assertion -- as core/edits.ts stores it
    assert.deepEqual(more, []);
    return JSON.stringify(change([index, offset, issue]));
  });
}

const one = '{"type":"sub-jobs.settled","run":"done"%';

test("check: a good store has no violation, and every part of it was looked at", () => {
  const { violations, counts, unchecked } = check(good, witness);
  assert.deepEqual(violations, []);
  assert.deepEqual(unchecked, []);
  assert.equal(counts["runs"], 2);
  assert.ok((counts["rows"] ?? 0) >= 1); // The last one may not be listed yet.
  assert.equal(counts["joins"], 2);
  assert.equal(counts["corrected inputs"], 1);
  assert.ok((counts["sub-jobs"] ?? 0) >= items);
  assert.ok((counts["outcomes"] ?? 0) >= items);
  assert.ok((counts["executions"] ?? 0) >= items + 2);
});

const damage: readonly (readonly [what: string, guarantee: string, (db: DatabaseSync) => void])[] =
  [
    ["a record is gone", "G19", (db) => db.exec("delete from log where id = 9")],
    [
      "more is decided than was written",
      "G19",
      (db) => db.exec("update partition set offset = offset + 5"),
    ],
    ["time goes back", "G11", (db) => db.exec("update log set at = at - 60000 where id = 12")],
    ["a record is not an event", "G20", (db) => db.exec("update log set text = 'x' where id = 9")],
    [
      "an outcome is taken out of its record",
      "G4",
      (db) => rewrite(db, one, (text) => text.replace(/"ok":\[\d+,\d+/, '"ok":[0,0')),
    ],
    [
      "an outcome is of a sub-job that does not exist",
      "G3",
      (db) => rewrite(db, one, (text) => text.replace(/"ok":\[\d+,/, `"ok":[${items + 5},`)),
    ],
    [
      "an outcome is of an issue that never was",
      "G6",
      (db) => rewrite(db, one, (text) => text.replace(/"ok":\[(\d+,\d+),1/, '"ok":[$1,99')),
    ],
    [
      "an attempt was left out",
      "G6",
      (db) => rewrite(db, '%"attempt":1%', (text) => text.replaceAll('"attempt":1', '"attempt":3')),
    ],
    [
      "a sub-job has another state than its record",
      "G3",
      (db) => putPage(db, (bytes) => bytes.fill(4, 104, 105)),
    ],
    [
      "the outcome of a sub-job stands elsewhere",
      "G3",
      (db) =>
        putPage(db, (bytes) => bytes.fill(bytes[4 + 1_024 + 400] === 9 ? 8 : 9, 1_428, 1_429)),
    ],
    [
      "a page of sub-jobs is gone",
      "G3",
      (db) => db.exec("delete from state where key = 'page/done/add/00000001'"),
    ],
    [
      "a counter is off by one",
      "G15",
      (db) =>
        put(db, "step/done/add", (text) =>
          text.replace(/"counts":\[0,0,0,(\d+),/, (_, n: string) => `"counts":[0,0,0,${+n + 1},`),
        ),
    ],
    [
      "a result is folded twice",
      "G3",
      (db) =>
        put(db, "step/done/add", (text) =>
          text.replace(/"accs":\[(\d+),/, (_, n: string) => `"accs":[${+n + 1},`),
        ),
    ],
    [
      "a corrected input is forgotten",
      "G10",
      (db) => db.exec("delete from state where key = 'edits/done/add'"),
    ],
    [
      "a corrected input stands where no redrive brought it",
      "G10",
      (db) => putEdits(db, ([index, offset, issue]) => [index, offset + 1, issue]),
    ],
    [
      "a corrected input counts from an issue that there is not yet",
      "G6",
      (db) => putEdits(db, ([index, offset, issue]) => [index, offset, issue + 99]),
    ],
    [
      "an input is corrected twice by one redrive",
      "G10",
      (db) => putEdits(db, (triple) => [...triple, ...triple]),
    ],
    [
      "a redrive has another number of inputs than it says",
      "G20",
      (db) =>
        rewrite(db, '{"type":"redrive.asked"%', (text) => text.replace('"edits":[', '"edits":[0,')),
    ],
    [
      "corrected inputs are kept of a run that never was",
      "G10",
      (db) =>
        db.exec("insert into state select partition, 'edits/x/add', '[0,0,2]' from partition"),
    ],
    ["a second join", "G4", (db) => append(db, '{"type":"fan-out.joined"%')],
    [
      "a join with other counts",
      "G4",
      (db) =>
        rewrite(db, '{"type":"fan-out.joined"%', (text) =>
          text.replace('"failed":1', '"failed":0'),
        ),
    ],
    [
      "a join before the split was complete",
      "G4",
      (db) =>
        rewrite(db, '{"type":"fan-out.sealed"%', (text) =>
          text.replace(/"total":\d+/, '"total":3'),
        ),
    ],
    [
      "a key twice",
      "G3",
      (db) => rewrite(db, '{"type":"fan-out.grown"%', (text) => text.replace(",k1,", ",k0,")),
    ],
    [
      "a page of items that the directory does not know",
      "G10",
      (db) => put(db, "directory/done/add/00000000", () => "[]"),
    ],
    ["a run begins twice", "G2", (db) => append(db, '{"type":"run.began","run":"done"%')],
    ["a run ends twice", "G13", (db) => append(db, '{"type":"run.ended","run":"done"%')],
    [
      "something new after cancel",
      "G13",
      (db) =>
        append(db, '{"type":"step.began","run":"cancelled"%', (text) =>
          text.replace('"generation":1', '"generation":2'),
        ),
    ],
    [
      "a cancelled run without an end",
      "G13",
      (db) => rewrite(db, '{"type":"run.ended","run":"cancelled"%', () => '{"type":"ticked"}'),
    ],
    ["a run is gone", "G1", (db) => db.exec("delete from state where key = 'run/done'")],
    [
      "a run has another state than its records say",
      "G10",
      (db) => put(db, "run/done", (text) => text.replace('"state":"done"', '"state":"failed"')),
    ],
    [
      "a run has another input than its start",
      "G10",
      (db) => put(db, "run/done", (text) => text.replace('"input":{}', '"input":{"note":"x"}')),
    ],
    [
      "an ended run counts as living",
      "G10",
      (db) => db.exec("insert into state values (0, 'live/done', '')"),
    ],
    [
      "a state without a run",
      "G10",
      (db) => db.exec("insert into state values (0, 'run/ghost', '{}')"),
    ],
    [
      "the list of runs says something else",
      "G15",
      (db) => db.exec(`update runs set row = replace(row, '"done"', '"held"') where run = 'done'`),
    ],
    [
      "the list has a run that never was",
      "G15",
      (db) => db.exec("update runs set run = 'ghost' where run = 'done'"),
    ],
  ];

for (const [what, guarantee, change] of damage)
  test(`check: ${what}: ${guarantee}`, () => {
    const found = guarantees(check(damaged(change), witness));
    assert.ok(
      found.includes(guarantee),
      `expected ${guarantee}, found ${found.join(", ") || "nothing"}`,
    );
  });

test("check: a start or an end that was acknowledged and is not there: G1", () => {
  const more = join(folder, "more.jsonl");
  copyFileSync(witness, more);
  appendFileSync(more, '{"started":"lost"}\n{"ended":"lost"}\n');
  const { violations } = check(good, more);
  assert.deepEqual(
    violations.map(({ guarantee, where }) => `${guarantee} ${where}`),
    ["G1 run lost", "G1 run lost"],
  );
});

test("check: a cancel that was acknowledged, of a run that is done all the same: G13", () => {
  const more = join(folder, "cancels.jsonl");
  copyFileSync(witness, more);
  appendFileSync(more, '{"cancelled":"cancelled"}\n{"cancelled":"done"}\n');
  const { violations } = check(good, more);
  assert.deepEqual(
    violations.map(({ guarantee, where }) => `${guarantee} ${where}`),
    ["G13 run done"],
  );
});

test("check: a success without an execution: G7", () => {
  const less = join(folder, "less.jsonl");
  writeFileSync(less, '{"started":"done"}\n');
  assert.deepEqual(guarantees(check(good, less)), ["G7"]);
});

test("check: a damaged page of the file: G20", () => {
  const path = damaged(() => undefined);
  const file = openSync(path, "r+");
  writeSync(file, Buffer.alloc(4_096, 0xa5), 0, 4_096, 8_192 * 3);
  closeSync(file);
  assert.ok(guarantees(check(path)).includes("G20"));
});

test("check: a file that was not yet made into a store is empty, and then an acknowledged start is lost", () => {
  const path = join(folder, "empty.db");
  new DatabaseSync(path).close();
  const { violations, unchecked } = check(path);
  assert.deepEqual(violations, []);
  assert.match(unchecked.join(), /empty/);
  assert.deepEqual(guarantees(check(path, witness)), ["G1"]);
});

test("check: what is no store cannot be read: G20", () => {
  assert.deepEqual(guarantees(check(witness)), ["G20"]);
  assert.deepEqual(guarantees(check(join(folder, "nothing.db"))), ["G20"]);
});

test("check: what it can tell of is what its page says, and each of it is told in a test", () => {
  const read = (file: string): string => readFileSync(join(import.meta.dirname, file), "utf8");
  const sources = ["check.ts", "fold.ts", "model.ts", "schedules.ts", "store.ts", "witness.ts"]
    .map(read)
    .join("");
  const told = new Set(
    [...sources.matchAll(/(?:tell\(\s*|guarantee: )"(G\d+)"/g)].map(([, id]) => id),
  );
  const rows = [
    ...read("../../docs/internals/checker.md").matchAll(/^\| (G\d+) \| [^|]+ \| (yes|no)\b/gm),
  ];
  assert.deepEqual(
    rows.map(([, id]) => id),
    Array.from({ length: 20 }, (_, n) => `G${n + 1}`),
  );
  const said = rows.flatMap(([, id = "", answer]) => (answer === "yes" ? [id] : []));
  assert.deepEqual(
    said.filter((id) => !told.has(id)),
    [],
  );
  assert.equal(told.size, said.length);
  const tested = new Set([...damage.map(([, guarantee]) => guarantee), "G7"]); // G7 has a test of its own.
  assert.deepEqual(
    said.filter((id) => !tested.has(id)),
    [],
  );
});
