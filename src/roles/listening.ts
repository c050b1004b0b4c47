/** Tells one listener of one partition's events, one after the other; whatever it does, nobody else waits for it. */
import { chance } from "../core/chance.ts";
import { limits } from "../core/limits.ts";
import { backoffMs, type RetryPolicy } from "../core/retry.ts";
import { toldOf, wholeOf, type Headline, type RunEvent } from "../core/run-event.ts";
import { hears, type Heard } from "../define/listener.ts";
import { UnavailableError } from "../errors.ts";
import type { Clock } from "../ports/clock.ts";
import type { Engine } from "../ports/engine.ts";
import type { About } from "./about.ts";
import { isThenable } from "./attempt.ts";
import { checkpointOf } from "./checkpoint.ts";
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
/** After a checkpoint, what comes meanwhile is told together: each is a transaction, which costs as much as telling a hundred. */
const restMs = 20;
/** Nor is it written later than this after the first of them was told, if the listener is done with another by then. */
const keepWithinMs = 1_000;

export function listening(options: ListeningOptions): Listening {
  const { engine, clock, news, about, partition, name, heard, isDurable, stopped } = options;
  let place: Place | undefined;
  let readOn = readingOn(news, partition);
  const patience = patienceOf(clock, stopped);
  let attempts = 0;
  let waitUntil = 0;
  let forget: () => void = () => undefined;

  async function begin(): Promise<void> {
    place ??= isDurable
      ? await resumed()
      : { kept: undefined, read: await engine.log.end(partition), past: undefined };
  }

  async function resumed(): Promise<Place> {
    const { past, kept } = await checkpointOf(engine, partition, name);
    if (kept !== undefined) return { kept, read: kept, past };
    const end = await engine.log.end(partition);
    await engine.store.keep(partition, name, { from: undefined, to: end, past, puts: [] });
    return { kept: end, read: end, past };
  }

  /** Tells what it wants to hear of these; where to go on, and how many it was told. */
  async function tellAll(events: readonly Headline[], next: number): Promise<Heeded> {
    const until = clock.now() + keepWithinMs;
    let times = 0;
    for (const event of events) {
      if (heard.types?.has(event.type) === false) continue;
      if (clock.now() > until) return { read: event.offset, times };
      const known = about(toldOf(event));
      const whole = wholeOf(event, partition, known instanceof Promise ? await known : known);
      if (!hears(heard, whole)) continue;
      try {
        const answer = options.run(whole);
        if (isThenable(answer)) await patience.waitFor(answer);
      } catch (error) {
        if (isToldAgain(whole, error)) return { read: event.offset, times };
      }
      attempts = 0;
      times += 1;
    }
    return { read: next, times };
  }

  /** False: the event is passed over. */
  function isToldAgain(event: RunEvent, error: unknown): boolean {
    if (stopped.aborted) return true;
    attempts += 1;
    if (isDurable && attempts < retry.attempts) {
      waitUntil = clock.now() + backoffMs(attempts, retry, chance(event.id, name, attempts));
      return true;
    }
    options.onPassedOver(event, error);
    return false;
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
    restsUntil: () => waitUntil,
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
      const { past } = at;
      const { events, next } = await readOn(at.read, atOnce, past);
      const { read, times } = await tellAll(events, next);
      const isDue =
        past !== undefined && read > at.read && (times > 0 || read - (at.kept ?? 0) > unkeptAtMost);
      if (isDue)
        await engine.store.keep(partition, name, { from: at.kept, to: read, past, puts: [] });
      place = { kept: isDue ? read : at.kept, read, past };
      if (isDue && waitUntil === 0 && events.length < atOnce) waitUntil = clock.now() + restMs;
      return read > at.read && waitUntil === 0 ? 1 : 0;
    },
  };
}

/** kept: what the store knows; past: what it was read of, where it is written down. */
type Place = {
  readonly kept: number | undefined;
  readonly read: number;
  readonly past: string | undefined;
};

type Heeded = { readonly read: number; readonly times: number };

/** Waits for one answer after the other, for none longer than limits.listenerMs, and no more once it is stopped. */
type Patience = { readonly waitFor: (answer: PromiseLike<unknown>) => Promise<unknown> };

/** One timer serves all answers: most come at once, and a timer for each would cost more than all else about them. */
function patienceOf(clock: Clock, stopped: AbortSignal): Patience {
  let until = 0;
  let isWatching = false;
  let giveUp: (why: Error) => void;

  async function watch(): Promise<void> {
    isWatching = true;
    while (!stopped.aborted && clock.now() < until) await clock.sleep(until - clock.now(), stopped);
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
  };
}
