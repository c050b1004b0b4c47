/** What is given up on in several runs: exact counts, and a bounded answer. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Group } from "../core/failures.ts";
import { limits } from "../core/limits.ts";
import type { StoredFanOut, StoredRun } from "../core/stored.ts";
import { newSingle, type Single } from "../core/single.ts";
import { gatherFailures } from "./failures.ts";

const run = (id: string, more: Partial<StoredRun> = {}): StoredRun => ({
  run: id,
  flow: "mail",
  state: "held",
  input: {},
  request: id,
  priority: "normal",
  startedAt: 0,
  steps: ["send"],
  at: 0,
  results: {},
  answers: [],
  ...more,
});

const step = (groups: readonly Group[], single: Partial<Single> = {}): StoredFanOut => ({
  kind: "fan-out",
  name: "send",
  state: "held",
  generation: 1,
  single: { ...newSingle(), ...single },
  late: 0,
  stale: 0,
  base: 0,
  size: 0,
  counts: [],
  next: 0,
  pages: 0,
  groups,
  duplicate: 0,
  swept: 0,
  duplicateKeys: 0,
  took: [],
  tookUs: 0,
  recent: [],
});

const group = (signature: string, count: number): Group => ({
  signature,
  message: signature,
  count,
  keys: ["k"],
  firstAt: count,
  lastAt: count,
});

test("a kind in many runs is one group: counted exactly, with ten of the runs, those with the most of it first", () => {
  const gathering = gatherFailures({});
  for (let n = 1; n <= 30; n += 1)
    gathering.add(run(`r${n}`), [step([group("busy", n)])], undefined);
  const { groups, count, runs } = gathering.all();
  const [busy] = groups;
  assert.deepEqual([groups.length, count, runs], [1, 465, 30]);
  assert.deepEqual([busy?.count, busy?.runs, busy?.firstAt, busy?.lastAt], [465, 30, 1, 30]);
  const samples = busy?.samples.map((sample) => sample.count);
  assert.deepEqual(samples, [30, 29, 28, 27, 26, 25, 24, 23, 22, 21]);
});

test("of more kinds than an answer lists, those in no group are counted", () => {
  const gathering = gatherFailures({});
  const kinds = limits.failedGroups + 7;
  for (let n = 0; n < kinds; n += 1)
    gathering.add(run(`r${n}`), [step([group(`kind-${n}`, 2)])], undefined);
  gathering.add(run("last"), [step([group("kind-3", 1)])], undefined);
  const { groups, count, runs } = gathering.all();
  assert.deepEqual([groups.length, count, runs], [limits.failedGroups, 2 * kinds + 1, kinds + 1]);
  assert.deepEqual([groups[0]?.signature, groups[0]?.count], ["kind-3", 3]);
});

test("the number in the command is that of the run's own list, also where another step's failures come first", () => {
  const gathering = gatherFailures({ flow: "mail" });
  const other = { ...step([group("late", 9)]), name: "other" };
  const about = run("r", { steps: ["send", "other"] });
  gathering.add(about, [step([group("busy", 2), group("gone", 4)]), other], undefined);
  gathering.add(run("s", { flow: "letters" }), [step([group("busy", 2)])], undefined);
  assert.deepEqual(
    gathering.all().groups.map(({ samples }) => samples[0]?.command.join(" ")),
    ["redrive r --group 1", "redrive r --group 2", "redrive r --group 3"],
  );
});

test("a split that is tried again is not given up on; one that failed is, and is run again by its step", () => {
  const error = { name: "Error", message: "no list" };
  for (const [state, count] of [
    ["retrying", 0],
    ["failed", 1],
  ] as const) {
    const gathering = gatherFailures({});
    gathering.add(run("r"), [step([], { state, error, attempts: 3 })], undefined);
    const { groups, ...sums } = gathering.all();
    assert.deepEqual(sums, { count, runs: count });
    for (const { samples } of groups)
      assert.deepEqual(samples[0]?.command, ["redrive", "r", "--step", "send"]);
  }
});
