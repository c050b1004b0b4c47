/**
 * What is stored and comes back different: cut, flipped, of other types, with keys that mean something to JavaScript. Each is read as
 * a value or refused as damage; nothing hangs, and the other runs of the partition go on as if it were not there.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { virtualClock } from "../../src/contract/given.ts";
import { freshBench, play, plansOf, type At, type Bench } from "../../src/contract/decider.ts";
import {
  ask,
  bad,
  begin,
  done,
  fanOutPlan,
  flowPlan,
  lost,
  ok,
  page,
  plainPlan,
  seal,
  seen,
  settled,
  ticked,
} from "../../src/contract/events.ts";
import { decode, encode, type Recorded } from "../../src/core/event.ts";
import { namedFolds, sum } from "../../src/core/fold.ts";
import { candidates } from "../../src/core/key-index.ts";
import { keyFilter } from "../../src/core/key-filter.ts";
import { decide } from "../../src/core/partition.ts";
import { takeChanges, type Stored } from "../../src/core/snapshot.ts";
import type { Partition } from "../../src/core/state.ts";
import { memoryEngine } from "../../src/engines/memory/engine.ts";
import type { Engine } from "../../src/ports/engine.ts";
import { loadPartition } from "../../src/roles/loading.ts";
import { reader, type Reader } from "../../src/roles/reader.ts";
import {
  assertUnpolluted,
  damaged,
  damagedBytes,
  eventualValueOrRefusal,
  runs,
  twisted,
  valueOrRefusal,
} from "./given.ts";

const flow = flowPlan([
  plainPlan("first"),
  fanOutPlan("all", { folds: namedFolds({ sum: sum(Number) }), tolerate: { count: 1 } }),
  plainPlan("last"),
]);
const plans = plansOf([flow]);

/** Two runs in the middle of a fan-out. */
function underway(): Bench {
  const events = ["r", "s"].flatMap((run): readonly At[] => [
    begin(0, { run, tags: { a: "b" } }),
    done(0, "first", { run }),
    page(0, 0, 5, { run }),
  ]);
  const more = [seen(1, 4), ok(1, 0), bad(1, 1), bad(1, 2, { fatal: true })];
  return [...events, ...more].reduce((bench, one) => play(bench, [one]).bench, freshBench(plans));
}

/** What brings run "s" to its end from there. */
const rest: readonly At[] = [
  settled(6, { run: "s", ok: [0, 5, 1] }, [0, 1, 2, 3, 4]),
  seal(6, 5, { run: "s" }),
  done(6, "last", { run: "s" }),
];

function assertOtherEnds(bench: Bench): void {
  for (const one of rest) play(bench, [one]);
  const other = bench.state.runs.get("s");
  assert.equal(other?.state, "done", other?.because);
  assert.equal(JSON.stringify(other.results["all"]).includes('"value":{"sum":10}'), true);
}

/** Every kind of event that names a run, as it would be right. */
const sound: readonly At[] = [
  begin(2, { run: "q", tags: { a: "b" }, deadlineAt: 9, customer: "c", priority: "high" }),
  done(2, "first", { outcome: "failed", error: { name: "E", message: "m" } }),
  done(2, "last", { outcome: "retry-later", delayMs: 5 }),
  page(2, 5, 2, { cursor: { at: [1, { b: null }] } }),
  seal(2, 5),
  settled(2, { ok: [0, 2, 1, 3, 1, 1], ms: [1, 2, 3], again: [3, 2, 7] }, [1, 2, 3]),
  bad(2, 3, { outcome: "timed-out" }),
  bad(2, 4, { outcome: "skipped" }),
  bad(2, 4, { outcome: "retry-later", delayMs: 1 }),
  lost(2, { subJobs: [0, 5, 1] }),
  lost(2, { issue: 1, killed: true }),
  ask(2, "redrive", { step: "all", indices: [0, 2], signature: "x" }),
  ask(2, "skip", { step: "all", indices: [0, 2] }),
  ask(2, "release"),
  ask(2, "close"),
  ask(2, "cancel", { reason: "enough" }),
];

const texts = sound.map(({ event, body }) => encode(event, body));

/** A record that was one of these: its header twisted, its body damaged, or any of its text. */
const record: fc.Arbitrary<string> = fc.oneof(
  fc
    .constantFrom(...sound)
    .chain(({ event, body }) =>
      fc
        .tuple(
          twisted(event),
          fc.oneof(fc.constant(body), damaged(fc.constant(body ?? "[1,2,3]")), fc.constant("{}")),
        )
        .map(([header, text]) =>
          text === undefined ? JSON.stringify(header) : `${JSON.stringify(header)}\n${text}`,
        ),
    ),
  damaged(fc.constantFrom(...texts)),
  fc.string({ unit: "binary", maxLength: 40 }),
);

/** Decides on it, if it can be read at all; a run of its own may stand still, the partition may not. */
function take(bench: Bench, text: string): Bench {
  const { state, store, offset } = bench;
  const event = valueOrRefusal(() => decode({ offset, at: 3, text }), "corrupt");
  if (event === undefined || isOfOther(event)) return bench;
  decide(state, [event]);
  for (const [key, value] of takeChanges(state))
    if (value === undefined) store.delete(key);
    else store.set(key, value);
  return { state, store, offset: offset + 1 };
}

function isOfOther(event: Recorded): boolean {
  return "run" in event ? event.run === "s" : event.type !== "ticked";
}

