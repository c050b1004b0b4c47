/**
 * Judges a simulated world from outside: by the records of its log and the commits that its store accepted, folded anew by rules
 * of its own (refold.ts). What it finds is what a user could have lost.
 */
import { listed } from "../check/told.ts";
import type { Entry } from "../core/event.ts";
import type { FlowPlan } from "../core/plan.ts";
import type { Again, SliceTask, Task } from "../core/task.ts";
import type { Commit, Value } from "../ports/store.ts";
import {
  isEnded,
  isOpen,
  isPaused,
  type Issued,
  type Output,
  type Run,
  type Step,
  type Told,
} from "./model.ts";
import { counting } from "./counting.ts";
import { limits, type Limits } from "./limits.ts";
import { lastOf } from "./removal.ts";
import { checkOnce } from "./once.ts";
import { outputTypes, refold, type Refold } from "./refold.ts";
import { resync } from "./resync.ts";
import { checkTraces } from "./traces.ts";

/** A commit that the store accepted. */
export type Accepted = { readonly from: number; readonly epoch: number; readonly commit: Commit };

export type History = {
  readonly plans: ReadonlyMap<string, FlowPlan>;
  readonly partitions: readonly {
    readonly entries: readonly Entry[];
    readonly commits: readonly Accepted[];
  }[];
};

export type Checked = {
  readonly violations: readonly string[];
  readonly runs: ReadonlyMap<string, Run>;
  /** Runs that had ended and of which nothing is kept any more. */
  readonly removed: ReadonlySet<string>;
  /** And those of which something still is. */
  readonly leaving: ReadonlySet<string>;
  /** Sub-jobs whose success was folded, and joins. */
  readonly folds: number;
  readonly joins: number;
  /** Sub-jobs that the sweep had to put again. */
  readonly swept: number;
  /** How often each sub-job was put into the queue, by `run/step/index`. */
  readonly issues: ReadonlyMap<string, number>;
};

/** At most so many are told: the first says what is wrong. */
const tellAtMost = 12;

export function check(history: History): Checked {
  const violations: string[] = [];
  const runs = new Map<string, Run>();
  const removed = new Set<string>();
  const leaving = new Set<string>();
  const issues = new Map<string, number>();
  let folds = 0;
  let joins = 0;
  const tell = (where: string, what: string): void => {
    if (violations.length < tellAtMost) violations.push(`${where}: ${what}`);
  };
  for (const [partition, { entries, commits }] of history.partitions.entries()) {
    const model = refold(history.plans);
    const keeping = limits(model.runs, partition, history.partitions.length);
    const counted = counting();
    let consumed = 0;
    let epoch = 0;
    let written = 0;
    for (const accepted of commits) {
      const where = `partition ${partition}, commit ${accepted.from}-${accepted.commit.to}`;
      if (accepted.from !== consumed) tell(where, `it does not go on from ${consumed}`);
      if (accepted.epoch < epoch) tell(where, `epoch ${accepted.epoch} after ${epoch}`);
      consumed = accepted.commit.to;
      epoch = accepted.epoch;
      written += accepted.commit.events.map(typeOf).filter((type) => outputTypes.has(type)).length;
      const events = entries.slice(accepted.from, accepted.commit.to).map(told);
      checkCommit(model, keeping, events, accepted.commit, issues, (what) => tell(where, what));
      counted.take(model, accepted.commit.events, (what) => tell(where, what));
    }
    const outputs = entries.map(told).filter(({ type }) => outputTypes.has(type));
    if (outputs.length !== written)
      tell(
        `partition ${partition}`,
        `${outputs.length} records of managers, ${written} in commits`,
      );
    checkOnce(outputs, (what) => tell(`partition ${partition}`, what));
    joins += outputs.filter(({ type }) => type === "fan-out.joined").length;
    folds += model.folds();
    for (const [id, run] of model.runs) runs.set(id, run);
    for (const id of model.removed) removed.add(id);
    for (const id of model.leaving) leaving.add(id);
  }
  const steps = [...runs.values()].flatMap(({ steps }) => steps);
  const swept = steps.reduce((sum, step) => sum + step.swept, 0);
  return { violations, runs, removed, leaving, folds, joins, swept, issues };
}

function typeOf(text: string): string {
  return told({ offset: -1, at: -1, text }).type;
}

