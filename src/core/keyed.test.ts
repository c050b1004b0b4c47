import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  freshBench,
  given,
  indicesOf,
  plansOf,
  play,
  restarted,
  type At,
} from "../contract/decider.ts";
import {
  ask,
  bad,
  begin,
  fanOutPlan,
  flowPlan,
  ok,
  page,
  seal,
  ticked,
} from "../contract/events.ts";
import { keyHash } from "./limit-keys.ts";
import type { SharedLimit } from "./plan.ts";
import { restoreKey, restoreTokens } from "./stored-limits.ts";

const key = (): undefined => undefined; // Pages bring the hashes; the core asks for one only of a job sent by itself.
const hosts = (more: Partial<SharedLimit>): SharedLimit => ({ name: "hosts", key, ...more });
const oneEach = [hosts({ concurrency: 1 })];
const one = flowPlan([fanOutPlan("all", { job: { limits: oneEach } })]);
const rate = { count: 10, perMs: 1_000 };
const paced = flowPlan([fanOutPlan("all", { job: { limits: [hosts({ rate })] } })]);

/** Keys by letter; "-" has none. */
const hashes = (letters: string): number[] =>
  Array.from(letters, (letter) => keyHash(letter === "-" ? undefined : letter));

function keyed(letters: string, run = "r"): readonly At[] {
  const { length } = letters;
  return [
    begin(0, { run }),
    page(0, 0, length, { run, limitKeys: hashes(letters) }),
    seal(0, length, { run }),
  ];
}

test("a key is one of 32 bits, never that of none", () => {
  assert.equal(keyHash(undefined), 0);
  assert.ok(keyHash("") > 0 && keyHash("gmail.com") < 2 ** 32);
});

test("each key has its own room; what has none waits, what has no key does not", () => {
  given([one], keyed("aab-a-")).expect({ step: { "in-flight": 4, waiting: 2 } });
  given([one], keyed("aabba"))
    .when(ok(1, 0), ok(2, 2), ok(3, 1))
    .expect({ put: [1, 3, 4] });
  given([one], keyed("aabba"))
    .when(ok(1, 2))
    .expect({ put: [3], tasks: [{ again: [{ index: 3, issue: 1, attempt: 1 }] }] });
});

test("a key's room is shared by all runs, and by all jobs that have the limit", () => {
  const other = flowPlan([fanOutPlan("all", { job: { name: "other", limits: oneEach } })], {
    name: "g",
  });
  const second = [
    begin(0, { run: "s", flow: "g" }),
    page(0, 0, 2, { run: "s", limitKeys: hashes("ab") }),
  ];
  given([one, other], [...keyed("aa"), ...second])
    .when(ok(1, 0), ok(2, 1))
    .expect({ tasks: [{ run: "r" }, { run: "s", job: "other" }] });
  given([one, other], [...keyed("aa"), ...second])
    .when(ask(1, "cancel"))
    .expect({ put: [0], tasks: [{ run: "s" }] });
});

test("a rate is per key, and asks to be woken for the next", () => {
  given([paced], keyed("aab")).expect({ step: { "in-flight": 2 } });
  given([paced], keyed("aab")).when(ticked(99)).expect({ put: [], wakeAt: 100 });
  given([paced], keyed("aabaa"))
    .when(ticked(100), ticked(199), ticked(200))
    .expect({ put: [1, 3] });
});

test("a Retry-After of the key holds what has the key and nothing else, and costs no attempt", () => {
  const later = { outcome: "retry-later", delayMs: 500, of: "key" } as const;
  const told = [...keyed("aabb"), bad(10, 0, later)];
  given([one], told)
    .when(ok(20, 2), ticked(509))
    .expect({ put: [3] });
  given([one], [...told, ok(20, 2)])
    .when(ticked(510))
    .expect({ tasks: [{}], step: { "in-flight": 2 } });
  given([one], [...keyed("a"), bad(10, 0, later)])
    .when(ticked(509), ticked(510))
    .expect({ tasks: [{ again: [{ index: 0, issue: 2, attempt: 1, previous: 3 }] }] });
  const none = given([flowPlan([fanOutPlan("all", { concurrency: 1 })])], keyed("aabb"));
  none.when(bad(10, 0, later), ticked(509)).expect({ put: [] }); // The whole job, where it has no key.
});

test("what is redriven, and what another priority is given, keeps to its key", () => {
  const failed = [...keyed("aab"), bad(1, 0, { fatal: true }), bad(1, 2, { fatal: true })];
  given([one], failed)
    .when(ask(2, "redrive"))
    .expect({ put: [2] });
  given([one], keyed("aab"))
    .when(ask(1, "adjust", { to: { priority: "high" } }), ok(2, 0))
    .expect({ put: [1], tasks: [{ priority: "high" }] });
});

test("a limit that is there no more, or was not when it was split, limits nothing", () => {
  const plain = flowPlan([fanOutPlan("all")]);
  const before = keyed("aaab").reduce(
    (bench, event) => play(bench, [event]).bench,
    play(freshBench(plansOf([one])), []).bench,
  );
  const after = restarted(play(before, [ok(1, 0)]).bench, plansOf([plain]), 1);
  const { decided } = play(after, [ticked(2)]);
  assert.deepEqual(indicesOf(decided.tasks), [2]);
  given([one], [begin(0), page(0, 0, 4)]).expect({ step: { "in-flight": 4 } });
});

