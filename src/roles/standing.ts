/** How things stand across all runs: who works, what waits in which queue, how far everybody who reads the log has come. */
import { keys } from "../core/ids.ts";
import * as ledgers from "../core/ledger.ts";
import { limitByKey, type JobPlan, type Plans } from "../core/plan.ts";
import { sessionsIn } from "../core/snapshot.ts";
import type { StoredFanOut } from "../core/stored.ts";
import type { Clock } from "../ports/clock.ts";
import type { Engine } from "../ports/engine.ts";
import { jobLimits, type LimitStatus } from "../views/limits.ts";
import { jobsIn, loadHolds, nameHeld } from "./holds.ts";
import type { KeyNames, Where } from "./key-names.ts";
import { liveRuns, loadStoredSteps, scanAll } from "./loading.ts";

/** Who works, with how many slots, on which queues. */
export type WorkerStatus = {
  readonly worker: string;
  readonly slots: number;
  readonly queues: readonly string[];
  /** Unless it is seen again, it counts until then, epoch ms. */
  readonly until: number;
};

/** What there is to do in a queue, over all runs under way. */
export type QueueStatus = {
  readonly queue: string;
  readonly workers: number;
  readonly slots: number;
  /** Sub-jobs and steps. */
  readonly waiting: number;
  readonly inFlight: number;
  readonly retrying: number;
  readonly runs: number;
  /** Under which its sub-jobs are put: of its jobs, and those that they share with others. */
  readonly limits: readonly LimitStatus[];
};

/** Somebody who reads the log: the manager, the list of runs, listeners, statistics. */
export type LogReaderStatus = {
  readonly name: string;
  /** The next record it will read. */
  readonly offset: number;
  readonly lag: number;
};

/** Where a partition of the log ends, and how far everybody who reads it has come. */
export type PartitionStatus = {
  readonly partition: number;
  /** The offset that the next record will get. */
  readonly end: number;
  readonly readers: readonly LogReaderStatus[];
};

/** How things stand across all runs: who works, what waits, who is behind. */
export type Standing = {
  readonly workers: () => Promise<readonly WorkerStatus[]>;
  readonly queues: () => Promise<readonly QueueStatus[]>;
  readonly log: () => Promise<readonly PartitionStatus[]>;
};