function told({ offset, at, text }: Entry): Told {
  const end = text.indexOf("\n");
  const header = JSON.parse(end === -1 ? text : text.slice(0, end)) as Told; // oxlint-disable-line typescript/no-unsafe-type-assertion -- every record is one event
  const keys = header.type === "fan-out.grown" && { keys: listed(header["keys"]) };
  return { ...header, ...keys, offset, at, body: end === -1 ? undefined : text.slice(end + 1) };
}

/** What managers tell themselves: what schedules start is judged by sim/schedules.ts, what waits for a removal by what comes of it. */
const again: ReadonlySet<string> = new Set(["run.started", "run.expired"]);

function checkCommit(
  model: Refold,
  keeping: Limits,
  events: readonly Told[],
  commit: Commit,
  issues: Map<string, number>,
  tell: (what: string) => void,
): void {
  const last = lastOf(commit);
  for (const event of events) model.take(event, last.has(event.offset));
  for (const event of events) keeping.hear(event);
  const { outputs, issued } = model.followed();
  const stored = new Map(commit.puts);
  const swept = sweptRuns(model, stored);
  for (const run of swept) resync(run, stored, commit.tasks, tell);
  const isKnown = ({ run }: { readonly run: string }): boolean =>
    ![...swept].some(({ id }) => id === run);
  const risks = commit.events.filter((text) => text.startsWith('{"type":"run.at-risk"'));
  for (const text of risks)
    checkRisk(model, JSON.parse(text) as Told, events.at(-1)?.at ?? 0, tell); // oxlint-disable-line typescript/no-unsafe-type-assertion -- managers write nothing else
  const certain = commit.events.filter((text) => !risks.includes(text));
  checkOutputs(outputs.filter(isKnown), certain, isKnown, tell);
  checkIssued(issued.filter(isKnown), commit.tasks, isKnown, tell);
  checkTraces(model.runs, events, commit.tasks, tell);
  const at = events.findLast(({ type }) => !outputTypes.has(type))?.at ?? 0;
  for (const task of commit.tasks) if (task.kind === "slice") checkSlice(model, task, issues, tell);
  for (const task of commit.tasks) if (task.kind === "slice") keeping.put(task, at, tell);
  for (const run of model.runs.values()) checkStored(run, stored, tell);
  const pauses = parsed(stored.get("pauses"));
  if (pauses !== undefined) checkPauses(model, pauses, tell);
}

/** Runs in which the sweep did something: when exactly, the log does not say. */
function sweptRuns(model: Refold, stored: ReadonlyMap<string, Value | undefined>): Set<Run> {
  const swept = new Set<Run>();
  for (const run of model.runs.values())
    for (const step of run.steps) {
      const record = parsed(stored.get(`step/${run.id}/${step.plan.name}`));
      if (Number(record?.["swept"] ?? 0) > step.swept) swept.add(run);
    }
  return swept;
}

function checkOutputs(
  expected: readonly Output[],
  texts: readonly string[],
  isKnown: (output: Output) => boolean,
  tell: (what: string) => void,
): void {
  const actual = texts
    .map((text): Output => told({ offset: -1, at: -1, text }))
    .filter(({ run, type }) => run !== undefined && !again.has(type))
    .filter(isKnown); // oxlint-disable-line typescript/no-unsafe-type-assertion -- managers write nothing else
  // In the order of each run: which of two runs comes first where one event concerns both, nobody promised.
  for (const run of new Set([...expected, ...actual].map((output) => output.run))) {
    const must = expected.filter((output) => output.run === run);
    const are = actual.filter((output) => output.run === run);
    compareOutputs(must, are, tell);
  }
}

function compareOutputs(
  must: readonly Output[],
  are: readonly Output[],
  tell: (what: string) => void,
): void {
  for (let n = 0; n < Math.max(must.length, are.length); n += 1) {
    const expected = must[n];
    const is = are[n];
    if (expected === undefined) return tell(`nothing calls for ${JSON.stringify(is)}`);
    for (const [field, value] of Object.entries(expected))
      if (sorted(is?.[field]) !== sorted(value))
        return tell(`expected ${JSON.stringify(expected)}, got ${JSON.stringify(is)}`);
  }
}

/** As JSON, with the keys of objects in order. */
function sorted(value: unknown): string | undefined {
  return JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === "object" && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}

