/** Tells one listener of one partition's events, one after the other; whatever it does, nobody else waits for it. */
import { chance } from "../core/chance.ts";
import { keys } from "../core/ids.ts";
import { limits } from "../core/limits.ts";
import { backoffMs, type RetryPolicy } from "../core/retry.ts";
import { runEvent, type RunEvent, type Told } from "../core/run-event.ts";
import { hears, type Heard } from "../define/listener.ts";
import { UnavailableError } from "../errors.ts";
import type { Clock } from "../ports/clock.ts";
import type { Engine } from "../ports/engine.ts";
import type { About } from "./about.ts";
import { isThenable } from "./attempt.ts";
import { readingOn, type News } from "./news.ts";
import type { Role } from "./role.ts";

export type ListeningOptions = {
  readonly engine: Pick<Engine, "log" | "store">;
  readonly clock: Clock;
  readonly news: News;
  readonly about: About;
  readonly partition: number;
  readonly name: string;
  readonly heard: Heard;
  readonly run: (event: RunEvent) => unknown;
  /** It has a checkpoint of its own under its name, and each event is told until it is heard. Otherwise: from now on, once. */
  readonly isDurable: boolean;
  /** Whether this process is to tell it: where several could, one should. Default: yes. */
  readonly mayTell?: () => boolean;
  /** Hears of what was not heard: the event is passed over. */
  readonly onPassedOver: (event: RunEvent, error: unknown) => void;
  /** Nobody waits for the listener any more. */
  readonly stopped: AbortSignal;
};

export type Listening = Role & {
  /** Resolves when it stands: what is committed from then on is told. */
  readonly begin: () => Promise<void>;
  /** Whether everything before this offset was told, as far as it wants it. */
  readonly hasRead: (offset: number) => boolean;
  /** It is not called any more, and wants no wake-up. */
  readonly end: () => void;
};

/** Between two tries at one event. */
const retry: RetryPolicy = {
  attempts: limits.listenerAttempts,
  backoff: "exponential",
  firstMs: 1_000,
  maxMs: 60_000,
};
/** Events told before the checkpoint is written: so many are told again after a crash, at most. */
const atOnce = 100;
/** Records without an event for it, before the checkpoint is written all the same. */
const unkeptAtMost = 1_000;
/** Nor is it written later than this after the first of them was told, if the listener is done with another by then. */
const keepWithinMs = 1_000;

export function listening(options: ListeningOptions): Listening {
  const { engine, clock, news, about, partition, name, heard, isDurable, stopped } = options;
  /** kept: what the store knows. */
  let place: { readonly kept: number | undefined; readonly read: number } | undefined;
  let readOn = readingOn(news, partition);
  let attempts = 0;
  let waitUntil = 0;
  let forget: () => void = () => undefined;

  async function begin(): Promise<void> {
    place ??= isDurable
      ? await resumed()
      : { kept: undefined, read: await engine.log.end(partition) };
  }

  async function resumed() {
    const [stored] = await engine.store.load(partition, [keys.reader(name)]);
    if (stored !== undefined) return { kept: Number(stored), read: Number(stored) };
    const end = await engine.log.end(partition);
    await engine.store.keep(partition, name, { from: undefined, to: end, puts: [] });
    return { kept: end, read: end };
  }

  /** False: it did not hear the event, and is to be told again. */
  async function tell(event: Told, patience: Patience): Promise<boolean> {
    if (heard.types?.has(event.type) === false) return true;
    const known = about(event);
    const whole = runEvent(event, partition, known instanceof Promise ? await known : known);
    if (!hears(heard, whole)) return true;
    try {
      const answer = options.run(whole);
      if (isThenable(answer)) await patience.waitFor(answer);
    } catch (error) {
      if (stopped.aborted) return false;
      attempts += 1;
      if (isDurable && attempts < retry.attempts) {
        waitUntil = clock.now() + backoffMs(attempts, retry, chance(whole.id, name, attempts));
        return false;
      }
      options.onPassedOver(whole, error);
    }
    attempts = 0;
    return true;
  }

  /** Resolves to where to go on. */
  async function tellAll(events: readonly Told[], next: number): Promise<number> {
    const until = clock.now() + keepWithinMs;
    const patience = patienceOf(clock, stopped);
    try {
      for (const event of events)
        if (clock.now() > until || !(await tell(event, patience))) return event.offset;
      return next;
    } finally {
      patience.end();
    }
  }

  return {
    name: `${name} ${partition}`,
    hints: [],
    onWake(wake) {
      forget = news.onNews((of) => {
        if (of === partition) wake();
      });
    },
    hasRead: (offset) => (place?.read ?? 0) >= offset,
    end: () => forget(),
    // A clock that was set back may stand still for a while.
    wakeAt: () => (waitUntil > 0 ? Math.max(waitUntil, clock.now() + 1) : undefined),
    begin,
    async tick() {
      if (clock.now() < waitUntil) return 0;
      waitUntil = 0;
      if (options.mayTell?.() === false) {
        place = undefined; // Another process goes on from here.
        return 0;
      }
      if (place === undefined) readOn = readingOn(news, partition); // What was read ahead may be another's past.
      await begin();
      const at = place;
      if (at === undefined) return 0;
      if (isDurable) place = undefined; // If anything below throws, the store is asked again.
      const { events, next } = await readOn(at.read, atOnce);
      const read = await tellAll(events, next);
      const hasTold = events.some(({ offset }) => offset < read);
      const isDue =
        isDurable && read > at.read && (hasTold || read - (at.kept ?? 0) > unkeptAtMost);
      if (isDue) await engine.store.keep(partition, name, { from: at.kept, to: read, puts: [] });
      place = { kept: isDue ? read : at.kept, read };
      return read > at.read ? 1 : 0;
    },
  };
}

/** Waits for one answer after the other, for none longer than limits.listenerMs, and no more once it is stopped. */
type Patience = {
  readonly waitFor: (answer: PromiseLike<unknown>) => Promise<unknown>;
  readonly end: () => void;
};

/** One timer serves all answers: most come at once, and a timer for each would cost more than all else about them. */
function patienceOf(clock: Clock, stopped: AbortSignal): Patience {
  const over = new AbortController();
  let until = 0;
  let isWatching = false;
  let giveUp: (why: Error) => void;

  async function watch(): Promise<void> {
    isWatching = true;
    const signal = AbortSignal.any([over.signal, stopped]);
    while (!signal.aborted && clock.now() < until) await clock.sleep(until - clock.now(), signal);
    isWatching = false;
    giveUp(new UnavailableError(`it took longer than ${limits.listenerMs} ms`));
  }

  return {
    waitFor: (answer) =>
      new Promise<unknown>((resolve, reject) => {
        until = clock.now() + limits.listenerMs;
        giveUp = reject;
        answer.then(resolve, reject);
        if (!isWatching) void watch();
      }),
    end: () => over.abort(patienceOf),
  };
}