test("G18 an event that is not what it was is read, passed over or refused, and the other run ends as it should", () => {
  fc.assert(
    fc.property(fc.array(record, { minLength: 1, maxLength: 6 }), (records) => {
      assertOtherEnds(records.reduce(take, underway()));
    }),
    runs(2_000),
  );
  assertUnpolluted();
});

/** A partition as the store has it, one record of run "r" changed. */
async function stored(
  pairs: ReadonlyMap<string, Stored>,
): Promise<{ readonly engine: Engine; readonly load: () => Promise<Partition> }> {
  const engine = memoryEngine({ clock: virtualClock(), partitions: 1 });
  const claim = await engine.store.claim(0, "fuzz", 1_000);
  assert.ok(claim);
  const commit = { to: 0, events: [], tasks: [], wakeAt: undefined, puts: [...pairs] };
  await engine.store.commit(claim, commit);
  return { engine, load: () => loadPartition(engine, 0, plans, 3, () => undefined) };
}

const good = underway().store;
const ofRun = [...good].filter(
  ([key]) => key === "partition" || (/\/r(?:\/|$)/.test(key) && !key.startsWith("live/")),
);

const change: fc.Arbitrary<readonly [string, Stored]> = fc
  .constantFrom(...ofRun)
  .chain(([key, value]) => {
    const other: fc.Arbitrary<Stored> =
      typeof value === "string"
        ? fc.oneof(
            twisted(JSON.parse(value)).map((twist) => JSON.stringify(twist)),
            damaged(fc.constant(value)),
          )
        : damagedBytes(fc.constant(value));
    // No store gives back half a character: it refuses to take one.
    return other.map((changed) => [
      key,
      typeof changed === "string" ? changed.toWellFormed() : changed,
    ]);
  });

test("G20 a snapshot that is not what it was is read back, or refused as damaged; what is read back can be decided on", async () => {
  let refused = 0;
  await fc.assert(
    fc.asyncProperty(change, async ([key, value]) => {
      const { load } = await stored(new Map([...good, [key, value]]));
      const state = await eventualValueOrRefusal(load, "corrupt");
      if (state === undefined) {
        refused += 1;
        return;
      }
      let bench: Bench = { state, store: new Map(), offset: 20 };
      for (const one of [ticked(4), ok(4, 3), lost(4, { subJobs: [0, 5, 1] }), ask(5, "redrive")])
        bench = play(bench, [one]).bench;
      assertOtherEnds(bench);
      play(bench, [ticked(70_000)]);
    }),
    runs(2_000),
  );
  assert.ok(refused > 100, `${refused} were refused`);
  assertUnpolluted();
});

test("a row of the key index that is not what it was finds candidates, or is refused", () => {
  const rows = [...good].filter(([key]) => key.startsWith("index/r/"));
  assert.ok(rows.length > 0);
  const bytes = fc.constantFrom(...rows.map(([, value]) => value as Uint8Array));
  fc.assert(
    fc.property(damagedBytes(bytes), fc.string(), (row, key) => {
      valueOrRefusal(() => [...candidates([["index/r/all/0/00000000", row]], key)], "corrupt");
      valueOrRefusal(() => keyFilter().restore([["index/r/all/0/00000000", row]]), "corrupt");
    }),
    runs(1_000),
  );
});

/** The log and the store as they are after these events. */
async function readable(
  events: readonly At[],
  change?: readonly [string, Stored],
): Promise<Reader> {
  const clock = virtualClock();
  const engine = memoryEngine({ clock, partitions: 1 });
  await engine.log.append(
    0,
    events.map(({ event, body }) => encode(event, body)),
  );
  const { store } = events.reduce((bench, one) => play(bench, [one]).bench, freshBench(plans));
  const puts = [...store, ...(change === undefined ? [] : [change])];
  const claim = await engine.store.claim(0, "fuzz", 1_000);
  assert.ok(claim);
  await engine.store.commit(claim, { to: 0, puts, events: [], tasks: [], wakeAt: undefined });
  return reader({ engine, clock, plans });
}

test(
  "an outcome that says of itself that it came before itself is told once",
  { timeout: 60_000 },
  async () => {
    const events = [begin(0), done(0, "first"), page(0, 0, 2), bad(1, 0, { outcome: "retry-later", delayMs: 0 })]; // prettier-ignore
    const again = settled(2, { ok: [0, 1, 2], again: [0, 2, events.length + 1] }, [1]);
    const { subJob } = await readable([...events, ticked(1), again]);
    const told = await subJob("r", "all", "k0");
    assert.equal(told?.attempts.length, 1);
  },
);

test("what people ask about a run whose records are not what they were is answered, or refused as damaged", async () => {
  const events = [begin(0), done(0, "first"), page(0, 0, 5), seen(1, 4), ok(1, 0), bad(1, 1), bad(1, 2, { fatal: true })]; // prettier-ignore
  const { store } = events.reduce((bench, one) => play(bench, [one]).bench, freshBench(plans));
  const keys = new Set(ofRun.map(([key]) => key));
  assert.ok([...store.keys()].some((key) => keys.has(key)));
  await fc.assert(
    fc.asyncProperty(change, async (changed) => {
      const { status, subJob } = await readable(events, changed);
      // A place beyond the log is refused by the log, in its own words.
      await eventualValueOrRefusal(() => status("r"), "corrupt");
      for (const key of ["k0", "k1", "k4", "none"])
        await eventualValueOrRefusal(
          () => subJob("r", "all", key),
          "corrupt",
          "not-found",
          "usage",
        );
    }),
    { ...runs(500), timeout: 60_000 },
  );
});
