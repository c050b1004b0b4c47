/** Events of all runs, as one sequence: from now on, from an instant, or from a place on the log. */
import * as fifos from "../core/fifo.ts";
import type { Fifo } from "../core/fifo.ts";
import { toldOf, wholeOf, type Headline, type RunEvent } from "../core/run-event.ts";
import { UsageError } from "../errors.ts";
import { offsetAt } from "../roles/seek.ts";
import { awaited } from "./awaited.ts";
import type { Node } from "./node.ts";

/** Which events of all runs: from now on if nothing is said. */
export type Tailing = {
  /** From the first event on that is not older; without it and `from`, from now on. */
  readonly since?: Date;
  /** From this offset of every partition on. */
  readonly from?: number;
  /** False: ends with what there is when it begins. Default true. */
  readonly follow?: boolean;
  /** Ends it. */
  readonly signal?: AbortSignal;
  /** Called when it stands: what is committed from then on is told. */
  readonly onReady?: () => void;
};

/** A hint may be lost: who waits looks for itself after this. */
const lookMs = 1_000;

/** What was read of a partition and not told yet. */
type Head = {
  readonly partition: number;
  /** Nothing from there on is told, where it does not follow. */
  readonly end: number;
  readonly events: Fifo<Headline>;
  read: number;
};

/** In the order of each run, and in that of time as far as all of it is there already. Throws UsageError for what cannot be meant. */
export async function* eventsOf(node: Node, tailing: Tailing): AsyncGenerator<RunEvent> {
  const { follow = true, signal, onReady } = tailing;
  const heads = await headsOf(node, checked(tailing));
  const news = awaited(node.clock, (wake) => node.news.onNews(wake));
  const stop = (): void => news.wake();
  signal?.addEventListener("abort", stop, { once: true });
  onReady?.();
  try {
    while (signal?.aborted !== true) {
      let hasRead = false;
      for (const head of heads) hasRead = (await readOn(node, head, follow)) || hasRead;
      const [head, event] = earliest(heads);
      if (head !== undefined && event !== undefined) {
        fifos.shift(head.events);
        yield wholeOf(event, head.partition, await node.about(toldOf(event)));
      } else if (hasRead) continue;
      else if (!follow) return;
      else await news.next(lookMs);
    }
  } finally {
    signal?.removeEventListener("abort", stop);
    news.forget();
  }
}

async function headsOf({ engine }: Node, { since, from }: Tailing): Promise<readonly Head[]> {
  const heads: Head[] = [];
  for (let partition = 0; partition < engine.partitions; partition += 1) {
    const end = await engine.log.end(partition);
    const read =
      since === undefined
        ? Math.min(from ?? end, end)
        : await offsetAt(engine.log, partition, since.getTime());
    heads.push({ partition, end, events: fifos.fifo(), read });
  }
  return heads;
}

/** Reads on where all that was read is told. False: there was nothing more. */
async function readOn({ news }: Node, head: Head, follow: boolean): Promise<boolean> {
  const { partition, end, read } = head;
  if (fifos.size(head.events) > 0 || (!follow && read >= end)) return false;
  const { events, next } = await news.read(partition, read);
  for (const event of events) if (follow || event.offset < end) fifos.push(head.events, event);
  head.read = next;
  return next > read;
}

function earliest(heads: readonly Head[]): readonly [Head?, Headline?] {
  let found: readonly [Head?, Headline?] = [];
  for (const head of heads) {
    const event = fifos.peek(head.events);
    if (event !== undefined && event.at < (found[1]?.at ?? Infinity)) found = [head, event];
  }
  return found;
}

function checked(tailing: Tailing): Tailing {
  const { since, from } = tailing;
  if (since !== undefined && from !== undefined)
    throw new UsageError("events are told since an instant or from an offset, not both");
  if (since !== undefined && !(since instanceof Date && Number.isFinite(since.getTime())))
    throw new UsageError("since of events must be a Date that is one");
  if (from !== undefined && !(Number.isSafeInteger(from) && from >= 0))
    throw new UsageError(
      `from of events must be an offset, an integer from 0, got ${String(from)}`,
    );
  return tailing;
}
