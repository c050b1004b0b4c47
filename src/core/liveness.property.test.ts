/**
 * A run never hangs (I4, G9, G12): after any faults, a worker that works and a clock that ticks bring it to its end.
 *
 * The queue here loses, repeats and forgets; the worker fails, vanishes and stops; the manager restarts. Then all is well, and
 * each item must be folded exactly once.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { freshBench, plansOf, play, restarted, type At } from "../contract/decider.ts";
import {
  ask,
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
  settled,
  ticked,
} from "../contract/events.ts";
import { list, namedFolds, sum } from "./fold.ts";
import { wakeAt } from "./state.ts";
import type { SliceTask, Task } from "./task.ts";

const size = 9;
const folds = namedFolds({ sum: sum(Number), list: list(size) });
const fan = (name: string) => fanOutPlan(name, { folds, concurrency: 4 });
const plans = plansOf([flowPlan([plainPlan("first"), fan("all"), fan("more"), plainPlan("last")])]);

const fate = fc.constantFrom(
  "done",
  "half",
  "twice",
  "failed",
  "fatal",
  "vanished",
  "given back",
  "forgotten",
  "restart",
  "restart without queue",
  "tick",
  "redrive",
);

const error = { name: "Error", message: "no luck" };

function triples({ from, count, again }: SliceTask): readonly number[] {
  return again?.flatMap(({ index, issue }) => [index, 1, issue]) ?? [from, count, 1];
}

function indices({ from, count, again }: SliceTask): readonly { index: number; issue: number }[] {
  return again ?? Array.from({ length: count }, (_, n) => ({ index: from + n, issue: 1 }));
}

/** What a worker writes when it has done a task, or the first so many of its sub-jobs. */
function works(at: number, task: Task, most = Infinity): readonly At[] {
  const { run, step, generation } = task;
  const of = { run, step, generation };
  if (task.kind === "slice")
    return indices(task)
      .slice(0, most)
      .map(({ index, issue }) => settled(at, { ...of, ok: [index, 1, issue] }, [index]));
  const { issue } = task;
  if (task.kind === "step") return [done(at, step, { ...of, issue, result: step })];
  const pages: At[] = [];
  for (let from = task.size; from < size; from += 4)
    pages.push(page(at, from, Math.min(4, size - from), { ...of, issue }));
  return most === Infinity ? [...pages, seal(at, size, { ...of, issue })] : pages.slice(0, most);
}

function fails(at: number, task: Task, fatal: boolean): readonly At[] {
  const { run, step, generation } = task;
  if (task.kind !== "slice")
    return [
      done(at, step, { run, generation, issue: task.issue, outcome: "failed", fatal, error }),
    ];
  return indices(task).map(({ index, issue }) => {
    const one = bad(at, index, { issue, fatal });
    return { ...one, event: { ...one.event, step } as typeof one.event };
  });
}

function loses(at: number, task: Task, clean: boolean): readonly At[] {
  const { step, kind } = task;
  const of = { step, kind, ...(clean ? { clean } : {}) };
  if (task.kind !== "slice") return [lost(at, { ...of, issue: task.issue })];
  return [lost(at, { ...of, subJobs: triples(task) })];
}

test("I4 C13 whatever went wrong, a run comes to its end when things go well again, with each item folded once", () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fate, fc.nat({ max: 20 }), fc.nat({ max: 2_000 })), {
        maxLength: 40,
        size: "max",
      }),
      (fates) => {
        let bench = freshBench(plans);
        let at = 0;
        let queue: Task[] = [];
        const log = (events: readonly At[]): void => {
          for (const one of events) {
            const next = play(bench, [one]);
            bench = next.bench;
            queue.push(...next.decided.tasks);
          }
        };
        const take = (lot: number): Task | undefined =>
          queue.splice(lot % Math.max(1, queue.length), 1)[0];
        log([begin(0)]);
        for (const [what, lot, pause] of fates) {
          at += pause;
          if (what === "tick") log([ticked(at)]);
          if (what === "redrive") log([ask(at, "redrive")]);
          if (what.startsWith("restart")) bench = restarted(bench, plans, at);
          if (what === "restart without queue") {
            queue = [];
            log([queueLost(at)]);
          }
          const takes = [
            "done",
            "half",
            "twice",
            "failed",
            "fatal",
            "vanished",
            "given back",
            "forgotten",
          ];
          const task = takes.includes(what) ? take(lot) : undefined;
          if (task === undefined) continue;
          if (what === "done") log(works(at, task));
          if (what === "half") log([...works(at, task, 1), ...loses(at, task, false)]);
          if (what === "twice") log([...works(at, task), ...works(at, task)]);
          if (what === "failed" || what === "fatal") log(fails(at, task, what === "fatal"));
          if (what === "vanished" || what === "given back")
            log(loses(at, task, what === "given back"));
        }
        const run = () => bench.state.runs.get("r") ?? assert.fail();
        for (let turn = 0; turn < 400 && run().state !== "done"; turn += 1) {
          const task = queue.shift();
          if (task !== undefined) log(works(at, task));
          else if (run().state === "held" || run().state === "failed") log([ask(at, "redrive")]);
          else {
            at = Math.max(at, wakeAt(bench.state) ?? assert.fail("it waits for nothing"));
            log([ticked(at)]);
          }
        }
        assert.equal(run().state, "done");
        const { all, more } = run().results;
        for (const joined of [all, more]) {
          const { total, ok, value } = Object(joined) as Record<string, unknown>;
          const list = Array.from({ length: size }, (_, n) => n);
          assert.deepEqual(
            { total, ok, value },
            { total: size, ok: size, value: { sum: 36, list } },
          );
        }
        assert.deepEqual([run().results["first"], run().results["last"]], ["first", "last"]);
      },
    ),
    { numRuns: 250 },
  );
});
