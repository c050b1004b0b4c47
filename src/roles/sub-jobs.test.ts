import assert from "node:assert/strict";
import { test } from "node:test";
import { virtualClock } from "../contract/given.ts";
import type { SliceTask } from "../core/task.ts";
import { job, type Job } from "../define/job.ts";
import type { Wills } from "../ports/wills.ts";
import { outcomes as collect, type Outcomes } from "./outcomes.ts";
import { subJobs, type SubJobs } from "./sub-jobs.ts";

const anything = {
  "~standard": { version: 1, vendor: "test", validate: (value: unknown) => ({ value }) },
} as const;

/** Slots that run this job, and slices of two of its sub-jobs in hand. */
function running(
  slices: number,
  options: { clock: ReturnType<typeof virtualClock>; one: Job; slots: number; wills?: Wills },
): { slots: SubJobs; outcomes: Outcomes } {
  const { clock, one, wills } = options;
  const outcomes = collect("w");
  const tools = { now: clock.now, log: () => undefined, progress: () => undefined };
  const onOutcome = (): void => undefined;
  const slots = subJobs({ slots: options.slots, clock, tools, outcomes, wills, onOutcome });
  const home = { partition: 0, run: "r", step: "s", generation: 0 };
  const items = Array.from({ length: slices * 2 }, () => null);
  const page = { from: 0, keys: items.map((_, n) => `${n}`), items };
  for (let n = 0; n < slices; n += 1) {
    const task: SliceTask = {
      kind: "slice",
      queue: "default",
      priority: "normal",
      ...home,
      flow: "f",
      job: one.name,
      from: n * 2,
      count: 2,
      pages: [0, 0],
    };
    const pages = [{ from: 0, open: () => page }];
    const lease = { id: `${n}`, task, delivery: 1 };
    slots.add({ lease, task, home, job: one, pages, begun: 0, left: 2, dropped: false });
  }
  return { slots, outcomes };
}

test("what begins next has its will before a slot is free for it, and a will goes when the outcomes are handed on", async () => {
  const clock = virtualClock();
  let seen: string[] = [];
  const wills: Wills = {
    make(will) {
      const { subJobs } = JSON.parse(will.text) as { subJobs: number[] }; // oxlint-disable-line typescript/no-unsafe-type-assertion -- roles/loss.ts made it
      const first = subJobs[0] ?? -1;
      seen.push(`will of ${first}`);
      return first;
    },
    revoke: (id) => seen.push(`revoked that of ${id}`),
    forgive: () => undefined,
    left: [],
    exited: false,
  };
  const one = job("one", {
    input: anything,
    async run(_, { key }) {
      seen.push(`began ${key}`);
      await clock.sleep(60);
    },
  });
  const { slots } = running(4, { clock, one, slots: 2, wills });
  slots.pump();
  await clock.sleep(0);
  assert.deepEqual(seen, ["will of 0", "began r/s/0", "began r/s/1", "will of 2"]);
  seen = [];
  clock.advance(60);
  await clock.sleep(0);
  assert.deepEqual(seen, ["began r/s/2", "began r/s/3"]);
  seen = [];
  slots.takeFinished();
  slots.pump();
  assert.deepEqual(seen, ["revoked that of 0", "will of 4"]);
});

test("a slot has its next one before the outcome is collected, and the result is what it was when it was returned", async () => {
  const clock = virtualClock();
  const shared = { n: 0 };
  const collectedAtBegin: boolean[] = [];
  const one = job("one", {
    input: anything,
    async run() {
      shared.n += 1;
      collectedAtBegin.push(!outcomes.isEmpty());
      await clock.sleep(60);
      return shared;
    },
  });
  const { slots, outcomes } = running(1, { clock, one, slots: 1 });
  slots.pump();
  await clock.sleep(0); // Its turn is over.
  clock.advance(60);
  await clock.sleep(0);
  assert.deepEqual(collectedAtBegin, [false, false]);
  const [first] = outcomes.take();
  assert.match(first?.text ?? "", /\[\{"n":1\}\]$/);
});
