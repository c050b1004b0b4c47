import assert from "node:assert/strict";
import { test } from "node:test";
import type { JobPlan } from "../core/plan.ts";
import { jobLimits, limitText, noHolds } from "./limits.ts";

const send: JobPlan = {
  name: "send",
  queue: "mail",
  retry: { attempts: 5, backoff: "exponential", firstMs: 1_000, maxMs: 60_000 },
  timeoutMs: 1_000,
  limit: { concurrency: 200, rate: { count: 50, perMs: 1_000 } },
  limits: [
    { name: "smtp", concurrency: 3 },
    { name: "hosts", rate: { count: 10, perMs: 60_000 }, key: () => "a" },
  ],
};

test("a job has its own limit, those it shares, and those by key, each with what is under it", () => {
  const flying = { jobs: new Map([["send", 7]]), limits: new Map([["smtp", 3]]) };
  const all = jobLimits(send, noHolds, 0, flying);
  assert.deepEqual(
    all.map((one) => [one.of, one.name, limitText(one), one.inFlight]),
    [
      ["job", "send", "at most 200 at once and 50/s", 7],
      ["shared", "smtp", "at most 3 at once", 3],
      ["key", "hosts", "10/m", 0],
    ],
  );
  assert.deepEqual(
    jobLimits(send, noHolds, 0).map(({ inFlight }) => inFlight),
    [undefined, undefined, undefined],
  );
});

test("who was told to come back later is seen until then, and no longer", () => {
  const holds = {
    jobs: new Map([["send", 100]]),
    nameOf: (limit: string, hash: number) =>
      limit === "hosts" ? ["?", "a.example", "b.example"][hash] : "?",
    keys: new Map([
      [
        "hosts",
        new Map([
          ["1", 60],
          ["2", 90],
          ["3", 50],
        ]),
      ],
    ]),
  };
  const at = (now: number) => {
    const [own, , byKey] = jobLimits(send, holds, now);
    return [own?.heldUntil, byKey?.keys];
  };
  const first = [
    { key: "b.example", until: 90 },
    { key: "a.example", until: 60 },
  ];
  assert.deepEqual(at(50), [100, { held: 2, until: 90, first }]);
  assert.deepEqual(at(70), [100, { held: 1, until: 90, first: first.slice(0, 1) }]);
  assert.deepEqual(at(100), [undefined, undefined]);
});

test("a job without a limit is there while it is held, and then only", () => {
  const { limit: _, limits: __, ...free } = send;
  const holds = { ...noHolds, jobs: new Map([["send", 100]]) };
  assert.deepEqual(
    jobLimits(free, holds, 99).map(({ of, heldUntil }) => [of, heldUntil]),
    [["job", 100]],
  );
  assert.deepEqual(jobLimits(free, holds, 100), []);
});
