/**
 * What the records of a partition say, folded without the definitions of any flow.
 *
 * The log does not say everything: whether a failure was the last depends on the flow's retries, whether a sub-job was in the
 * queue on the window. So each sub-job has a set of states it may be in; every record narrows the sets or widens them, and a
 * promise is broken where a set becomes empty. Records of managers stand a little behind those that caused them; what
 * arrived between the two can only be late, and widens nothing.
 */
import { asked, isOutdated, type Edit } from "./edits.ts";
import { widenedBy, type Late } from "./lates.ts";
import {
  add,
  cancelled,
  failed,
  isEnded,
  isInside,
  issueKey,
  newRun,
  newStep,
  note,
  ok,
  open,
  skipped,
  type Run,
  type Step,
} from "./model.ts";
import type { Tell } from "./store.ts";
import { outcomesIn, type Told } from "./told.ts";

/** What only the store knows, and the fold must be told. */
export type Hints = {
  /** Offsets of the pages that a step has taken in. */
  readonly isTaken: (run: string, step: string, offset: number) => boolean;
  /** Some of its results may have been refused by a fold. */
  readonly mayRefuse: (run: string, step: string) => boolean;
  /** Its corrected inputs, as they are kept. */
  readonly edits: (run: string, step: string) => readonly Edit[];
  /** The run remembers that this decision did something. */
  readonly isDone: (asked: Told) => boolean;
  /** How often the sweep put sub-jobs of this step again. */
  readonly swept: (run: string, step: string) => number;
  /** The offset of the event with which this run, begun at `after`, was removed; Infinity where it is being removed. */
  readonly removedBy: (run: string, after: number) => number | undefined;
  /** Deadlines that closed or cancelled something. */
  readonly lates: readonly Late[];
  /** The state in which a run ended next after this offset. */
  readonly nextEnd: (run: string, offset: number) => string | undefined;
};

export type Folded = {
  readonly runs: Map<string, Run>;
  /** Runs that had ended and were removed, and not started again. */
  readonly removed: ReadonlySet<string>;
  readonly take: (told: Told, isConsumed: boolean) => void;
};

/** Vanished workers after which a sub-job is given up. */
const crashLimit = 3;

