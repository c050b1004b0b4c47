import type { Task } from "../core/task.ts";

export type Lease = {
  readonly id: string;
  readonly task: Task;
  /** 1-based: how often the queue handed this task out. Above 1, somebody who had it is gone. */
  readonly delivery: number;
};

/**
 * Work queue: a window on the ledger. Hands each task to one worker at a time, for as long as the worker shows signs of life.
 *
 * A lease belongs to a worker's session, not to a task: one sign of life extends all that the worker holds. That is a row
 * per worker in PostgreSQL and the connection itself in RabbitMQ.
 *
 * Q1  a leased task is handed to nobody else until its worker's session ends.
 * Q2  a session ends when `leaseMs` pass without take or extend by that worker; its tasks are then handed out again, delivery + 1.
 * Q3  ack and release of a lease that was lost change nothing and say so: they resolve to the number of leases that were still held.
 * Q4  a released task may be taken at once, with the same delivery number.
 * Q5  an acked task is never handed out again.
 * Q6  take returns tasks of the named queues only; of one queue, urgent before high before normal before low.
 *
 * Not promised: order within a priority; no duplicates; surviving a crash (Engine.queueSurvives says). Retry, delay and
 * giving up are the ledger's. Units: ms.
 */
export type Queue = {
  readonly put: (tasks: readonly Task[]) => Promise<void>;
  /** At most max tasks; none is an answer, not a wait. */
  readonly take: (
    worker: string,
    queues: readonly string[],
    max: number,
    leaseMs: number,
  ) => Promise<readonly Lease[]>;
  /** False: the session had ended, what it held is lost. */
  readonly extend: (worker: string, leaseMs: number) => Promise<boolean>;
  readonly ack: (worker: string, leases: readonly Lease[]) => Promise<number>;
  readonly release: (worker: string, leases: readonly Lease[]) => Promise<number>;
};