function checkIssued(
  expected: readonly Issued[],
  tasks: readonly Task[],
  isKnown: (issued: Issued) => boolean,
  tell: (what: string) => void,
): void {
  const text = ({ run, step, issue, after }: Issued): string =>
    `${run}/${step} issue ${issue} after ${JSON.stringify(after)}`;
  const must = expected.map(text).toSorted().join(", ");
  const is = tasks
    .flatMap((task) => (task.kind === "slice" || !isKnown(task) ? [] : [text(task)]))
    .toSorted()
    .join(", ");
  if (must !== is) tell(`expected tasks for [${must}], got [${is}]`);
}

/** What is stored as paused is what people have paused, and workers go by it. */
function checkPauses(
  { paused }: Refold,
  record: Readonly<Record<string, unknown>>,
  tell: (what: string) => void,
): void {
  const stored = record["pauses"] as readonly { readonly of: string; readonly name: string }[]; // oxlint-disable-line typescript/no-unsafe-type-assertion -- as core/pauses.ts stores it
  const is = stored.map(({ of, name }) => `${of} ${name}`).toSorted();
  differ("pauses", { paused: [...paused].toSorted() }, { paused: is }, tell);
}

/** When the forecast is looked at, and what it says, the rules do not know; but it is of a deadline that is still to come, and once. */
function checkRisk(
  { runs, removed, leaving }: Refold,
  { run: id, step: name, of, deadlineAt, forecastAt, riskAt }: Told,
  at: number,
  tell: (what: string) => void,
): void {
  const run = runs.get(id);
  const step = run?.steps.find(({ plan }) => plan.name === name);
  if (removed.has(id) || leaving.has(id)) return; // It has ended since, and gone.
  if (run === undefined || step === undefined) return tell(`a risk of ${id}/${name}, which is not`);
  if (Number(riskAt) < Math.max(run.beginAt, step.startedAt)) return; // Of the run before, which has gone, and this one of its id has begun in the same commit.
  const holder = of === "run" ? run : step;
  if (holder.isAtRisk) tell(`${id}/${name} is at risk twice`);
  holder.isAtRisk = true;
  if (!(Number(forecastAt) > Number(deadlineAt)))
    tell(`${id}/${name} is at risk, with a forecast before its deadline`);
  if (!(Number(riskAt) <= at)) tell(`${id}/${name} is at risk from a time on that is to come`);
  if (!holder.isLate && Number(deadlineAt) <= Number(riskAt))
    tell(`${id}/${name} is at risk and not late, after its deadline`);
}

/** A slice may go only to a step that runs, of sub-jobs that wait, with the number that counts, below the limit. */
function checkSlice(
  { runs, paused }: Refold,
  task: SliceTask,
  issues: Map<string, number>,
  tell: (what: string) => void,
): void {
  const name = `${task.run}/${task.step}`;
  const run = runs.get(task.run);
  const step = run?.steps.find(({ plan }) => plan.name === task.step);
  if (run === undefined || step?.plan.kind !== "fan-out" || run.steps[run.at] !== step)
    return tell(`a slice of ${name}, where the run is not`);
  if (step.state !== "running") return tell(`a slice of ${name}, which is ${step.state}`);
  if (isPaused(paused, run, step, true)) return tell(`a slice of ${name}, which is paused`);
  const all =
    task.again ??
    Array.from({ length: task.count }, (_, n): Again => ({
      index: task.from + n,
      issue: 1,
      attempt: 1,
    }));
  for (const { index, issue, attempt, edited } of all) {
    const one = step.subJobs[index];
    if (edited !== one?.edited?.offset) tell(`${name}/${index} was put with another input`);
    if (one?.state !== "open" || one.issue !== issue || one.attempts + 1 !== attempt)
      tell(
        `${name}/${index} was put as issue ${issue}, attempt ${attempt}; it is ${JSON.stringify(one)}`,
      );
    else one.state = "flying";
    if (!isOnPage(step, task.pages, index)) tell(`${name}/${index} was put without its page`);
    issues.set(`${name}/${index}`, (issues.get(`${name}/${index}`) ?? 0) + 1);
  }
  const flying = step.subJobs.filter(({ state }) => state === "flying").length;
  if (flying > step.concurrency) tell(`${flying} sub-jobs of ${name} in flight`);
}

