/** What must hold whatever comes, in whatever order: any events, any batches, any restart. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { freshBench, plansOf, play, restarted, type At, type Bench } from "../contract/decider.ts";
import {
  ask,
  askAll,
  bad,
  begin,
  done,
  fanOutPlan,
  flowPlan,
  lost,
  page,
  plainPlan,
  queueLost,
  seal,
  seen,
  settled,
  ticked,
} from "../contract/events.ts";
import type { Written } from "./event.ts";
import { list, namedFolds, sum } from "./fold.ts";
import * as ledgers from "./ledger.ts";
import { isEnded } from "./run.ts";

const folds = namedFolds({ sum: sum(Number), list: list(3) });
const flow = flowPlan([
  plainPlan("first"),
  fanOutPlan("all", { folds, tolerate: { count: 1 } }),
  fanOutPlan("more", { beyond: "fail", concurrency: 2 }),
  plainPlan("last"),
]);
const plans = plansOf([flow]);

const run = fc.constantFrom("r", "s");
const step = fc.constantFrom("first", "all", "more", "last", "none");
const fan = fc.constantFrom("all", "more");
const small = fc.nat({ max: 4 });
const issue = fc.integer({ min: 1, max: 4 });
const result = fc.constantFrom(1, 2, 0.1, null, "many");
const outcome = fc.constantFrom("failed" as const, "timed-out" as const, "retry-later" as const);
const fatal = fc.boolean();
const range = fc.tuple(small, fc.integer({ min: 1, max: 3 }), issue);

/** Events that make sense at some time, and most of the time do not. */
const event: fc.Arbitrary<At> = fc.oneof(
  run.map((run) => begin(0, { run })),
  fc
    .record({
      run,
      step,
      issue,
      generation: fc.integer({ min: 1, max: 2 }),
      fatal,
      ok: fc.boolean(),
      outcome,
    })
    .map(({ ok, outcome, ...more }) =>
      done(0, more.step, { ...more, outcome: ok ? "ok" : outcome }),
    ),
  fc
    .record({ run, step: fan, issue, from: small, count: fc.integer({ min: 1, max: 3 }) })
    .map(({ from, count, ...more }) => page(0, from, count, more)),
  fc.record({ run, step: fan, issue, total: small }).map((more) => seal(0, more.total, more)),
  fc
    .record({
      run,
      step: fan,
      ranges: fc.array(range, { minLength: 1, maxLength: 3 }),
      results: fc.array(result, { minLength: 9, maxLength: 9 }),
    })
    .map(({ ranges, results, ...more }) =>
      settled(
        0,
        { ...more, ok: ranges.flat() },
        results.slice(
          0,
          ranges.reduce((n, [, count]) => n + count, 0),
        ),
      ),
    ),
  fc
    .record({
      run,
      step: fan,
      index: small,
      issue,
      outcome: fc.oneof(outcome, fc.constant("skipped" as const)),
      fatal,
    })
    .map(({ run, step, index, ...more }) => {
      const one = bad(0, index, more);
      return { ...one, event: { ...one.event, run, step } as typeof one.event };
    }),
  fc
    .record({
      run,
      step: fan,
      ranges: fc.array(range, { minLength: 1, maxLength: 2 }),
      clean: fc.boolean(),
    })
    .map(({ ranges, ...more }) => lost(0, { ...more, subJobs: ranges.flat() })),
  fc.record({ run, step, issue, clean: fc.boolean() }).map((more) => lost(0, more)),
  fc.boolean().map((clean) => queueLost(0, clean)),
  fc.constant(ticked(0)),
  fc.integer({ min: 0, max: 4 }).map((slots) => seen(0, slots)),
  fc
    .record({
      run,
      what: fc.constantFrom("redrive" as const, "skip" as const),
      step: fc.option(fan, { nil: undefined }),
      pick: fc.option(small, { nil: undefined }),
    })
    .map(({ run, what, step, pick }) =>
      ask(0, what, {
        run,
        ...(step === undefined ? {} : { step }),
        ...(pick === undefined ? {} : { indices: [pick, 2] }),
      }),
    ),
  fc
    .record({
      run,
      what: fc.constantFrom("release" as const, "close" as const, "redrive" as const),
    })
    .map(({ run, what }) => ask(0, what, { run })),
  run.map((run) => ask(0, "cancel", { run })),
  fc
    .record({
      run,
      what: fc.constantFrom("pause" as const, "resume" as const),
      step: fc.option(step, { nil: undefined }),
    })
    .map(({ run, what, step }) => ask(0, what, { run, ...(step === undefined ? {} : { step }) })),
  fc
    .constantFrom("pause" as const, "resume" as const)
    .map((what) => askAll(0, what, "job", "work")),
);

