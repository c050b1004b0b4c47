/**
 * The independent checker: reads a raw store, folds its log by rules of its own and says which promises do not hold.
 *
 * It imports nothing of the product, so that a mistake there cannot hide itself here. It sees what one store can show: G1 and G7
 * with a witness file, G2, G3, G4, G6, G10, G11, G13, G15, G19 and, as far as SQLite notices, G20.
 */
import { isDeepStrictEqual } from "node:util";
import { checkEdits, editsOf, type Edit } from "./edits.ts";
import { fold, type Folded, type Hints } from "./fold.ts";
import { latesIn } from "./lates.ts";
import { cancelled, failed, isEnded, ok, open, skipped, type Run, type Step } from "./model.ts";
import { ticksOf } from "./schedules.ts";
import { told } from "./told.ts";
import { openRaw, pageOf, pageSize } from "./store.ts";
import type { Partition, Raw, Seen, Tell, Value, Violation } from "./store.ts";
import { checkWitness, heard, type Witness } from "./witness.ts";

export type Checked = {
  readonly violations: readonly Violation[];
  /** How much of each was looked at: a check that saw nothing has shown nothing. */
  readonly counts: Readonly<Record<string, number>>;
  /** What was not checked, in words. */
  readonly unchecked: readonly string[];
  readonly runs: ReadonlyMap<string, Run>;
};

/** As stored, by number: waiting, in-flight, retrying, ok, failed, timed-out, cancelled, skipped, poison. */
const bitOf = [open, open, open, ok, failed, failed, cancelled, skipped, failed];
const stateNames = "waiting in-flight retrying ok failed timed-out cancelled skipped poison".split(
  " ",
);
const setNames = ["open", "ok", "failed", "skipped", "cancelled"];
const inFlight = 1;
/** Records whose key goes on with a run; the others are of the partition and of readers. */
const ofRuns = new Set(["run", "live", "step", "page", "directory", "edits", "limit-keys"]);

/** A file that many are found wrong in is found wrong; the first say why. */
const tellAtMost = 100;

/** Checks the file; a file that cannot be read is a violation of G20. */
export function check(path: string, witnessFile?: string): Checked {
  let raw: Raw | undefined;
  try {
    raw = openRaw(path);
    return checkRaw(raw, path, witnessFile === undefined ? undefined : heard(witnessFile));
  } catch (error) {
    const got = error instanceof Error ? error.message : "not so";
    const damage = { guarantee: "G20", where: path, expected: "a file that can be read", got };
    return { violations: [damage], counts: {}, unchecked: [], runs: new Map() };
  } finally {
    raw?.close();
  }
}

/** Checks what was read of a store; `name` says which in what is found. */
export function checkRaw(raw: Raw, name: string, witness: Witness | undefined): Checked {
  const violations: Violation[] = [];
  const counts: Record<string, number> = {};
  const unchecked: string[] = [];
  const runs = new Map<string, Run>();
  const removed = new Set<string>();
  const listed = new Set<string>();
  const tell: Tell = (guarantee, where, expected, got) => {
    if (violations.length < tellAtMost) violations.push({ guarantee, where, expected, got });
  };
  const seen = (what: string, n = 1): void => void (counts[what] = (counts[what] ?? 0) + n);
  try {
    if (raw.isEmpty) unchecked.push("the store is empty: nothing ran on it yet");
    for (const line of raw.damage) tell("G20", name, "a sound file", line);
    seen("partitions", raw.partitions.length);
    for (const partition of raw.partitions) {
      if (partition.trimmed > 0)
        unchecked.push(`partition ${partition.number}: its log begins at ${partition.trimmed}`);
      else {
        const found = checkPartition(partition, raw.rows, tell, seen);
        for (const [id, run] of found.runs) runs.set(id, run);
        for (const id of found.removed) removed.add(id);
        for (const id of found.listed) listed.add(id);
      }
    }
    seen("runs removed", removed.size);
    for (const id of raw.rows.keys())
      if (!runs.has(id) && !listed.has(id) && unchecked.length === 0)
        tell("G15", `row of ${id}`, "a start", "none");
    if (witness === undefined) unchecked.push("G1 and G7: no witness file");
    else checkWitness(witness, runs, removed, tell, seen);
  } catch (error) {
    tell("G20", name, "a file that can be read", error instanceof Error ? error.message : "not so");
  }
  return { violations, counts, unchecked, runs };
}