function isOnPage(step: Step, pages: readonly number[], index: number): boolean {
  for (let at = pages.length - 2; at >= 0; at -= 2)
    if ((pages[at] ?? Infinity) <= index) return step.pages.get(pages[at] ?? -1) === pages[at + 1];
  return false;
}

/** What was stored with the commit is what the rules say, number by number: status is a view of it. */
export function checkStored(
  run: Run,
  stored: ReadonlyMap<string, Value | undefined>,
  tell: (what: string) => void,
): void {
  const record = parsed(stored.get(`run/${run.id}`));
  if (record !== undefined) {
    differ(
      `run ${run.id}`,
      { state: run.state, at: run.at, answers: [...run.answers.values()].slice(-64) },
      {
        state: record["state"],
        at: record["at"],
        answers: answersOf(record["answers"]),
      },
      tell,
    );
    const isLive = stored.get(`live/${run.id}`) !== undefined;
    if (isLive === isEnded(run))
      tell(`run ${run.id} is ${run.state} and ${isLive ? "" : "not "}among the living`);
  }
  for (const step of run.steps) {
    const one = parsed(stored.get(`step/${run.id}/${step.plan.name}`));
    if (one !== undefined) checkStep(`step ${run.id}/${step.plan.name}`, step, one, tell);
  }
}

/** How many each command was about; undefined where it was refused. */
function answersOf(stored: unknown): readonly (number | undefined)[] {
  const answers = stored as readonly { readonly matched: number; readonly refused?: string }[]; // oxlint-disable-line typescript/no-unsafe-type-assertion -- a run has answers
  return answers.map(({ matched, refused }) => (refused === undefined ? matched : undefined));
}

function checkStep(
  name: string,
  step: Step,
  record: Readonly<Record<string, unknown>>,
  tell: (what: string) => void,
): void {
  const single = record["single"] as Readonly<Record<string, unknown>>; // oxlint-disable-line typescript/no-unsafe-type-assertion -- a step has one
  const { state, generation, late, stale, main } = step;
  const common = { state, generation, late, stale, main: [main.state, main.issue, main.crashes] };
  const is = {
    state: record["state"],
    generation: record["generation"],
    late: record["late"],
    stale: record["stale"],
    main: [single["state"], single["issue"], single["crashes"]],
  };
  if (step.plan.kind === "step") return differ(name, common, is, tell);
  const of = (wanted: string): number => step.subJobs.filter((one) => one.state === wanted).length;
  const [waiting = 0, flying, retrying = 0, ...settled] = record["counts"] as readonly number[]; // oxlint-disable-line typescript/no-unsafe-type-assertion -- as core/ledger.ts stores it
  const sum = settled.reduce((a, b) => a + b, waiting + retrying + (flying ?? 0));
  if (sum !== record["size"])
    tell(`${name}: its counts add up to ${sum}, its size is ${String(record["size"])}`);
  differ(
    name,
    {
      ...common,
      size: step.subJobs.length,
      total: step.total,
      counts: [
        of("open"),
        of("flying"),
        ...["ok", "failed", "timed-out", "cancelled", "skipped", "poison"].map(of),
      ],
      duplicate: step.duplicate,
      duplicateKeys: step.duplicateKeys,
    },
    {
      ...is,
      size: record["size"],
      total: record["total"],
      counts: [waiting + retrying, flying, ...settled],
      duplicate: record["duplicate"],
      duplicateKeys: record["duplicateKeys"],
    },
    tell,
  );
}

function differ(name: string, must: object, is: object, tell: (what: string) => void): void {
  for (const [field, value] of Object.entries(must)) {
    const other: unknown = Reflect.get(is, field);
    if (JSON.stringify(other) !== JSON.stringify(value))
      tell(
        `${name}: ${field} is stored as ${JSON.stringify(other)}, the log says ${JSON.stringify(value)}`,
      );
  }
}

function parsed(value: Value | undefined): Readonly<Record<string, unknown>> | undefined {
  return typeof value === "string" && value !== ""
    ? (JSON.parse(value) as Readonly<Record<string, unknown>>) // oxlint-disable-line typescript/no-unsafe-type-assertion -- records are objects
    : undefined;
}

/** Sub-jobs that have no outcome although their run has ended. */
export function leftOpen(run: Run): number {
  return run.steps.flatMap(({ subJobs }) => subJobs).filter(isOpen).length;
}
