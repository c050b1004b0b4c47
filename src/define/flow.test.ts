import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";
import { type FanOutOptions, flow, paged, type FlowDefinition } from "./flow.ts";
import { job } from "./job.ts";

const input = z.object({ month: z.string() });
const send = job("send", {
  input: z.object({ id: z.string() }),
  run: ({ id }) => ({ id, cents: 1 }),
});
const over = (): { id: string }[] => [{ id: "a" }];
const key = (item: { id: string }): string => item.id;
const work = {
  queue: "default",
  retry: { attempts: 3, backoff: "exponential", firstMs: 1_000, maxMs: 60_000 },
  timeoutMs: 300_000,
};

test("a flow is a plan for the core, and the functions for the workers", () => {
  const check = (): number => 1;
  const monthly = flow("monthly", { input, deadline: "90m", priority: "high", version: 2 })
    .step("check", check, { retry: 1, timeout: "30s", queue: "db" })
    .fanOut("invoices", send, { over, key, concurrency: 400, tolerate: "1%", beyond: "fail" });
  assert.deepEqual(monthly.plan, {
    name: "monthly",
    version: 2,
    priority: "high",
    deadlineMs: 5_400_000,
    steps: [
      {
        kind: "step",
        name: "check",
        queue: "db",
        retry: { ...work.retry, attempts: 1 },
        timeoutMs: 30_000,
      },
      {
        kind: "fan-out",
        name: "invoices",
        ...work,
        job: send.plan,
        concurrency: 400,
        tolerate: { percent: 1 },
        beyond: "fail",
      },
    ],
  });
  assert.deepEqual(monthly.steps, [
    { kind: "step", name: "check", run: check },
    { kind: "fan-out", name: "invoices", job: send, over, key },
  ]);
  assert.equal(monthly.input, input);
});

test("a fan-out holds and tolerates nothing unless told otherwise", () => {
  const { plan } = flow("f", { input }).fanOut("x", send, { over, key });
  assert.deepEqual(plan.steps, [
    { kind: "fan-out", name: "x", ...work, job: send.plan, tolerate: { count: 0 }, beyond: "hold" },
  ]);
});

test("the split is attempted by its own rules", () => {
  const { plan } = flow("f", { input }).fanOut("x", send, {
    over,
    key,
    split: { timeout: "1h", queue: "slow" },
  });
  const [step] = plan.steps;
  assert.equal(step?.timeoutMs, 3_600_000);
  assert.equal(step.queue, "slow");
});

test("each call returns a new flow and leaves the old one alone", () => {
  const start = flow("f", { input });
  const a = start.step("a", () => 1);
  const b = start.step("b", () => 2);
  assert.deepEqual(
    [start, a, b].map(({ plan }) => plan.steps.map(({ name }) => name)),
    [[], ["a"], ["b"]],
  );
});

test("pages are told from functions", async () => {
  const pages = paged((_: { input: { month: string } }, cursor: number | undefined) => ({
    items: [{ id: `c${cursor ?? 0}` }],
    next: (cursor ?? 0) + 1,
  }));
  const [step] = flow("f", { input }).fanOut("x", send, { over: pages, key }).steps;
  assert.ok(step?.kind === "fan-out" && typeof step.over === "object");
  assert.equal(step.over.kind, "pages");
});

test("two steps of one name, and a step called input, are refused", () => {
  const one = flow("f", { input }).step("one", () => 1);
  const taken: string = "one";
  assert.throws(() => one.step(taken, () => 2), {
    name: "UsageError",
    message: 'flow "f" already has a step called "one"',
  });
  assert.throws(() => one.fanOut(taken, send, { over, key }), /already has a step called "one"/);
  const reserved: string = "input";
  assert.throws(() => one.step(reserved, () => 2), {
    message:
      'flow "f" cannot have a step called "input": it is what steps call the input of the run',
  });
});

test("what cannot be meant by a fan-out is refused, with what was expected", () => {
  const f = flow("f", { input });
  type Options = FanOutOptions<
    { input: { month: string } },
    { id: string },
    { id: string; cents: number },
    undefined
  >;
  const wrong: readonly (readonly [Partial<Record<keyof Options, unknown>>, string])[] = [
    [{ over: [1] }, 'over of step "x" of flow "f" must be a function or paged(…), got an array'],
    [{ key: "id" }, 'key of step "x" of flow "f" must be a function, got "id"'],
    [
      { concurrency: 0 },
      'concurrency of step "x" of flow "f" must be an integer from 1 to 9007199254740991, got 0',
    ],
    [
      { tolerate: 0.01 },
      'tolerate of step "x" of flow "f" must be a whole number from 0, or a share from "0%" to "100%", got 0.01',
    ],
    [
      { beyond: "stop" },
      'beyond of step "x" of flow "f" must be one of "hold", "fail", got "stop"',
    ],
    [
      { split: { timeout: "1" } },
      'timeout of the split of step "x" of flow "f" must be a duration such as "500ms", "90s", "5m", "2h" or "3d", got "1"',
    ],
    [{ fold: 3 }, 'fold of step "x" of flow "f" must be a function, got 3'],
  ];
  for (const [given, message] of wrong) {
    const options = { over, key, ...given } as Options; // oxlint-disable-line typescript/no-unsafe-type-assertion -- what a caller without a compiler may do
    assert.throws(() => f.fanOut("x", send, options), { name: "UsageError", message });
  }
  const nothing = undefined as unknown as typeof send; // oxlint-disable-line typescript/no-unsafe-type-assertion -- the same
  assert.throws(() => f.fanOut("x", nothing, { over, key }), {
    message: 'step "x" of flow "f" needs a job, got undefined',
  });
});

test("what cannot be meant by a flow is refused, with what was expected", () => {
  const wrong: readonly (readonly [
    Partial<Record<keyof FlowDefinition<typeof input>, unknown>>,
    string,
  ])[] = [
    [
      { input: { month: "string" } },
      'input of flow "f" must be a Standard Schema (zod, valibot, arktype …), got an object',
    ],
    [{ deadline: "0m" }, 'deadline of flow "f" must be at least "1ms", got "0m"'],
    [
      { priority: "asap" },
      'priority of flow "f" must be one of "low", "normal", "high", "urgent", got "asap"',
    ],
    [{ version: 0 }, 'version of flow "f" must be an integer from 1 to 9007199254740991, got 0'],
  ];
  for (const [given, message] of wrong) {
    const definition = { input, ...given } as FlowDefinition<typeof input>; // oxlint-disable-line typescript/no-unsafe-type-assertion -- the same
    assert.throws(() => flow("f", definition), { name: "UsageError", message });
  }
  assert.throws(() => flow("a flow", { input }), /name of a flow must be 1 to 64 letters/);
  assert.throws(
    () => flow("f", { input }).step("a step", () => 1),
    /name of a step of flow "f" must be/,
  );
});
