/** The independent checker on PostgreSQL: a sound store, and what it says when somebody has been at its rows. */
import assert from "node:assert/strict";
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { before, test } from "node:test";
import { Client } from "pg";
import { checkDatabase, copyStore, judged } from "../../src/check/postgres.ts";
import { check, type Checked } from "../../src/check/check.ts";
import { app, flow, job } from "../../src/index.ts";
import { anything, numbered, numbers } from "../app/parts.ts";
import { fanfold } from "../cli/given.ts";
import { newDatabase, skip, sql } from "../servers/databases.ts";

const folder = mkdtempSync(join(tmpdir(), "fanfold-check-"));
process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
const witness = join(folder, "witness.jsonl");
const items = 1_500;

const add = job("add", {
  input: numbered,
  retry: { attempts: 2, backoff: "fixed", first: "0ms" },
  run({ n }, ctx) {
    appendFileSync(witness, `${JSON.stringify({ ran: `${ctx.run}/add/k${n}` })}\n`);
    if (n === 7 && ctx.attempt === 1) throw new Error("not yet");
    if (n === 8) throw new Error("never");
    return n;
  },
});
const sums = flow("sums", { input: anything }).fanOut("add", add, {
  over: () => numbers(items),
  key: ({ n }) => `k${n}`,
  tolerate: 1,
  fold: (f) => ({ count: f.count(), sum: f.sum((n) => n) }),
});
const parts = [sums, add];

let good = "";

before(async () => {
  if (skip !== false) return;
  writeFileSync(witness, "");
  good = await newDatabase();
  const on = app({ name: "check", url: good, parts });
  const stop = new AbortController();
  const working = on.work({ signal: stop.signal });
  for (const id of ["done", "other"]) {
    const run = await on.start(sums, {}, { id });
    appendFileSync(witness, `${JSON.stringify({ started: id })}\n`);
    await run.result();
    appendFileSync(witness, `${JSON.stringify({ ended: id })}\n`);
  }
  stop.abort();
  await working;
  await on.close();
});

/** Checks the good store after this was done to it; then it is as it was. */
async function damaged(change: string): Promise<readonly string[]> {
  const template = new URL(good).pathname.slice(1);
  const url = await newDatabase();
  const name = new URL(url).pathname.slice(1);
  const other = new URL(good);
  other.pathname = "postgres";
  await sql(other.href, `drop database ${name}`);
  await sql(other.href, `create database ${name} template ${template}`);
  await sql(url, change);
  return guarantees(await checkDatabase(url, witness));
}

const guarantees = ({ violations }: Checked): readonly string[] => [
  ...new Set(violations.map(({ guarantee }) => guarantee)),
];

test(
  "a good store has no violation, every part of it was looked at, and the copy can be checked again",
  { skip },
  async () => {
    const file = join(folder, "copy.db");
    const { violations, counts } = judged(await copyStore(good, file), check(file, witness));
    assert.deepEqual(violations, []);
    assert.equal(counts["runs"], 2);
    assert.equal(counts["rows"], 2);
    assert.equal(counts["joins"], 2);
    assert.equal(counts["partitions"], 8);
    assert.equal(counts["sub-jobs"], 2 * items);
    assert.ok((counts["executions"] ?? 0) >= 2 * items);
    assert.ok((counts["outcomes"] ?? 0) >= 2 * items - 2);
    assert.deepEqual(check(file, witness).counts, counts);
  },
);

const where = `where run = 'done'`;
const damage: readonly (readonly [what: string, guarantee: string, change: string])[] = [
  ["a record is gone", "G19", `delete from fanfold.log where "offset" = 4`],
  ["the log ends elsewhere", "G19", `update fanfold.head set "end" = "end" + 3 where "end" > 0`],
  ["more is decided than was written", "G19", `update fanfold.seat set "offset" = "offset" + 5`],
  ["time goes back", "G11", `update fanfold.log set at = at - 60000 where "offset" = 6`],
  ["a record is not an event", "G20", `update fanfold.log set record = 'x' where "offset" = 5`],
  ["a table is gone", "G20", "drop table fanfold.viewed"],
  ["a run is gone", "G1", "delete from fanfold.state where key = 'run/done'"],
  ["a state without a run", "G10", "insert into fanfold.state values (0, 'run/ghost', '{}')"],
  [
    "a page of sub-jobs is gone",
    "G3",
    "delete from fanfold.state where key = 'page/done/add/00000001'",
  ],
  [
    "a sub-job has another state",
    "G3",
    "update fanfold.state set bytes = set_byte(bytes, 104, 4) where key = 'page/done/add/00000000'",
  ],
  [
    "a second join",
    "G4",
    `insert into fanfold.log select partition, (select "end" from fanfold.head h where h.partition = l.partition), at, record
       from fanfold.log l where record like '{"type":"fan-out.joined","run":"done"%';
     update fanfold.head set "end" = "end" + 1 where "end" > 0`,
  ],
  [
    "the list of runs says something else",
    "G15",
    `update fanfold.run set row = replace(row, '"done"', '"held"') ${where}`,
  ],
  ["the list has a run that never was", "G15", `update fanfold.run set run = 'ghost' ${where}`],
];