const letters = "abc-";
const concurrency = 2;
const delayMs = 130;
const model = flowPlan([
  fanOutPlan("all", {
    tolerate: { percent: 100 },
    job: { limits: [hosts({ concurrency, rate: { count: 20, perMs: 1_000 } })] },
  }),
]);

/** Runs that end, fail, are told to wait and are restarted, in any order: against a list of what flies and when it was put. */
test("whatever comes back and when, each key keeps its limits, and every sub-job is put in the end", () => {
  const moves = fc.array(
    fc.record({
      what: fc.constantFrom("ok", "ok", "bad", "later", "restart", "nothing"),
      which: fc.nat({ max: 50 }),
      ms: fc.nat({ max: 120 }),
    }),
    { maxLength: 60 },
  );
  const runs = fc.array(fc.stringMatching(/^[abc-]{0,12}$/), { minLength: 1, maxLength: 3 });
  fc.assert(
    fc.property(runs, moves, (runs, moves) => {
      const plans = plansOf([model]);
      let bench = freshBench(plans);
      let now = 0;
      let flying: { run: string; index: number; issue: number; letter: string }[] = [];
      const puts = new Map<string, number[]>();
      const heldUntil = new Map<string, number>();
      const step = (event: At): void => {
        const next = play(bench, [event]);
        bench = next.bench;
        for (const task of next.decided.tasks) {
          if (task.kind !== "slice") continue;
          const issues = new Map(task.again?.map(({ index, issue }) => [index, issue]));
          for (const index of indicesOf([task])) {
            const letter = runs[Number(task.run)]?.[index] ?? "-";
            flying.push({ run: task.run, index, issue: issues.get(index) ?? 1, letter });
            if (letter === "-") continue;
            puts.set(letter, [...(puts.get(letter) ?? []), now]);
            assert.ok(now >= (heldUntil.get(letter) ?? 0), `${letter} was told to wait`);
          }
        }
        for (const letter of letters.slice(0, 3)) {
          const same = flying.filter((one) => one.letter === letter).length;
          assert.ok(same <= concurrency, `${same} of ${letter} in flight`);
          const times = puts.get(letter) ?? [];
          for (const [n, from] of times.entries())
            for (const [m, to] of times.entries())
              if (m >= n) assert.ok(m - n + 1 <= 2 + (to - from) / 50 + 1e-6, `${letter} too fast`);
        }
      };
      const settle = (what: string, one: (typeof flying)[number]): void => {
        flying = flying.filter((other) => other !== one);
        if (what === "later" && one.letter !== "-")
          heldUntil.set(one.letter, Math.max(heldUntil.get(one.letter) ?? 0, now + delayMs));
        const later = { issue: one.issue, outcome: "retry-later", delayMs, of: "key" } as const;
        const worse = what === "bad" ? { issue: one.issue, fatal: true } : later;
        const event = what === "ok" ? ok(now, one.index, one) : bad(now, one.index, worse);
        return step(of(event, one.run));
      };
      for (const [n, letters] of runs.entries())
        for (const { event, body } of keyed(letters, `${n}`))
          if (letters.length > 0 || event.type !== "fan-out.grown")
            step({ at: now, event, ...(body === undefined ? {} : { body }) });
      for (const { what, which, ms } of moves) {
        now += ms;
        const one = flying[which % Math.max(1, flying.length)];
        if (what === "restart") bench = restarted(bench, plans, now);
        if (what === "ok" || what === "bad" || what === "later") {
          if (one !== undefined) settle(what, one);
        } else step(ticked(now));
      }
      for (let n = 0; n < 400; n += 1) {
        now += 50;
        step(ticked(now));
        for (const one of flying.slice()) settle("ok", one);
      }
      const { state } = bench;
      const left = [...state.runs.values()].filter((run) => run.state !== "done");
      assert.deepEqual(
        left.map(({ id }) => id),
        [],
      );
      for (const { keys } of state.keyed.values())
        for (const { inFlight } of keys.values()) assert.equal(inFlight, 0);
    }),
    { numRuns: 150 },
  );
});

function of({ event, ...more }: At, run: string): At {
  return { ...more, event: { ...event, run } as At["event"] }; // oxlint-disable-line typescript/no-unsafe-type-assertion -- the same event, of another run
}

test("idle keys are forgotten, and their rows with them", () => {
  const plans = plansOf([paced]);
  const length = 1_000;
  let bench = freshBench(plans);
  for (let n = 0; n < 4; n += 1) {
    const run = `${n}`;
    const limitKeys = Array.from({ length }, (_, key) => 1 + n * length + key);
    const at = n * 10_000;
    for (const event of [
      begin(at, { run }),
      page(at, 0, length, { run, limitKeys }),
      seal(at, length, { run }),
    ])
      bench = play(bench, [event]).bench;
    bench = play(bench, [ask(at, "close", { run })]).bench;
  }
  const limit = bench.state.keyed.get("hosts");
  assert.ok((limit?.keys.size ?? 0) <= 2_048, `${limit?.keys.size} live keys`);
  const rows = [...bench.store.keys()].filter((name) => name.startsWith("key/"));
  assert.ok(rows.length <= 2_048, `${rows.length} rows`);
});

test("a damaged record of limits is refused, and named", () => {
  const { state } = freshBench(plansOf([one]));
  assert.throws(() => restoreKey(state, "key/hosts/7", "[1,"), /key\/hosts\/7/);
  assert.throws(() => restoreTokens(state, "{}"), /the record tokens in the store/);
  assert.throws(() => restoreTokens(state, "[7]"), /the record tokens in the store/);
});
