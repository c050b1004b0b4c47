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
import type { News } from "./news.ts";
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
  async function tell(event: Told): Promise<boolean> {
    const whole = runEvent(event, partition, await about(event));
    if (!hears(heard, whole)) return true;
    try {
      await within(options.run(whole));
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
    for (const [told, event] of events.entries()) {
      if (told >= atOnce || clock.now() > until || !(await tell(event))) return event.offset;
    }
    return next;
  }

  async function within(answer: unknown): Promise<void> {
    const heardIt = new AbortController();
    const late = async (): Promise<void> => {
      await clock.sleep(limits.listenerMs, AbortSignal.any([heardIt.signal, stopped]));
      throw new UnavailableError(`it took longer than ${limits.listenerMs} ms`);
    };
    try {
      await Promise.race([answer, late()]);
    } finally {
      heardIt.abort(name);
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
      await begin();
      const at = place;
      if (at === undefined) return 0;
      if (isDurable) place = undefined; // If anything below throws, the store is asked again.
      const { events, next } = await news.read(partition, at.read);
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