for (const [what, guarantee, change] of damage)
  test(`${what}: ${guarantee}`, { skip }, async () => {
    const found = await damaged(change);
    assert.ok(
      found.includes(guarantee),
      `expected ${guarantee}, found ${found.join(", ") || "nothing"}`,
    );
  });

test(
  "what was acknowledged and is not there: G1; in the outbox it is on its way",
  { skip },
  async () => {
    const more = join(folder, "more.jsonl");
    writeFileSync(more, '{"started":"lost"}\n{"started":"sent"}\n');
    const url = await newDatabase();
    const on = app({ name: "check", url, parts });
    await on.runs(); // Opens it: the schema is made. Nobody works, but whoever has it open serves.
    await on.close();
    const client = new Client({ connectionString: url });
    await client.connect();
    await client.query("begin");
    const shop = app({ name: "check", url, parts });
    await shop.within(client).start(sums, {}, { id: "sent" });
    await shop.close();
    await client.query("commit");
    await client.end();
    const { violations, unchecked } = await checkDatabase(url, more);
    assert.deepEqual(
      violations.map(({ guarantee, where }) => `${guarantee} ${where}`),
      ["G1 run lost"],
    );
    assert.match(unchecked.join(), /1 in the outbox/);
  },
);

test(
  "a database in which nothing ran is empty; one that does not answer is not judged",
  { skip },
  async () => {
    const { violations, unchecked } = await checkDatabase(await newDatabase());
    assert.deepEqual(violations, []);
    assert.match(unchecked.join(), /empty/);
    const closed = new URL(good);
    closed.port = "1";
    await assert.rejects(checkDatabase(closed.href), { code: "ECONNREFUSED" });
  },
);

test("fanfold check and fanfold doctor take its URL, and show no password", { skip }, async () => {
  const checked = await fanfold("check", good, "--witness", witness);
  assert.equal(checked.code, 0, checked.stdout + checked.stderr);
  assert.match(checked.stdout, /2 runs/);
  assert.match(checked.stderr, /all that was looked at holds/);

  const doctor = await fanfold("doctor", "--url", good);
  assert.equal(doctor.code, 0, doctor.stdout);
  for (const line of [
    /✓ {2}server +PostgreSQL \d+\.\d+.* connections in use/,
    /✓ {2}durability +every commit is synced/,
    /✓ {2}schema +version \d+, 8 partitions/,
    /✓ {2}serving +nobody is at work on it/,
    /✓ {2}clock +\S+ m?s (?:behind|ahead of) the database/,
    /commit +median .* of 50/,
    /✓ {2}listen +news takes/,
  ])
    assert.match(doctor.stdout, line);

  const closed = new URL(good);
  closed.port = "1";
  closed.password = "hunter2";
  const unreachable = await fanfold("check", closed.href);
  assert.equal(unreachable.code, 7, unreachable.stderr);
  assert.match(unreachable.stderr, /does not answer/);
  const unfit = await fanfold("doctor", "--url", closed.href);
  assert.equal(unfit.code, 9, unfit.stdout);
  for (const { stdout, stderr } of [unreachable, unfit])
    assert.doesNotMatch(stdout + stderr, /hunter2/);
  const nowhere = new URL(good);
  nowhere.pathname = "/nowhere";
  const refused = await fanfold("runs", "--app", "know-app.ts", "--url", nowhere.href);
  assert.equal(refused.code, 7);
  assert.match(
    refused.stderr,
    /nowhere does not exist .*create it with createdb\n {4}fanfold doctor\n$/,
  );
  assert.equal((await fanfold("check", "memory:")).code, 2);
});

test("check of an app against a database looks on: it serves nothing there", { skip }, async () => {
  const url = await newDatabase();
  const on = app({ name: "check", url, parts });
  await on.start(sums, {}, { id: "open" });
  await on.close();
  const seats = (): ReturnType<typeof sql> => sql(url, "select * from fanfold.seat order by 1");
  const before = await seats();
  const said = await fanfold("check", "--against", url, "--app", "fit-app.ts");
  assert.equal(said.code, 9, said.stderr);
  assert.match(said.stdout, /✗ sums {3}1 run is under way, and this program has no such flow\n/);
  assert.deepEqual(await seats(), before);
});