function checkPartition(
  partition: Partition,
  rows: ReadonlyMap<string, string>,
  tell: Tell,
  seen: Seen,
): Folded & { readonly listed: Iterable<string> } {
  const { state, consumed, viewed, number } = partition;
  const folded = fold(hintsOf(partition), tell);
  const ticks = ticksOf(tell, seen);
  const views = new Map<string, Record<string, unknown>>();
  let next = 0;
  let lastAt = -Infinity;
  for (const row of partition.log()) {
    const where = `partition ${number}, record ${row.offset}`;
    if (row.offset !== next) tell("G19", where, `offset ${next}`, `${row.offset}`);
    if (row.at < lastAt) tell("G11", where, `time from ${lastAt} on`, `${row.at}`);
    next = row.offset + 1;
    lastAt = row.at;
    seen("records");
    try {
      const event = told(row);
      folded.take(event, row.offset < consumed);
      ticks.take(event, where);
      if (row.offset < viewed) project(views, event);
    } catch (error) {
      tell("G20", where, "an event", error instanceof Error ? error.message : "none");
    }
  }
  if (consumed > next || viewed > next)
    tell("G19", `partition ${number}`, `${next} records`, `${consumed} decided, ${viewed} listed`);
  checkState(state, folded, tell, seen);
  ticks.end(state);
  for (const [id, expected] of views) {
    seen("rows");
    const got = rows.get(id);
    if (got === undefined || !isDeepStrictEqual(JSON.parse(got), expected))
      tell("G15", `row of ${id}`, JSON.stringify(expected), got ?? "none");
  }
  return { ...folded, listed: views.keys() };
}

/** What the fold needs of the store: which pages were taken in, and how each run ended when. */
function hintsOf({ state, log }: Partition): Hints {
  const taken = new Map<string, Set<number>>();
  for (const [key, value] of state) {
    const [kind, run, step] = key.split("/");
    if (kind !== "directory") continue;
    const offsets = taken.get(`${run}/${step}`) ?? new Set();
    taken.set(`${run}/${step}`, offsets);
    for (const [n, offset] of listOf(value).entries()) if (n % 2 === 1) offsets.add(Number(offset));
  }
  const ends = new Map<string, { readonly offset: number; readonly state: string }[]>();
  const removals = new Map<string, number[]>();
  for (const row of log()) {
    if (row.text.startsWith('{"type":"run.removed"')) {
      const { run, by } = told(row);
      removals.set(run, [...(removals.get(run) ?? []), by]);
    }
    if (!row.text.startsWith('{"type":"run.ended"')) continue;
    const { run, offset, state } = told(row);
    ends.set(run, [...(ends.get(run) ?? []), { offset, state }]);
  }
  const stored = new Map<string, Stored | undefined>();
  const storedOf = (name: string): Stored | undefined => {
    if (!stored.has(name)) stored.set(name, recordOf(state.get(`step/${name}`)));
    return stored.get(name);
  };
  const edits = new Map<string, readonly Edit[]>();
  const editsIn = (name: string): readonly Edit[] => {
    const known = edits.get(name) ?? editsOf(state.get(`edits/${name}`));
    edits.set(name, known);
    return known;
  };
  return {
    isTaken: (run, step, offset) => taken.get(`${run}/${step}`)?.has(offset) ?? false,
    mayRefuse: (run, step) =>
      (storedOf(`${run}/${step}`)?.groups ?? []).some(({ signature }) =>
        /^(?:fold-error|other)/.test(signature),
      ),
    removedBy: (run, after) =>
      removals.get(run)?.find((by) => by > after) ??
      (recordOf(state.get(`run/${run}`))?.["isLeaving"] === true ? Infinity : undefined),
    lates: latesIn(log(), told),
    edits: (run, step) => editsIn(`${run}/${step}`),
    isDone: ({ run, request }) =>
      (recordOf(state.get(`run/${run}`))?.answers ?? []).some(
        (answer) => answer.request === request && answer.matched > 0,
      ),
    swept: (run, step) => storedOf(`${run}/${step}`)?.swept ?? 0,
    nextEnd: (run, after) => ends.get(run)?.find(({ offset }) => offset > after)?.state,
  };
}