/** A plausible course, so that the random ones begin somewhere interesting: both runs stand in a fan-out that is under way. */
const underway: readonly At[] = ["r", "s"].flatMap((run) => [
  begin(0, { run }),
  done(0, "first", { run }),
  page(0, 0, 3, { run }),
]);

/** In the order of the list, each so many ms after the one before. */
function timed(events: readonly At[], gaps: readonly number[]): readonly At[] {
  let at = 0;
  return [...underway, ...events].map((one, n) => {
    at += n < underway.length ? 0 : (gaps[n % gaps.length] ?? 0);
    return { ...one, at };
  });
}

const course = (longestGap: number) =>
  fc
    .tuple(
      fc.array(event, { maxLength: 30, size: "max" }),
      fc.array(fc.nat({ max: longestGap }), { minLength: 1, maxLength: 5 }),
    )
    .map(([events, gaps]) => timed(events, gaps));

/** Plays one by one; returns all that was decided. */
function lived(events: readonly At[], start: Bench, each?: (bench: Bench) => void) {
  const written: Written[] = [];
  const tasks: unknown[] = [];
  let bench = start;
  for (const one of events) {
    const next = play(bench, [one]);
    bench = next.bench;
    written.push(...next.decided.events);
    tasks.push(...next.decided.tasks);
    each?.(bench);
  }
  return { bench, written, tasks };
}

function storeOf({ store }: Bench): object {
  const text = (value: string | Uint8Array): string =>
    typeof value === "string" ? value : [...value].join(",");
  const keys = [...store.keys()].toSorted();
  return Object.fromEntries(keys.map((key) => [key, text(store.get(key) ?? "")]));
}

/** What must hold after every event. */
function isConsistent({ state }: Bench): void {
  const out = new Map<string, number>();
  for (const run of state.runs.values()) {
    assert.equal(run.halted, false, run.because);
    for (const [position, step] of run.steps.entries()) {
      const plan = run.plan.steps[position];
      if (step.kind !== "fan-out" || plan?.kind !== "fan-out") continue;
      const { ledger } = step;
      const counts = [...ledger.counts];
      assert.equal(
        counts.reduce((sum, count) => sum + count, 0),
        ledger.size,
        "G1",
      );
      ledgers.recount(ledger);
      assert.deepEqual(ledger.counts, counts, "G1");
      assert.ok(ledger.total === undefined || ledger.total === ledger.size, "G2");
      for (const number of [...counts, ...step.recent, step.tookUs, step.serviceMs ?? 0, step.late])
        assert.ok(Number.isFinite(number), "every number is one");
      const inFlight = ledgers.count(ledger, ledgers.inFlight);
      assert.ok(!isEnded(run) || inFlight === 0, "what ended has nothing out");
      assert.ok(inFlight <= (plan.concurrency ?? Infinity), "concurrency");
      out.set(plan.job.queue, (out.get(plan.job.queue) ?? 0) + inFlight);
    }
    const current = run.steps[run.at]?.state;
    if (run.state === "running") assert.equal(current, "running");
    if (run.state === "held") assert.equal(current, "held");
  }
  for (const [queue, pool] of state.pools)
    assert.equal(pool.inFlight, out.get(queue) ?? 0, "window");
}

test("P5 whatever comes, it is decided, and the counts, the window and the states agree after each event", () => {
  fc.assert(
    fc.property(course(20_000), (events) => {
      lived(events, freshBench(plans), isConsistent);
    }),
    { numRuns: 400 },
  );
});

test("G4 C36 a run ends once, until a redrive takes it up again, and a step joins once per generation", () => {
  fc.assert(
    fc.property(course(20_000), (events) => {
      const { written } = lived(events, freshBench(plans));
      const ended = new Set<string>();
      const joined = new Set<string>();
      for (const one of written) {
        if (!("run" in one)) continue;
        if (one.type === "run.resumed") ended.delete(one.run);
        if (one.type === "run.ended") {
          assert.ok(!ended.has(one.run), `run ${one.run} ended twice`);
          ended.add(one.run);
        } else assert.ok(!ended.has(one.run), `${one.type} after run ${one.run} ended`);
        if (one.type !== "fan-out.joined") continue;
        const name = `${one.run}/${one.step}/${one.generation}`;
        assert.ok(!joined.has(name), `${name} joined twice`);
        joined.add(name);
      }
    }),
    { numRuns: 400 },
  );
});

