import assert from "node:assert/strict";
import { test } from "node:test";

import type { FanOutPlan, FlowPlan, PlainPlan } from "../core/plan.ts";
import { newSingle, type Single } from "../core/single.ts";
import type { StoredFanOut, StoredPlain, StoredRun } from "../core/stored.ts";
import type { SubJobRecord } from "./status.ts";
import { whyRun, whyStep, whySubJob, type Why, type WhyFacts } from "./why.ts";

const now = 1_000_000;
const retry = { attempts: 3, backoff: "fixed", firstMs: 1_000, maxMs: 1_000 } as const;
const work = { queue: "default", retry, timeoutMs: 60_000 };
const job = { ...work, name: "send", queue: "mail" };
const check: PlainPlan = { kind: "step", name: "check", ...work };
const report: PlainPlan = { ...check, name: "report" };
const send: FanOutPlan = {
  kind: "fan-out",
  name: "send",
  ...work,
  job,
  tolerate: { count: 0 },
  beyond: "hold",
};
const plan: FlowPlan = {
  name: "invoices",
  version: 1,
  priority: "normal",
  steps: [check, send, report],
};

const run: StoredRun = {
  run: "r",
  flow: "invoices",
  state: "running",
  input: {},
  request: "1",
  priority: "normal",
  startedAt: 0,
  steps: ["check", "send", "report"],
  at: 1,
  results: {},
  answers: [],
};

const single = (more: Partial<Single> = {}): Single => ({ ...newSingle(), ...more });
const flying = single({ state: "in-flight", issue: 1, at: now - 5_000 });
const common = { generation: 1, startedAt: 0, late: 0, stale: 0 };
const plain = (name: string, state: StoredPlain["state"], main: Single): StoredPlain => ({
  kind: "step",
  name,
  state,
  ...common,
  single: main,
});
const done = plain("check", "done", single({ state: "ok" }));

function fanOut(
  counts: { waiting?: number; inFlight?: number; retrying?: number; ok?: number },
  more: Partial<StoredFanOut> & { readonly isOpen?: true } = {},
): StoredFanOut {
  const { isOpen = false, ...rest } = more;
  const { waiting = 0, inFlight = 0, retrying = 0, ok = 0 } = counts;
  const size = waiting + inFlight + retrying + ok;
  return {
    kind: "fan-out",
    name: "send",
    state: "running",
    ...common,
    single: single({ state: "ok" }),
    base: 0,
    size,
    ...(isOpen ? {} : { total: size }),
    counts: [waiting, inFlight, retrying, ok],
    next: size - waiting,
    pages: 1,
    groups: [],
    duplicate: 0,
    swept: 0,
    duplicateKeys: 0,
    took: [],
    tookUs: 0,
    recent: [],
    ...rest,
  };
}

const worker = { slots: 4, queues: ["default", "mail"], until: now + 1_000 };

const given = (more: Partial<WhyFacts> = {}): WhyFacts => ({
  run,
  steps: [done, undefined, undefined],
  plan,
  pauses: new Map(),
  workers: [worker],
  first: undefined,
  dueAt: undefined,
  held: undefined,
  keys: undefined,
  offset: 7,
  at: now,
  ...more,
});

const at = (step: StoredFanOut, more: Partial<WhyFacts> = {}): WhyFacts =>
  given({ steps: [done, step, undefined], ...more });

/** Cause, sentence and command of each. */
const said = ({ causes }: Why): readonly (readonly [string, string, string])[] =>
  causes.map(({ cause, because, command }) => [cause, because, command?.join(" ") ?? ""]);

test("a run that has not begun waits for its time, or for room", () => {
  const waiting = (startedAt: number): Why =>
    whyRun(given({ run: { ...run, state: "waiting", at: 0, startedAt }, steps: [] }));
  assert.deepEqual(said(waiting(now + 1)), [
    ["not-begun", "it is to begin at a later time", "show r"],
  ]);
  assert.equal(waiting(now + 1).causes[0]?.at, now + 1);
  assert.match(said(waiting(now))[0]?.[1] ?? "", /8,192 sent jobs are under way/);
});

