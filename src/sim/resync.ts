/**
 * Where the log does not say when something was decided, the second set of rules takes over what the store says: that is after a
 * sweep, whose patience begins anew with every manager. What cannot be is told all the same.
 */
import type { SliceTask, Task } from "../core/task.ts";
import type { Value } from "../ports/store.ts";
import { isEnded, type Run, type Step, type SubJob } from "./model.ts";

const states = [
  "open",
  "flying",
  "open",
  "ok",
  "failed",
  "timed-out",
  "cancelled",
  "skipped",
  "poison",
] as const;
/** Sub-jobs per page of the ledger. */
const pageSize = 1_024;

export function resync(
  run: Run,
  stored: ReadonlyMap<string, Value | undefined>,
  tasks: readonly Task[],
  tell: (what: string) => void,
): void {
  const record = parse(stored.get(`run/${run.id}`));
  if (record !== undefined) {
    run.state = String(record["state"]);
    run.at = Number(record["at"]);
    run.endedAt = isEnded(run) ? Number(record["endedAt"]) : undefined;
  }
  for (const step of run.steps) {
    const one = parse(stored.get(`step/${run.id}/${step.plan.name}`));
    if (one === undefined) continue;
    step.ends.length = 0;
    step.state = String(one["state"]);
    step.generation = Number(one["generation"]);
    step.began = one["startedAt"] !== undefined;
    Object.assign(step.main, { trace: undefined }, one["single"]);
    step.late = Number(one["late"]);
    step.stale = Number(one["stale"]);
    if (step.plan.kind === "step") continue;
    step.duplicate = Number(one["duplicate"]);
    step.swept = Number(one["swept"]);
    step.total = one["total"] === undefined ? undefined : Number(one["total"]);
    for (let n = 0; n * pageSize < step.subJobs.length; n += 1) {
      const bytes = stored.get(`page/${run.id}/${step.plan.name}/${`${n}`.padStart(8, "0")}`);
      if (bytes instanceof Uint8Array)
        readPage(step, n, bytes, (what) => tell(`${run.id}/${step.plan.name}${what}`));
    }
    // Whether a redrive found it failed, the sweep may have decided.
    const edits = JSON.parse(String(stored.get(`edits/${run.id}/${step.plan.name}`) ?? "[]"));
    readEdits(step, edits as readonly number[]); // oxlint-disable-line typescript/no-unsafe-type-assertion -- as core/edits.ts stores it
    // What this very commit puts in flight is judged afterwards, as a slice.
    for (const task of tasks)
      if (task.kind === "slice" && task.run === run.id && task.step === step.plan.name)
        for (const index of indicesIn(task)) {
          const sliced = step.subJobs[index];
          if (sliced?.state === "flying") sliced.state = "open";
        }
  }
}

function readEdits(step: Step, triples: readonly number[]): void {
  for (let t = 0; t + 2 < triples.length; t += 3) {
    const one = step.subJobs[triples[t] ?? -1];
    const [offset = 0, issue = 0] = triples.slice(t + 1, t + 3);
    if (one !== undefined) one.edited = { item: one.edited?.item, offset, issue };
  }
}

/** A page of the ledger as it is stored: version, flags, length; states; offsets; and what was tried again. */
function readPage(step: Step, page: number, bytes: Uint8Array, tell: (what: string) => void): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = view.getUint16(2, true);
  const again = 4 + length * 5;
  const hasAgain = view.getUint8(1) === 1;
  for (let n = 0; n < length; n += 1) {
    const one = step.subJobs[page * pageSize + n];
    if (one === undefined) return tell(`: the store has more sub-jobs than the log`);
    const state = states[view.getUint8(4 + n)] ?? "open";
    if (one.state === "ok" && state !== "ok")
      tell(`/${page * pageSize + n} was ok and is ${state}`);
    const issue = hasAgain ? view.getUint16(again + n * 2, true) : 0;
    const now: Partial<SubJob> = {
      issue: issue === 0 ? 1 : issue,
      attempts: hasAgain ? view.getUint8(again + length * 2 + n) : 0,
      crashes: hasAgain ? view.getUint8(again + length * 3 + n) & 15 : 0,
      kills: hasAgain ? view.getUint8(again + length * 3 + n) >> 4 : 0,
    };
    Object.assign(one, now, { state });
  }
}

function indicesIn({ from, count, again }: SliceTask): readonly number[] {
  return again?.map(({ index }) => index) ?? Array.from({ length: count }, (_, n) => from + n);
}

function parse(value: Value | undefined): Readonly<Record<string, unknown>> | undefined {
  return typeof value === "string" && value !== ""
    ? (JSON.parse(value) as Readonly<Record<string, unknown>>) // oxlint-disable-line typescript/no-unsafe-type-assertion -- records are objects
    : undefined;
}