test("P6 the same events are decided the same, to the byte", () => {
  fc.assert(
    fc.property(course(20_000), (events) => {
      const one = lived(events, freshBench(plans));
      const other = lived(events, freshBench(plans));
      assert.equal(JSON.stringify(one.written), JSON.stringify(other.written));
      assert.equal(JSON.stringify(one.tasks), JSON.stringify(other.tasks));
      assert.deepEqual(storeOf(one.bench), storeOf(other.bench));
    }),
    { numRuns: 100 },
  );
});

/** Without what depends on when and in which order sub-jobs went out: that may differ after a restart. */
function summary({ state }: Bench): object {
  return [...state.runs.values()]
    .toSorted((a, b) => (a.id < b.id ? -1 : 1))
    .map((run) => ({
      ...run,
      plan: undefined,
      lanes: undefined,
      armedAt: undefined,
      steps: run.steps.map((step) => ({
        name: step.name,
        state: step.state,
        generation: step.generation,
        main: { ...step.main },
        ...(step.kind === "step"
          ? {}
          : {
              counts: step.ledger.counts,
              total: step.ledger.total,
              folds: step.folds,
              groups: step.groups,
              late: step.late,
              duplicate: step.duplicate,
            }),
      })),
    }));
}

test("I6 C19 a restart after any event changes nothing of what a run comes to", () => {
  // Order matters to limits, suspects and sweeps: none of them here.
  const unlimited = plansOf([
    flowPlan(
      flow.steps.map((one) =>
        one.kind === "fan-out" ? fanOutPlan(one.name, { folds, tolerate: { count: 1 } }) : one,
      ),
    ),
  ]);
  const gentle = course(900).map((events) =>
    events.map((one): At => {
      if (one.event.type === "task.lost") return { ...one, event: { ...one.event, clean: true } };
      return one.event.type === "queue.lost" ? queueLost(one.at, true) : one;
    }),
  );
  fc.assert(
    fc.property(gentle, fc.nat({ max: 35 }), (events, cut) => {
      const whole = lived(events, freshBench(unlimited)).bench;
      const first = lived(events.slice(0, cut), freshBench(unlimited)).bench;
      const at = events[cut - 1]?.at ?? 0;
      const second = lived(events.slice(cut), restarted(first, unlimited, at)).bench;
      assert.equal(JSON.stringify(summary(second)), JSON.stringify(summary(whole)));
    }),
    { numRuns: 300 },
  );
});

test("P2 the same outcomes, repeated, reordered and in other batches, come to the same", () => {
  const size = 12;
  const fate = fc.constantFrom("ok", "ok", "ok", "fatal", "skipped");
  const fates = fc.array(fate, { minLength: size, maxLength: size });
  const tolerant = plansOf([flowPlan([fanOutPlan("all", { folds, tolerate: { count: size } })])]);
  const outcome = (index: number, kind: string | undefined): At =>
    kind === "ok"
      ? settled(1, { ok: [index, 1, 1] }, [index / 10])
      : bad(1, index, kind === "fatal" ? { fatal: true } : { outcome: "skipped" });
  const looks = (events: readonly (readonly At[])[]) => {
    let bench = play(freshBench(tolerant), [begin(0), page(0, 0, size)]).bench;
    for (const batch of events) bench = play(bench, batch).bench;
    const run = bench.state.runs.get("r") ?? assert.fail();
    const { failures: _, ...joined } = Object(run.results["all"]) as Record<string, unknown>;
    return { state: run.state, joined };
  };
  fc.assert(
    fc.property(
      fates,
      fc.array(fc.nat({ max: size - 1 }), { maxLength: 8 }),
      fc.nat({ max: size }),
      fc.infiniteStream(fc.nat()),
      (kinds, repeats, sealAt, lot) => {
        const inOrder = kinds.map((kind, index) => [outcome(index, kind)]);
        const expected = looks([...inOrder, [seal(2, size)]]);
        const drawn = [...kinds.keys(), ...repeats].map((index) => ({
          index,
          place: lot.next().value,
        }));
        const mixed = drawn
          .toSorted((a, b) => a.place - b.place)
          .map(({ index }) => outcome(index, kinds[index]));
        mixed.splice(sealAt, 0, seal(1, size));
        const batches: At[][] = [];
        for (const one of mixed) {
          if (lot.next().value % 2 === 0 || batches.length === 0) batches.push([]);
          batches.at(-1)?.push(one);
        }
        assert.deepEqual(looks(batches), expected);
      },
    ),
    { numRuns: 150 },
  );
});