test("a run that ended waits for nothing; a failed one can be redriven, a cancelled one cannot", () => {
  const ended = (more: Partial<StoredRun>): Why =>
    whyRun(given({ run: { ...run, endedAt: now, ...more } }));
  assert.deepEqual(said(ended({ state: "done", at: 3 })), [["ended", "it is done", "show r"]]);
  assert.deepEqual(said(ended({ state: "failed", because: "step check failed: no" })), [
    ["ended", "it has failed: step check failed: no", "redrive r"],
  ]);
  assert.deepEqual(said(ended({ state: "cancelled" })), [["ended", "it was cancelled", "show r"]]);
});

test("a held run waits for a person, and so do its steps and open sub-jobs", () => {
  const held = at(fanOut({ ok: 3, waiting: 1 }, { state: "held" }), {
    run: { ...run, state: "held", because: "1 of 4 failed, 0 tolerated" },
  });
  const person = [
    ["held", "it waits for a person: 1 of 4 failed, 0 tolerated", "redrive r"],
  ] as const;
  assert.deepEqual(said(whyRun(held)), person);
  assert.deepEqual(said(whyStep(held, "send")), person);
  assert.deepEqual(said(whyStep(held, "report")), person);
  assert.deepEqual(said(whySubJob(held, record("waiting"))), person);
});

test("a flow, or a step, that this program does not know", () => {
  const rest = ", and only one that does can go on with it";
  assert.deepEqual(said(whyRun(given({ plan: undefined }))), [
    ["unknown-flow", `this program does not know flow "invoices"${rest}`, "worker --app …"],
  ]);
  assert.deepEqual(said(whyRun(given({ plan: { ...plan, steps: [check, report] } }))), [
    [
      "unknown-flow",
      `this program does not know step "send" of flow "invoices" any more${rest}`,
      "worker --app …",
    ],
  ]);
});

test("a plain step: in flight, tried again later, or nobody to do it", () => {
  const body = (main: Single, more: Partial<WhyFacts> = {}): WhyFacts =>
    given({
      run: { ...run, at: 0 },
      steps: [plain("check", "running", main), undefined, undefined],
      ...more,
    });
  assert.deepEqual(said(whyRun(body(flying))), [
    ["in-flight", "its body is in flight: attempt 1 of 3", "show r/check"],
  ]);
  const error = { name: "Error", message: "451 busy" };
  const retrying = single({ state: "retrying", attempts: 1, at: now + 3_000, error });
  const again = whyRun(body(retrying));
  assert.deepEqual(said(again), [
    ["retry", "its body failed (451 busy) and is tried again: attempt 2 of 3", ""],
  ]);
  assert.equal(again.causes[0]?.at, now + 3_000);
  assert.deepEqual(said(whyRun(body(flying, { workers: [] }))), [
    ["no-worker", 'its body waits: no worker serves queue "default"', "worker --queues default"],
  ]);
});

test("a step that has not begun waits for the one the run is at; one that is over is over", () => {
  const facts = at(fanOut({ inFlight: 1 }));
  assert.deepEqual(said(whyStep(facts, "report")), [
    ["step", 'it has not begun: it waits for step "send"', "why r/send"],
  ]);
  assert.deepEqual(said(whyStep(facts, "check")), [["ended", "it is done", "show r/check"]]);
});

test("a fan-out: its split, those in flight, the next retry, and those that wait for a slot", () => {
  const facts = at(
    fanOut({ waiting: 3_000, inFlight: 4, retrying: 2, ok: 10 }, { isOpen: true, single: flying }),
    { first: "k7", dueAt: now + 500 },
  );
  const why = whyRun(facts);
  assert.deepEqual(said(why), [
    ["split", "its split is not over: 3,016 sub-jobs so far", "close r --reason …"],
    ["in-flight", "4 sub-jobs are in flight, the first of them k7", "show r/send/k7"],
    ["retry", "2 sub-jobs wait for their next attempt, the first of them", ""],
    [
      "slots",
      '3,000 sub-jobs wait for a free slot: 1 worker with 4 slots serves queue "mail"',
      "worker --queues mail",
    ],
  ]);
  assert.equal(why.causes[2]?.at, now + 500);
  assert.deepEqual([why.asOf, why.at], [7, now]);
});