/** The line of a run, after this record. */
function project(
  views: Map<string, Record<string, unknown>>,
  event: ReturnType<typeof told>,
): void {
  const { type, offset: _, body: __, generation: ___, ...rest } = event;
  const { run, step, at } = rest;
  const isDelayed = type === "run.delayed";
  if (type === "run.began" || isDelayed) {
    const { at, beginAt, ...fields } = rest;
    const startedAt = isDelayed ? beginAt : at;
    views.set(run, { ...fields, state: isDelayed ? "waiting" : "running", startedAt });
  }
  if (type === "run.removed") views.delete(run);
  const before = views.get(run);
  if (before === undefined || type === "run.began" || isDelayed) return;
  const { because: _1, endedAt: _2, ...kept } = before;
  const why = "because" in event ? { because: event["because"] } : {};
  if (type === "step.began") views.set(run, { ...kept, step });
  if (type === "run.adjusted") {
    const { deadlineAt: _, lateAt: __, riskAt: ___, ...same } = before;
    const { priority, deadlineAt } = rest as Readonly<Record<string, unknown>>;
    if (deadlineAt === before["deadlineAt"]) views.set(run, { ...before, priority });
    else views.set(run, { ...same, priority, ...(deadlineAt === undefined ? {} : { deadlineAt }) });
  }
  if (type === "run.late" && event.of === "run")
    views.set(run, { ...before, lateAt: event.deadlineAt });
  if (type === "run.at-risk" && event.of === "run")
    views.set(run, { ...before, riskAt: event.riskAt });
  if (type === "run.held") views.set(run, { ...kept, state: "held", step, ...why });
  if (type === "run.resumed") views.set(run, { ...kept, state: "running", step });
  const startedAt = Math.min(Number(kept["startedAt"]), at);
  if (type === "run.ended")
    views.set(run, { ...kept, state: event.state, startedAt, endedAt: at, ...why });
}

// ---- what the manager keeps against what the log says

type Stored = {
  readonly [field: string]: unknown;
  readonly state: string;
  readonly steps?: readonly string[];
  readonly counts?: readonly number[];
  readonly groups?: readonly { readonly signature: string }[];
  readonly folds?: { readonly shape: string; readonly accs: readonly unknown[] };
  readonly base: number;
  readonly size: number;
  readonly next: number;
  readonly swept: number;
  readonly generation: number;
  readonly answers?: readonly { readonly request: string; readonly matched: number }[];
};

function checkState(
  state: ReadonlyMap<string, Value>,
  { runs }: Folded,
  tell: Tell,
  seen: Seen,
): void {
  for (const key of state.keys()) {
    const [kind, id = ""] = key.split("/");
    if (ofRuns.has(kind ?? "") && !runs.has(id)) tell("G10", key, "a start of the run", "none");
  }
  for (const [id, run] of runs) {
    if (run.isRemoved) {
      if (!isEnded(run)) tell("G1", `run ${id}`, "an ended run, of those that leave", run.state);
      continue;
    }
    seen("runs");
    const stored = recordOf(state.get(`run/${id}`));
    if (stored === undefined || (!run.began && run.delayedTo === undefined)) {
      tell("G1", `run ${id}`, "a run, since its start was decided", "none");
      continue;
    }
    const { state: _, ...start } = run.started;
    const startedAt = startOf(run, stored["startedAt"]);
    const expected = { state: run.state, startedAt, live: !isEnded(run) };
    const isLive = state.has(`live/${id}`);
    for (const field of ["flow", "request", "input", "trace"] as const)
      if (!isDeepStrictEqual(stored[field], start[field]))
        tell("G10", `run ${id}`, `${field} ${JSON.stringify(start[field])}`, said(stored[field]));
    const got = { state: stored.state, startedAt: stored["startedAt"], live: isLive };
    if (!isDeepStrictEqual(got, expected)) tell("G10", `run ${id}`, said(expected), said(got));
    for (const name of run.isAgain ? [] : (stored.steps ?? []))
      checkStep(state, run, `${id}/${name}`, run.steps.get(name), tell, seen);
  }
}

/** When it began. The log does not say exactly when one did that was delayed: not too early, and before that was written down. */
function startOf(run: Run, stored: unknown): number {
  if (run.delayedTo === undefined) return run.started.at;
  const { delayedTo, beganAt = run.endedAt } = run;
  if (beganAt === undefined) return delayedTo;
  const isPossible = (!run.began || Number(stored) >= delayedTo) && Number(stored) <= beganAt;
  return isPossible ? Number(stored) : run.delayedTo;
}

