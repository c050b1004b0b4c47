import type { Log } from "./log.ts";
import type { Outbox } from "./outbox.ts";
import type { Queue } from "./queue.ts";
import type { Shares } from "./shares.ts";
import type { Store } from "./store.ts";
import type { Views } from "./views.ts";
import type { Wills } from "./wills.ts";

/** Something happened; may be lost or come too often, and is never needed for correctness. */
export type Hint = "log" | "state" | "queue" | "seat" | "outbox";

/** A module that exports `signs(given): Extend`, and what it is given: plain data, which goes to another thread. */
export type Signs = { readonly module: string; readonly given: unknown };

/** One sign of life, as Queue.extend. False: the session had ended. Undefined: nobody answered within `withinMs`. */
export type Extend = (
  worker: string,
  leaseMs: number,
  withinMs: number,
) => Promise<boolean | undefined>;

/** A log, a queue and a store behind one URL. */
export type Engine = {
  /** For people: the URL with secrets masked. */
  readonly name: string;
  readonly partitions: number;
  /** False: after a restart the queue is empty, and the managers put again what was in flight. */
  readonly queueSurvives: boolean;
  /** True where this process may run managers; false for a client of another process. */
  readonly manages: boolean;
  readonly log: Log;
  readonly queue: Queue;
  readonly store: Store;
  readonly views: Views;
  /** Of an engine that several processes manage. */
  readonly shares?: Shares;
  /** Of an engine in a database that users have, too. */
  readonly outbox?: Outbox;
  /** Of an engine that is reached from outside of this process: how a thread of its own shows a worker's signs of life. */
  readonly signs?: Signs;
  /** Of an engine whose queue dies with its process; without it, whatever was in the queue is suspected of having killed it. */
  readonly wills?: Wills;
  /** Every hint arrives: nobody has to look for himself now and then. Of tests, in which days of idling must cost nothing. */
  readonly hintsAreSure?: boolean;
  /** Calls back on every hint until the returned function is called. */
  readonly onHint: (listener: (hint: Hint, partition?: number) => void) => () => void;
  /** Rejects nothing, may be called twice. clean: workers had stopped in good order before. */
  readonly close: () => Promise<void>;
};