test("a split that failed once is tried again at a time", () => {
  const error = { name: "Error", message: "no database" };
  const main = single({ state: "retrying", attempts: 2, at: now + 9, error });
  assert.deepEqual(said(whyRun(at(fanOut({}, { isOpen: true, single: main })))), [
    ["retry", "its split failed (no database) and is tried again: attempt 3 of 3", ""],
  ]);
});

test("a limit of the step is named as such", () => {
  const limited: FlowPlan = { ...plan, steps: [check, { ...send, concurrency: 2 }, report] };
  const [, turn] = said(whyRun(at(fanOut({ waiting: 1, inFlight: 2 }), { plan: limited })));
  assert.deepEqual(turn, [
    "concurrency",
    "1 sub-job waits for a turn: at most 2 of send may be in flight at once",
    "set r --concurrency …",
  ]);
});

test("a pace that people have set is named, with the command that changes it", () => {
  const adjusted = { rate: { count: 10, perMs: 1_000 } };
  const [turn] = said(whyRun(at(fanOut({ waiting: 9 }, { adjusted }))));
  assert.deepEqual(turn, [
    "rate",
    "9 sub-jobs wait for its pace: 10/s of send may be begun",
    "set r/send --rate …",
  ]);
});

test("who was told to come back later is said first, and when it may", () => {
  const facts = { held: { of: "job", until: now + 9 } } as const;
  const { causes } = whyRun(at(fanOut({ waiting: 9 }), facts));
  assert.deepEqual(causes, [
    {
      cause: "limit",
      because: '9 sub-jobs wait because job "send" was told to come back later',
      at: now + 9,
      command: undefined,
    },
  ]);
  const over = { held: { of: "key", until: now } } as const;
  assert.equal(whyRun(at(fanOut({ waiting: 9 }), over)).causes[0]?.cause, "slots");
});

test("keys of a limit that sub-jobs wait for are named, each with its reason; of more, it is said how many", () => {
  const rate = { count: 10, perMs: 60_000 };
  const limit = { name: "hosts", concurrency: 2, rate, key: () => "" };
  const told = { key: "full.example", waiting: 4, because: "told", until: now + 9 } as const;
  const keys = [
    told,
    { key: "slow.example", waiting: 2, because: "rate", until: now + 5 },
    { key: undefined, waiting: 1, because: "concurrency", until: undefined },
  ] as const;
  const facts = { keys: { limit, keys, others: 3, waiting: 6 } };
  const { causes } = whyRun(at(fanOut({ waiting: 20 }), facts));
  assert.deepEqual(
    causes.map(({ because, at }) => [because, at]),
    [
      [
        '4 sub-jobs wait for key "full.example" of limit "hosts": it was told to come back later',
        now + 9,
      ],
      ['2 sub-jobs wait for key "slow.example" of limit "hosts": 10/m of it may be begun', now + 5],
      [
        '1 sub-job waits for one key of limit "hosts": at most 2 at once may be in flight of it',
        undefined,
      ],
      ['6 sub-jobs wait for 3 other keys of limit "hosts"', undefined],
      ['7 sub-jobs wait for a free slot: 1 worker with 4 slots serves queue "mail"', undefined],
    ],
  );
  const held = { of: "job", until: now + 1 } as const;
  const [first] = whyRun(at(fanOut({ waiting: 20 }), { ...facts, held })).causes;
  assert.equal(first?.because, '20 sub-jobs wait because job "send" was told to come back later');
});

test("no worker serves the queue: none at all, one of other queues, one that has been silent", () => {
  const expected = [
    ["no-worker", '3 sub-jobs wait: no worker serves queue "mail"', "worker --queues mail"],
  ];
  for (const workers of [[], [{ ...worker, queues: ["default"] }], [{ ...worker, until: now - 1 }]])
    assert.deepEqual(said(whyRun(at(fanOut({ waiting: 2, inFlight: 1 }), { workers }))), expected);
});

