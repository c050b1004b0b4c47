import assert from "node:assert/strict";
import { test } from "node:test";
import type { Looked } from "../engines/postgres/look.ts";
import { judged } from "./postgres-checks.ts";

const fit: Looked = {
  version: 150_018,
  versionName: "15.18",
  connections: { used: 12, most: 100 },
  settings: { fsync: "on", synchronous_commit: "on", full_page_writes: "on", data_checksums: "on" },
  encoding: "UTF8",
  mayCreate: false,
  schema: { schema: 2, partitions: 8, served: 8, by: 2, bytes: 81_920, outbox: 0 },
  oldest: { seconds: 3, pid: 7, who: "psql" },
  aheadMs: -12,
  commitsMs: [1, 2, 3],
  heardMs: 1.5,
};

const worst = (looked: Looked): readonly string[] =>
  judged(looked)
    .filter(({ state }) => state !== "ok")
    .map(({ name, state }) => `${name} ${state}`);

test("a fit server has nothing to fix, and every line says what was seen", () => {
  assert.deepEqual(worst(fit), []);
  assert.deepEqual(
    judged(fit).map(({ name, text }) => `${name}: ${text}`),
    [
      "server: PostgreSQL 15.18, 12 of 100 connections in use",
      "durability: every commit is synced before it is acknowledged; pages have checksums",
      "schema: version 2, 8 partitions, 80 KiB",
      "serving: 2 processes serve 8 of 8 partitions",
      "vacuum: no transaction is old: what is deleted can be cleaned up",
      "clock: 12 ms behind the database",
      "commit: median 2 ms, longest 3 ms of 50",
      "listen: news takes 1.5 ms",
    ],
  );
});

test("what one process serves, and what waits in the outbox, is said as one would", () => {
  const schema = { schema: 2, partitions: 8, served: 8, by: 1, bytes: 81_920, outbox: 3 };
  const said = (more: Partial<typeof schema>): string | undefined =>
    judged({ ...fit, schema: { ...schema, ...more } }).find(({ name }) => name === "serving")?.text;
  assert.equal(said({}), "1 process serves 8 of 8 partitions, 3 in the outbox");
  assert.equal(said({ served: 0, by: 0, outbox: 0 }), "nobody is at work on it");
});

const ills: readonly (readonly [what: string, said: string, more: Partial<Looked>])[] = [
  ["a server too old", "server bad", { version: 120_000 }],
  ["hardly a connection left", "server warn", { connections: { used: 95, most: 100 } }],
  [
    "commits that are not synced",
    "durability bad",
    { settings: { ...fit.settings, fsync: "off" } },
  ],
  [
    "acknowledged before it is synced",
    "durability bad",
    { settings: { ...fit.settings, synchronous_commit: "off" } },
  ],
  ["another encoding", "schema bad", { encoding: "LATIN1" }],
  ["no schema, and no right to make it", "schema bad", { schema: undefined }],
  [
    "a partition that nobody serves",
    "serving warn",
    { schema: { schema: 2, partitions: 8, served: 7, by: 2, bytes: 0, outbox: 0 } },
  ],
  ["an old transaction", "vacuum warn", { oldest: { seconds: 7_000, pid: 7, who: "psql" } }],
  ["a clock that is far off", "clock warn", { aheadMs: 60_000 }],
  ["slow commits", "commit warn", { commitsMs: [40, 50, 60] }],
  ["a pooler that keeps news back", "listen warn", { heardMs: undefined }],
];

for (const [what, said, more] of ills)
  test(`${what}: ${said}`, () => {
    assert.deepEqual(worst({ ...fit, ...more }), [said]);
  });
