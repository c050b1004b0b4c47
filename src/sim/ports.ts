/**
 * The world between a process and the engine: every call takes time, may not arrive, may arrive twice, may be answered to nobody.
 *
 * A request that was sent arrives even if its sender dies meanwhile; a dead process hears no answer, a paused one hears it later.
 */
import { UnavailableError } from "../errors.ts";
import type { Engine, Hint } from "../ports/engine.ts";
import { unitOf } from "./draw.ts";
import type { Life, SimClock } from "./clock.ts";
import type { FaultKind, Weather } from "./weather.ts";

/** A process: one life, and the number of its calls so far, which names each of them. */
export type Process = {
  readonly id: number;
  readonly name: string;
  readonly life: Life;
  calls: number;
};

export type Between = {
  readonly clock: SimClock;
  readonly seed: number;
  readonly weather: () => Weather;
  /** False while the process that has the engine is gone. */
  readonly reachable: () => boolean;
  /** How many servers there were: what was sent to one does not arrive at the next. */
  readonly server: () => number;
  /** Ends this life now. */
  readonly crash: (process: Process) => void;
  readonly onFault: (kind: FaultKind) => void;
  /** One number per thing that happened: two runs of a seed tell the same. */
  readonly trace: (sign: number) => void;
};

/** What may happen to a call beyond taking its time. */
type Nature = {
  /** A port as a number, for the trace. */
  readonly port: number;
  /** It may arrive a second time, after its sender went on. */
  readonly mayRepeat?: boolean;
  /** Only the sweep mends it if its answer is lost. */
  readonly isTake?: boolean;
};

/** Purposes of draws: never reuse a number. */
const lots = {
  there: 1,
  back: 2,
  slow: 3,
  slowness: 4,
  crash: 5,
  crashAt: 6,
  pause: 7,
  pauseMs: 8,
  request: 9,
  answer: 10,
  repeat: 11,
  repeatAt: 12,
} as const;

const longestPauseMs = 20_000;
const slowestMs = 3_000;
/** A crash that a call brings about comes within this time. */
const crashWithinMs = 20;

export function faultyEngine(
  engine: Engine,
  process: Process,
  between: Between,
  healed: boolean,
): Engine {
  const { clock, seed, weather, onFault, trace } = between;
  const { life } = process;

  async function call<T>(nature: Nature, effect: () => Promise<T>): Promise<T> {
    process.calls += 1;
    const number = process.calls;
    const { latencyMs, rates } = weather();
    const lot = (purpose: number): number => unitOf(seed, process.id, number, purpose);
    const hit = (kind: FaultKind, purpose: number): boolean => {
      const is = rates[kind] > 0 && lot(purpose) < rates[kind];
      if (is) onFault(kind);
      return is;
    };
    if (!life.alive) return new Promise(() => undefined);
    if (hit("crash", lots.crash))
      clock.after(lot(lots.crashAt) * crashWithinMs, () => between.crash(process), life);
    if (hit("pause", lots.pause))
      life.pausedUntil = clock.now() + lot(lots.pauseMs) * longestPauseMs;
    const slowness = hit("slow call", lots.slow) ? lot(lots.slowness) * slowestMs : 0;
    const there = (lot(lots.there) * latencyMs) / 2 + slowness;
    const server = between.server();
    const isTheSame = (): boolean => between.reachable() && between.server() === server;
    await passing(clock, there);
    trace(clock.now() + nature.port * 8_191 + process.id * 131 + number);
    if (!isTheSame() || hit("lost request", lots.request)) {
      await clock.wait((lot(lots.back) * latencyMs) / 2, life);
      throw new UnavailableError(`call ${number} of ${process.name} did not arrive`);
    }
    if (nature.mayRepeat === true && (healed || nature.isTake !== true)) {
      if (hit("repeated request", lots.repeat))
        clock.after(lot(lots.repeatAt) * 500, () => {
          if (between.server() === server) void effect().catch(() => undefined);
        });
    }
    const result = await outcome(effect);
    await clock.wait((lot(lots.back) * latencyMs) / 2, life);
    const mayLose = healed || nature.isTake !== true;
    if (between.server() !== server || (mayLose && hit("lost answer", lots.answer)))
      throw new UnavailableError(`the answer to call ${number} of ${process.name} was lost`);
    if ("thrown" in result) throw result.thrown;
    return result.value;
  }

  const wrap =
    <Args extends readonly unknown[], T>(
      nature: Nature,
      method: (...args: Args) => Promise<T>,
    ): ((...args: Args) => Promise<T>) =>
    (...args) =>
      call(nature, () => method(...args));
  const { log, queue, store, views } = engine;
  return {
    ...engine,
    log: {
      append: wrap({ port: 1, mayRepeat: true }, log.append),
      read: wrap({ port: 2 }, log.read),
      end: wrap({ port: 3 }, log.end),
      trim: wrap({ port: 4 }, log.trim),
      past: wrap({ port: 21 }, log.past),
    },
    queue: {
      put: wrap({ port: 5, mayRepeat: true }, queue.put),
      take: wrap({ port: 6, mayRepeat: true, isTake: true }, queue.take),
      extend: wrap({ port: 7, mayRepeat: true }, queue.extend),
      ack: wrap({ port: 8, mayRepeat: true }, queue.ack),
      release: wrap({ port: 9, mayRepeat: true }, queue.release),
    },
    store: {
      claim: wrap({ port: 10, mayRepeat: true }, store.claim),
      resign: wrap({ port: 11, mayRepeat: true }, store.resign),
      commit: wrap({ port: 12, mayRepeat: true }, store.commit),
      load: wrap({ port: 13 }, store.load),
      scan: wrap({ port: 14 }, store.scan),
      position: wrap({ port: 15 }, store.position),
      keep: wrap({ port: 20, mayRepeat: true }, store.keep),
    },
    views: {
      checkpoint: wrap({ port: 16 }, views.checkpoint),
      apply: wrap({ port: 17, mayRepeat: true }, views.apply),
      run: wrap({ port: 18 }, views.run),
      runs: wrap({ port: 19 }, views.runs),
    },
    onHint: faultyHints(engine, process, between),
  };
}

/** On the wire: it goes on whoever dies. */
function passing(clock: SimClock, ms: number): Promise<void> {
  return new Promise((resolve) => void clock.after(ms, resolve));
}

async function outcome<T>(
  effect: () => Promise<T>,
): Promise<{ readonly value: T } | { readonly thrown: unknown }> {
  try {
    return { value: await effect() };
  } catch (thrown) {
    return { thrown };
  }
}

/** Hints come late, together, or not at all. */
function faultyHints(engine: Engine, process: Process, between: Between): Engine["onHint"] {
  const { clock, seed, weather, onFault } = between;
  let hints = 0;
  return (listener) => {
    const pending = new Set<Hint>();
    return engine.onHint((hint, partition) => {
      if (pending.has(hint) || !process.life.alive) return;
      hints += 1;
      const { latencyMs, rates } = weather();
      if (unitOf(seed, process.id, -hints, 1) < rates["lost hint"]) return onFault("lost hint");
      pending.add(hint);
      const act = (): void => {
        pending.delete(hint);
        listener(hint, partition);
      };
      clock.after((unitOf(seed, process.id, -hints, 2) * latencyMs) / 2, act, process.life);
    });
  };
}