export function standing({
  engine,
  clock,
  plans,
  names,
}: {
  readonly engine: Engine;
  readonly clock: Clock;
  readonly plans: Plans;
  readonly names: KeyNames;
}): Standing {
  const { store, log, views } = engine;
  const partitions = Array.from({ length: engine.partitions }, (_, partition) => partition);

  /** A worker tells every partition that it is there. */
  async function workers(): Promise<readonly WorkerStatus[]> {
    const seen = new Map<string, WorkerStatus>();
    for (const partition of partitions) {
      const [value] = await store.load(partition, [keys.partition]);
      if (typeof value !== "string") continue;
      for (const [worker, session] of sessionsIn(value))
        if (session.until >= clock.now() && session.until > (seen.get(worker)?.until ?? 0))
          seen.set(worker, { worker, ...session });
    }
    return [...seen.values()].toSorted((a, b) => (a.worker < b.worker ? -1 : 1));
  }

  return {
    workers,
    async queues() {
      const queues = new Map<string, Tally>();
      const of = (queue: string): Tally => {
        const found = queues.get(queue) ?? { queue, ...nothing };
        queues.set(queue, found);
        return found;
      };
      const steps = [...plans.values()].flatMap((plan) => plan.steps);
      for (const step of steps) {
        of(step.queue);
        if (step.kind === "fan-out") of(step.job.queue);
      }
      for (const { queues: served, slots } of await workers())
        for (const queue of served) {
          of(queue).workers += 1;
          of(queue).slots += slots;
        }
      const hosts: Where[] = [];
      const flying = { jobs: new Map<string, number>(), limits: new Map<string, number>() };
      for (const partition of partitions)
        for await (const run of liveRuns(store, partition)) {
          const plan = plans.get(run.flow);
          const busy = new Set<string>();
          for (const step of await loadStoredSteps(store, partition, run)) {
            const known = plan?.steps.find(({ name }) => name === step?.name);
            if (step === undefined || known === undefined || step.state !== "running") continue;
            const { state } = step.single;
            const main = of(known.queue);
            if (state === "in-flight") main.inFlight += 1;
            if (state === "retrying") main.retrying += 1;
            if (state === "in-flight" || state === "retrying") busy.add(known.queue);
            if (known.kind !== "fan-out" || step.kind !== "fan-out") continue;
            if (add(of(known.job.queue), step)) busy.add(known.job.queue);
            fly(flying, known.job, step);
            if (hosts.length < runsLooked && limitByKey(known.job) !== undefined)
              hosts.push({ partition, run: run.run, plan: known, from: step.next });
          }
          for (const queue of busy) of(queue).runs += 1;
        }
      const jobs = new Map(jobsIn(steps).map((job) => [job.name, job]));
      const holds = await loadHolds(store, partitions, [...jobs.values()]);
      for (const where of hosts) await nameHeld(names, holds, where, clock.now());
      const named = { ...holds, nameOf: names.nameOf };
      const sorted = [...queues.values()].toSorted((a, b) => (a.queue < b.queue ? -1 : 1));
      return sorted.map((queue) => {
        const mine = [...jobs.values()].filter((job) => job.queue === queue.queue);
        const held = mine.flatMap((job) => jobLimits(job, named, clock.now(), flying));
        // A limit that its jobs share holds once.
        const once = new Map(held.map((one) => [`${one.of} ${one.name}`, one]));
        return { ...queue, limits: [...once.values()] };
      });
    },
    async log() {
      const all: PartitionStatus[] = [];
      for (const partition of partitions) {
        const { offset } = await store.position(partition);
        const offsets: (readonly [string, number])[] = [
          ["manager", offset],
          ["runs", await views.checkpoint(partition)],
        ];
        for (const [key, value] of await scanAll(store, partition, keys.reader(""))) {
          const name = key.slice(keys.reader("").length);
          if (!name.includes("/")) offsets.push([name, Number(value)]);
        }
        // Last: nobody can be ahead of it then.
        const end = await log.end(partition);
        const readers = offsets.map(([name, offset]) => ({ name, offset, lag: end - offset }));
        all.push({ partition, end, readers });
      }
      return all;
    },
  };
}

/** Runs in which the names of held keys are looked for, where nobody knows them yet. */
const runsLooked = 8;

type Tally = { -readonly [K in Exclude<keyof QueueStatus, "limits">]: QueueStatus[K] };

const nothing = { workers: 0, slots: 0, waiting: 0, inFlight: 0, retrying: 0, runs: 0 };

/** True if there is anything to do. */
function add(queue: Tally, { counts }: StoredFanOut): boolean {
  const of = (state: number): number => counts[state] ?? 0;
  queue.waiting += of(ledgers.waiting);
  queue.inFlight += of(ledgers.inFlight);
  queue.retrying += of(ledgers.retrying);
  return of(ledgers.waiting) + of(ledgers.inFlight) + of(ledgers.retrying) > 0;
}

/** Counts what is in flight of a job, and so under each limit that it names. */
function fly(
  flying: { readonly jobs: Map<string, number>; readonly limits: Map<string, number> },
  { name, limits = [] }: JobPlan,
  { counts }: StoredFanOut,
): void {
  const count = counts[ledgers.inFlight] ?? 0;
  const add = (to: Map<string, number>, what: string): unknown =>
    to.set(what, (to.get(what) ?? 0) + count);
  add(flying.jobs, name);
  for (const limit of limits) add(flying.limits, limit.name);
}