const record = (state: string, more: Partial<SubJobRecord> = {}): SubJobRecord => ({
  run: "r",
  step: "send",
  key: "k9",
  index: 9,
  state,
  input: {},
  edits: [],
  result: undefined,
  progress: undefined,
  dueAt: undefined,
  attempts: [],
  ...more,
});

const failed = {
  attempt: 1,
  outcome: "failed",
  at: now - 10,
  ms: 3,
  error: { name: "Error", message: "451 busy" },
};

test("a sub-job: in flight, waiting behind others, retried, without a worker", () => {
  const facts = at(fanOut({ waiting: 10, inFlight: 4, ok: 2 }));
  const of = (one: SubJobRecord, more: Partial<WhyFacts> = {}) =>
    said(whySubJob({ ...facts, ...more }, one));
  assert.deepEqual(of(record("in-flight", { attempts: [failed] })), [
    ["in-flight", "it is in flight: attempt 2 of 3", "show r/send/k9"],
  ]);
  assert.deepEqual(of(record("waiting")), [
    [
      "slots",
      'it waits for a free slot: 1 worker with 4 slots serves queue "mail", and 3 others go before it',
      "worker --queues mail",
    ],
  ]);
  assert.deepEqual(of(record("retrying", { attempts: [failed] }), { dueAt: now + 5 }), [
    ["retry", "its attempt 1 of 3 ended (451 busy): it waits for the next", ""],
  ]);
  assert.deepEqual(of(record("waiting"), { workers: [] }), [
    ["no-worker", 'it waits: no worker serves queue "mail"', "worker --queues mail"],
  ]);
});

test("a sub-job that is over says how, and a failed one how to run it again", () => {
  const facts = at(fanOut({ ok: 10 }));
  assert.deepEqual(said(whySubJob(facts, record("ok"))), [
    ["ended", "it is ok", "show r/send/k9 --payload"],
  ]);
  assert.deepEqual(said(whySubJob(facts, record("failed", { attempts: [failed] }))), [
    ["ended", "it is given up on, failed: 451 busy", "redrive r --step send --keys k9"],
  ]);
});

test("what is paused says so first, and by whom; not that it wants a slot", () => {
  const acme = { of: "customer", name: "acme", at: 5, author: "anna", reason: "not paid" } as const;
  const step = { of: "step", name: "r/send", at: 6 } as const;
  const pauses = new Map([acme, step].map((pause) => [`${pause.of} ${pause.name}`, pause]));
  const facts = at(fanOut({ waiting: 10, inFlight: 4, ok: 2 }), {
    pauses,
    run: { ...run, customer: "acme" },
  });
  assert.deepEqual(said(whyRun(facts)), [
    ["paused", 'step "r/send" is paused', "resume r/send"],
    ["paused", 'customer "acme" is paused by anna: not paid', "resume --customer acme"],
    ["in-flight", "4 sub-jobs are in flight", "show r/send"],
  ]);
  assert.deepEqual(said(whySubJob(facts, record("waiting"))), [
    ["paused", 'step "r/send" is paused', "resume r/send"],
  ]);
});

test("a job's limits are why its sub-jobs wait, where slots are free", () => {
  const limit = { concurrency: 2, rate: { count: 50, perMs: 1_000 } };
  const limited = { ...plan, steps: [check, { ...send, job: { ...job, limit } }, report] };
  const facts = at(fanOut({ waiting: 10, inFlight: 2 }), { plan: limited });
  assert.deepEqual(said(whySubJob(facts, record("waiting")))[0]?.slice(0, 2), [
    "limit",
    'it waits for room under the limits of job "send": at most 2 at once and 50/s, in all runs together, and 7 others go before it',
  ]);
  const shared = {
    ...limit,
    limits: [
      { name: "smtp", concurrency: 9 },
      { name: "hosts", key: () => "", concurrency: 2 },
    ],
  };
  const sharing = { ...plan, steps: [check, { ...send, job: { ...job, ...shared } }, report] };
  assert.equal(
    said(whyRun(at(fanOut({ waiting: 1 }), { plan: sharing })))[0]?.[1],
    '1 sub-job waits for room under the limits of job "send": at most 9 at once under limit "smtp", in all jobs that share it; at most 2 at once for each key under limit "hosts", in all jobs that share it',
  );
});