function checkStep(
  state: ReadonlyMap<string, Value>,
  run: Run,
  name: string,
  step: Step | undefined,
  tell: Tell,
  seen: Seen,
): void {
  const stored = recordOf(state.get(`step/${name}`));
  if (step === undefined || stored === undefined) {
    if ((step?.generation ?? 0) > 0) tell("G10", name, "the record of a step that began", "none");
    return;
  }
  seen("steps");
  seen("joins", step.joined.size);
  // One that has not begun has a record once somebody has told of it: a failover took back what had begun it (seed 300894).
  const isBegun = step.generation > 0;
  const [least, most] = isBegun ? [step.generation, step.most] : [1, 1];
  if (stored.generation < least || stored.generation > most)
    tell("G10", name, `generation ${least} to ${most}`, `${stored.generation}`);
  if (!isBegun && stored.state !== "waiting") tell("G10", name, "state waiting", stored.state);
  const isLast = step.ended.has(stored.generation) && step.most === step.generation;
  if (isLast && stored.state !== step.state && stored.state !== "waiting")
    tell("G10", name, `state ${step.state}`, stored.state);
  if (stored["kind"] !== "fan-out") return;
  const size = step.masks.length;
  if (stored.size !== size) tell("G10", name, `${size} sub-jobs`, `${stored.size}`);
  const counts = stateNames.map(() => 0);
  for (let n = 0; n * pageSize < size; n += 1)
    checkPage(state, name, step, stored, n, counts, tell, seen);
  checkEdits(editsOf(state.get(`edits/${name}`)), name, step, issueIn(state, name), tell, seen);
  if (!isDeepStrictEqual(stored.counts, counts))
    tell("G15", name, `counts ${counts.join(" ")}`, said(stored.counts));
  if (isEnded(run) && (counts[inFlight] ?? 0) > 0)
    tell("G13", name, "nothing in flight after the end of the run", `${counts[inFlight]}`);
  const { shape = "", accs = [] } = stored.folds ?? {};
  for (const [n, fold] of shape.split(", ").entries())
    if (/^count(?: |$)/.test(fold) && Number(accs[n]) > (counts[3] ?? 0))
      tell("G3", name, `${counts[3]} results folded at most`, `${said(accs[n])} in "${fold}"`);
}

/** Which issue a sub-job is at, by the page it is in. */
function issueIn(state: ReadonlyMap<string, Value>, name: string): (index: number) => number {
  return (index) => {
    const bytes = state.get(`page/${name}/${`${Math.floor(index / pageSize)}`.padStart(8, "0")}`);
    return bytes instanceof Uint8Array ? (pageOf(bytes).issues[index % pageSize] ?? 1) : 1;
  };
}

function checkPage(
  state: ReadonlyMap<string, Value>,
  name: string,
  step: Step,
  stored: Stored,
  n: number,
  counts: number[],
  tell: Tell,
  seen: Seen,
): void {
  const size = step.masks.length;
  const bytes = state.get(`page/${name}/${`${n}`.padStart(8, "0")}`);
  const page = bytes instanceof Uint8Array ? pageOf(bytes) : undefined;
  seen("pages", page === undefined ? 0 : 1);
  for (let index = n * pageSize; index < Math.min(size, (n + 1) * pageSize); index += 1) {
    const slot = index % pageSize;
    const number = page?.states[slot] ?? 0;
    const bit = bitOf[number] ?? 0;
    const mask = step.masks[index] ?? 0;
    const where = `${name} #${index} "${step.keys[index]}"`;
    counts[number] = (counts[number] ?? 0) + 1;
    seen("sub-jobs");
    if ((mask & bit) === 0)
      tell("G3", where, `one of: ${namesOf(mask)}`, stateNames[number] ?? `state ${number}`);
    else step.masks[index] = bit; // The store knows which of them it is.
    const offset = (page?.outcomes[slot] ?? 0) - 1 + stored.base;
    const places = [step.at[index] ?? -1, ...(step.more.get(index) ?? [])];
    if (bit === ok || offset >= stored.base) {
      seen("outcomes");
      if (!places.includes(offset))
        tell("G3", where, `its outcome at ${places.join(" or ")}`, `at ${offset}`);
    }
    const most = 1 + (step.issues.get(index) ?? 0) + step.issuedAgain + stored.swept;
    const attempts = page?.attempts[slot] ?? 0;
    if ((page?.issues[slot] ?? 0) > most)
      tell("G6", where, `${most} issues at most`, `${page?.issues[slot]}`);
    if (attempts > (step.attempts.get(index) ?? 0))
      tell("G6", where, `${step.attempts.get(index) ?? 0} failed attempts`, `${attempts}`);
  }
}

// ---- reading

function recordOf(value: Value | undefined): Stored | undefined {
  return typeof value === "string" ? (JSON.parse(value) as Stored) : undefined; // oxlint-disable-line typescript/no-unsafe-type-assertion -- what is missing is undefined, and fails the comparison that needs it
}

function listOf(value: Value): readonly unknown[] {
  const list: unknown = typeof value === "string" ? JSON.parse(value) : undefined;
  return Array.isArray(list) ? list : [];
}

function namesOf(mask: number): string {
  return setNames.filter((_, n) => (mask & (1 << n)) > 0).join(", ");
}

function said(value: unknown): string {
  return JSON.stringify(value) ?? "nothing";
}
