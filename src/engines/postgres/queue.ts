/** The queue in one table. Who holds a task is written in it; how long that counts, in the session of the worker. */
import type { Task } from "../../core/task.ts";
import { assert } from "../../errors.ts";
import type { Lease, Queue } from "../../ports/queue.ts";
import { numberArray, textArray } from "./arrays.ts";
import type { Database } from "./database.ts";
import { limitOf, numberIn, type Row, textIn } from "../rows.ts";
import { statements } from "./statements.ts";
import { taskArrays } from "./tasks.ts";

/** Of a worker of this process. */
type Known = {
  /** Leases it was given and has not given back. */
  readonly leases: Map<string, Lease>;
  /** Takes and the comparison with the table wait for each other: what is on its way is not unknown. */
  turn: Promise<unknown>;
  /** The answer to a take was lost: the table may say that it holds what it does not know of. */
  isUnsure: boolean;
};

export function postgresQueue(database: Database, hint: () => void): Queue {
  const known = new Map<string, Known>();

  function knownOf(worker: string): Known {
    const found = known.get(worker) ?? {
      leases: new Map(),
      turn: Promise.resolve(),
      isUnsure: false,
    };
    known.set(worker, found);
    return found;
  }

  /** One after the other; what fails keeps nobody from the next. */
  function inTurn<T>(of: Known, act: () => Promise<T>): Promise<T> {
    const result = of.turn.then(act);
    of.turn = result.catch(() => undefined);
    return result;
  }

  function forget(worker: string, leases: readonly Lease[]): void {
    for (const { id } of leases) known.get(worker)?.leases.delete(id);
  }

  async function endSessions(): Promise<void> {
    const { changed } = await database.query(statements.endSessions, []);
    if (changed > 0) hint();
  }

  async function taken(
    worker: string,
    queues: readonly string[],
    max: number,
    leaseMs: number,
  ): Promise<readonly Lease[]> {
    const values = [worker, textArray(queues), limitOf(max), leaseMs];
    let { rows } = await database.query(statements.take, values);
    // This worker's session has ended, or another one's: what they held is there to take now.
    if (numberIn(rows[0], "alive") === 0 || rows[0]?.["overdue"] === true) {
      await endSessions();
      const rest = limitOf(max) - leasesIn(rows).length;
      const more = await database.query(statements.take, values.with(2, rest));
      rows = [...rows, ...more.rows];
    }
    return leasesIn(rows);
  }

  /** What the table says it holds, and it does not know of, is nobody's: others would wait for it until the sweep. */
  async function compare(worker: string, of: Known): Promise<void> {
    const values = [worker, ...leaseArrays([...of.leases.values()])];
    const { changed } = await database.query(statements.giveBackUnknown, values);
    of.isUnsure = false;
    if (changed > 0) hint();
  }

  return {
    async put(tasks) {
      if (tasks.length === 0) return;
      await database.query(statements.put, taskArrays(tasks));
      hint();
    },
    async take(worker, queues, max, leaseMs) {
      const of = knownOf(worker);
      return inTurn(of, async () => {
        if (of.isUnsure) await compare(worker, of);
        of.isUnsure = true;
        const leases = await taken(worker, queues, max, leaseMs);
        of.isUnsure = false;
        for (const lease of leases) of.leases.set(lease.id, lease);
        return leases;
      });
    },
    async extend(worker, leaseMs) {
      const { changed } = await database.query(statements.extend, [worker, leaseMs]);
      const of = knownOf(worker);
      if (changed > 0) await inTurn(of, () => compare(worker, of));
      return changed > 0;
    },
    async ack(worker, leases) {
      if (leases.length === 0) return 0;
      const { rows } = await database.query(statements.ack, [worker, ...leaseArrays(leases)]);
      forget(worker, leases);
      return numberIn(rows[0], "count");
    },
    async release(worker, leases) {
      if (leases.length === 0) return 0;
      const { changed } = await database.query(statements.release, [
        worker,
        ...leaseArrays(leases),
      ]);
      forget(worker, leases);
      if (changed > 0) hint();
      return changed;
    },
  };
}

/** A lease is a task and the how-manieth time it was handed out: "17.2". */
function leasesIn(rows: readonly Row[]): readonly Lease[] {
  return rows
    .filter((row) => row["id"] !== null)
    .map((row) => ({
      id: `${numberIn(row, "id")}.${numberIn(row, "handouts")}`,
      task: taskIn(row),
      delivery: numberIn(row, "deliveries"),
    }));
}

function leaseArrays(leases: readonly Lease[]): readonly string[] {
  const pairs = leases.map(({ id }) => id.split(".").map(Number));
  assert(
    pairs.every((pair) => pair.length === 2 && pair.every(Number.isSafeInteger)),
    "a lease is one that take gave",
  );
  return [
    numberArray(pairs.map(([id = 0]) => id)),
    numberArray(pairs.map(([, handouts = 0]) => handouts)),
  ];
}

function taskIn(row: Row): Task {
  const task: unknown = JSON.parse(textIn(row, "body"));
  assert(typeof task === "object" && task !== null && "run" in task, "a task is of a run");
  return task as Task; // oxlint-disable-line typescript/no-unsafe-type-assertion -- we wrote it, in taskArrays
}