export function fold(hints: Hints, tell: Tell): Folded {
  const runs = new Map<string, Run>();
  const removed = new Set<string>();
  /** Of each, managers have yet to write that it is removed; of one id, the first goes first. */
  const leaving = new Map<string, Run[]>();
  const widen = widenedBy(hints.lates, runs);

  function stepOf(run: Run, name: string): Step {
    let step = run.steps.get(name);
    if (step === undefined) run.steps.set(name, (step = newStep()));
    return step;
  }

  /** What came from outside, as the manager takes it in. */
  function input(e: Told, where: string): void {
    if (e.type === "queue.lost") return loseQueue(e);
    if (e.run === undefined) return;
    const run = runs.get(e.run);
    if (e.type === "run.expired") return expire(run, e);
    if (e.type === "run.started") {
      removed.delete(e.run);
      if (run === undefined) runs.set(e.run, newRun(e, hints.removedBy));
      return;
    }
    if (run === undefined || run.isRemoved || run.isAgain) return;
    if (e.type === "cancel.asked") return cancel(run, e, where);
    if (e.type.endsWith(".asked")) return obey(run, e);
    if (e.step === undefined) return;
    const step = stepOf(run, e.step);
    if (e.type === "fan-out.grown") grow(step, e, where);
    else if (e.type === "fan-out.sealed") {
      if (e.total === step.masks.length) step.sealed = e.total;
    } else if (e.type === "sub-jobs.settled") settle(step, e, where);
    else if (e.type === "task.lost")
      each(step, e.subJobs ?? [], e, where, (index, issue, isKnown) => {
        if (!isKnown || ((step.masks[index] ?? 0) & open) === 0) return;
        if (step.over.has(issueKey(index, issue))) return;
        step.over.add(issueKey(index, issue));
        add(step.issues, index);
        if (e.clean !== true) crash(step, index, e.offset);
      });
  }

  /** What comes after the event that it goes with finds no such run; what managers write until they say so is of it. */
  function expire(run: Run | undefined, e: Told): void {
    if (run === undefined || hints.removedBy(e.run, e.offset - 1) !== e.offset) return;
    runs.delete(e.run);
    leaving.set(e.run, [...(leaving.get(e.run) ?? []), run]);
  }

  function remove(e: Told, where: string): void {
    const run = leaving.get(e.run)?.shift();
    if (run === undefined || !isEnded(run))
      tell("G1", where, "an ended run, of those that are removed", run?.state ?? "none");
    if (!runs.has(e.run)) removed.add(e.run);
  }

  function outputInShort(run: Run, e: Told): void {
    if (e.type === "run.delayed") run.delayedTo = e.beginAt;
    if (e.type === "run.began") run.began = true;
    if (e.type === "run.began") run.beganAt = e.at;
    if (e.type === "run.began" || e.type === "run.resumed") run.state = "running";
    if (e.type === "run.held") run.state = "held";
    if (e.type === "run.ended") run.state = e.state;
    if (e.type === "run.ended") run.endedAt = e.at;
  }

  function crash(step: Step, index: number, offset: number): void {
    add(step.crashes, index);
    if ((step.crashes.get(index) ?? 0) + step.crashed >= crashLimit) givenUp(step, index, offset);
  }

  function givenUp(step: Step, index: number, offset: number): void {
    if (((step.masks[index] ?? 0) & open) === 0) return;
    step.masks[index] = (step.masks[index] ?? 0) | failed;
    note(step, index, offset);
  }

  function loseQueue(e: Told): void {
    for (const run of runs.values()) {
      for (const step of run.steps.values()) {
        step.issuedAgain += 1;
        if (e.clean === true || step.masks.length === 0) continue;
        step.crashed += 1;
        for (let index = 0; index < step.masks.length; index += 1)
          if ((step.crashes.get(index) ?? 0) + step.crashed >= crashLimit)
            givenUp(step, index, e.offset);
      }
    }
  }

  function grow(step: Step, e: Told, where: string): void {
    if (e.keys.length === 0 || !hints.isTaken(e.run, e.step, e.offset)) return;
    const size = step.masks.length;
    if (e.from !== size) tell("G4", where, `a page from ${size}`, `one from ${e.from}`);
    step.sealed = undefined;
    for (const key of e.keys) {
      if (step.known.has(key)) tell("G3", where, "one sub-job per key", `"${key}" twice`);
      step.known.add(key);
      step.keys.push(key);
      step.masks.push(open);
      step.at.push(-1);
    }
    const items: unknown = JSON.parse(e.body ?? "[]");
    if (!Array.isArray(items) || items.length !== e.keys.length)
      tell("G10", where, `${e.keys.length} items`, "another number of them");
  }

  /** Calls back for each sub-job of those flat triples (from, count, issue) that exist; says whether it could have been issued. */
  function each(
    step: Step,
    triples: readonly number[],
    e: Told,
    where: string,
    act: (index: number, issue: number, isKnown: boolean) => void,
  ): void {
    for (let t = 0; t + 2 < triples.length; t += 3) {
      const [from = 0, count = 0, issue = 0] = triples.slice(t, t + 3);
      if (!isInside(step, from, count)) {
        tell("G3", where, `sub-jobs below ${step.masks.length}`, `${from} and ${count - 1} more`);
        continue;
      }
      for (let index = from; index < from + count; index += 1) {
        const most = mostIssues(e.run, e.step, step, index);
        const isKnown = issue >= 1 && issue <= most;
        if (!isKnown)
          tell("G6", `${where} #${index}`, `an issue from 1 to ${most}`, `issue ${issue}`);
        act(index, issue, isKnown);
      }
    }
  }

  function mostIssues(run: string, name: string, step: Step, index: number): number {
    return 1 + (step.issues.get(index) ?? 0) + step.issuedAgain + hints.swept(run, name);
  }

  function settle(step: Step, e: Told, where: string): void {
    const refused = hints.mayRefuse(e.run, e.step) ? failed : 0;
    const { good, all } = outcomesIn(e);
    // Where it speaks of one that is not there, nothing of it counts.
    if (all.some((from, t) => t % 3 === 0 && !isInside(step, from, all[t + 1] ?? 0)))
      return each(step, all, e, where, () => undefined);
    const edits = hints.edits(e.run, e.step);
    each(step, good, e, where, (index, issue) => {
      const mask = step.masks[index] ?? 0;
      if ((mask & open) === 0) return;
      if (step.edited.has(index) && isOutdated(edits, index, issue, e.offset)) return;
      step.masks[index] = (mask & ~open) | ok | refused;
      note(step, index, e.offset);
    });
    for (const bad of e.bad ?? [])
      each(step, [bad.index, 1, bad.issue], e, where, (index, issue, isKnown) => {
        if (!isKnown) return; // It may only succeed.
        const mask = step.masks[index] ?? 0;
        const before = step.attempts.get(index) ?? 0;
        if (bad.attempt < 1 || bad.attempt > before + 1)
          tell("G6", `${where} #${index}`, `attempt ${before + 1} at most`, `${bad.attempt}`);
        if ((mask & open) === 0 || step.over.has(issueKey(index, issue))) return;
        step.over.add(issueKey(index, issue));
        // Of an issue that is not certainly the last, it may have been ignored.
        // Nor is it certain where the run has ended since: that may have been decided before.
        const isCertain =
          issue === mostIssues(e.run, e.step, step, index) &&
          mask === open &&
          hints.nextEnd(e.run, e.offset) === undefined;
        note(step, index, e.offset);
        if (bad.outcome === "skipped") step.masks[index] = isCertain ? skipped : mask | skipped;
        else if (bad.outcome === "retry-later") add(step.issues, index);
        else {
          step.masks[index] = isCertain && bad.fatal === true ? failed : mask | failed;
          add(step.issues, index);
          add(step.attempts, index);
        }
      });
  }

  /** What people ask for may be refused: the sets grow, and the join narrows them. */
  function obey(run: Run, e: Told): void {
    for (const [name, step] of run.steps) {
      const isMeant = e.step === undefined || e.step === name;
      step.issuedAgain += 1; // What is in the queue is called back.
      if (isMeant && e.edits !== undefined) asked(run, name, step, e, hints.isDone(e));
      for (const [index, mask] of step.masks.entries()) {
        if (e.type === "redrive.asked" && isMeant && (mask & failed) > 0) {
          step.masks[index] = mask | open;
          add(step.issues, index);
        }
        if (e.type === "reopen.asked" && (mask & cancelled) > 0) step.masks[index] = mask | open;
        if (e.type === "skip.asked" && isMeant && (mask & failed) > 0)
          step.masks[index] = mask | skipped;
        if (e.type === "release.asked" || e.type === "close.asked")
          if ((mask & open) > 0) step.masks[index] = mask | cancelled;
      }
      step.closed ||= e.type === "release.asked" || e.type === "close.asked";
    }
    run.requests.add(e.request);
    if (e.type === "redrive.asked") run.redriven = true;
    if (e.type === "reopen.asked") run.reopened = true;
    // It may be about a step of which nothing stands here yet.
    if (e.type === "release.asked" || e.type === "close.asked") run.closes += 1;
  }

  /** A redrive stands before what was decided first: what failed then may have been opened again since. */
  function reopen({ redriven, reopened }: Run, step: Step): void {
    const opened = (redriven ? failed : 0) | (reopened ? cancelled : 0);
    for (const [index, mask] of step.masks.entries())
      if ((mask & opened) > 0) {
        step.masks[index] = mask | open;
        add(step.issues, index);
      }
  }

  function cancel(run: Run, e: Told, where: string): void {
    const end = hints.nextEnd(e.run, e.offset);
    if (end === undefined && !isEnded(run))
      tell("G13", where, "an end of the run after cancel", "none");
    if (end !== "cancelled" || isEnded(run)) return;
    for (const step of run.steps.values()) {
      step.closed = true;
      for (const [index, mask] of step.masks.entries())
        if ((mask & open) > 0) step.masks[index] = (mask & ~open) | cancelled;
    }
  }

  // ---- what managers wrote

  function output(e: Told, where: string): void {
    if (e.type === "run.removed") return remove(e, where);
    const run = leaving.get(e.run)?.[0] ?? runs.get(e.run);
    if (run === undefined) return tell("G1", where, "a start before it", "none");
    if (run.isRemoved || run.isAgain) return outputInShort(run, e);
    if (e.type === "run.delayed") {
      if (run.delayedTo !== undefined || run.began)
        tell("G2", where, "one delay, before the beginning", "another");
      run.delayedTo = e.beginAt;
      return;
    }
    if (e.type === "run.began") {
      if (e.at < (run.delayedTo ?? 0))
        tell("G2", where, `a beginning from ${run.delayedTo} on`, `one at ${e.at}`);
      run.beganAt = e.at;
      if (run.began) tell("G2", where, "one beginning", "another");
      run.began = true;
      run.state = "running";
      return;
    }
    if (e.type === "run.resumed") {
      for (const step of run.steps.values()) step.issuedAgain += 1;
      const step = stepOf(run, e.step);
      step.most += 1;
      step.state = "running";
      reopen(run, step);
      run.state = "running";
      return;
    }
    if (isEnded(run)) tell("G13", where, `nothing new: the run is ${run.state}`, e.type);
    if (e.type === "run.held") run.state = "held";
    if (e.type === "run.ended") {
      run.endedAt = e.at;
      run.state = e.state;
      for (const step of run.steps.values()) step.issuedAgain += 1;
    }
    if (e.generation === undefined) return;
    const step = stepOf(run, e.step);
    const begins = e.type === "step.began" ? 1 : 0;
    const [least, most] = [step.generation + begins, step.most + begins];
    if (e.generation < least || e.generation > most)
      tell("G4", where, `generation ${least} to ${most}`, `${e.generation}`);
    step.generation = e.generation;
    step.most = e.generation;
    if (e.type === "step.began") {
      step.state = "running";
      step.sealed = undefined;
    } else if (e.type === "fan-out.joined") join(run, step, e, where);
    else if (e.type === "step.ended") {
      if (step.ended.has(e.generation)) tell("G4", where, "one end per generation", "two");
      if (e.outcome === "ok" && step.masks.length > 0 && !step.joined.has(e.generation))
        tell("G4", where, "a join before the end of the step", "none");
      step.ended.add(e.generation);
      step.state = e.outcome === "ok" ? "done" : e.outcome;
    }
  }

  function join(run: Run, step: Step, e: Told, where: string): void {
    if (step.joined.has(e.generation)) tell("G4", where, "one join per generation", "two");
    step.joined.add(e.generation);
    const size = step.masks.length;
    if (!step.closed && step.sealed !== size && run.closes > 0) {
      step.closed = true;
      run.closes -= 1;
    }
    const sealed = step.closed ? size : step.sealed;
    if (e.total !== size || sealed !== size)
      tell("G4", where, `total ${size}, sealed`, `total ${e.total}, sealed ${sealed ?? "never"}`);
    for (const [index, mask] of step.masks.entries()) {
      if ((mask & ~open) === 0) tell("G4", where, `an outcome of #${index}`, "none: joined early");
      else step.masks[index] = mask & ~open;
    }
    const succeeded = Number(e.ok);
    const said = [succeeded, e.failed, e.skipped, e.total - succeeded - e.failed - e.skipped];
    for (const [n, bit] of [ok, failed, skipped, cancelled].entries()) {
      const least = step.masks.filter((mask) => mask === bit).length;
      const most = step.masks.filter((mask) => (mask & bit) > 0).length;
      const name = ["ok", "failed", "skipped", "cancelled"][n];
      const count = said[n] ?? NaN;
      if (!(count >= least && count <= most))
        tell("G4", where, `${name}: ${least} to ${most}`, `${count}`);
    }
  }

  return {
    runs,
    removed,
    take(e, isConsumed) {
      widen(e);
      const where = `record ${e.offset}${e.run === undefined ? "" : ` ${e.run}`}${e.step === undefined ? "" : `/${e.step}`} ${e.type}`;
      if (outputs.has(e.type)) output(e, where);
      else if (isConsumed) input(e, where);
    },
  };
}

const outputs: ReadonlySet<string> = new Set([
  "run.removed",
  "run.delayed",
  "run.began",
  "step.began",
  "step.ended",
  "fan-out.joined",
  "run.held",
  "run.resumed",
  "run.adjusted",
  "run.late",
  "run.at-risk",
  "run.ended",
]);
