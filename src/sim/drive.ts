/** Lets virtual time pass for somebody who waits in real time, and lets it stand still while code runs that knows of no other. */
import { UnavailableError } from "../errors.ts";
import type { SimClock } from "./clock.ts";

export type Driver = {
  /** Lets time pass until this has settled. Rejects where nothing more can happen, and it never will. */
  readonly until: <T>(asked: () => Promise<T>) => Promise<T>;
  /** Lets so much time pass. */
  readonly advance: (ms: number) => Promise<void>;
  /** Lets time pass until nothing more can happen. */
  readonly settle: () => Promise<void>;
  /** User code runs: time stands still until it is done, or does nothing for a while. Returns how to say that it is done. */
  readonly hold: () => () => void;
};

export type DriverOptions = {
  readonly clock: SimClock;
  /** Nothing more can happen, whatever time it gets. */
  readonly isQuiet: () => Promise<boolean>;
  /** Something has happened since the last call, so that it is worth to ask whether all is quiet. */
  readonly hasChanged: () => boolean;
  /** What a role threw that it should not have. */
  readonly failure: () => unknown;
};

/** Code that is at something else, say a file or a socket, gets this much real time; after that, time goes on without it. */
const patienceMs = 250;
/** Without an end in sight: something is tried again for ever. */
const stepsAtMost = 50_000_000;

export function driver(options: DriverOptions): Driver {
  const { clock, isQuiet, hasChanged, failure } = options;
  let holds = 0;
  /** Of these, the ones nobody waits for any more. */
  let ignored = 0;
  let last: Promise<unknown> = Promise.resolve();

  /** Lets time pass until `done`, or until that instant; user code gets its real time meanwhile. */
  async function pass(done: () => boolean, instant: number): Promise<void> {
    const end = clock.steps() + stepsAtMost;
    for (;;) {
      await clock.run(() => done() || holds > ignored || failure() !== undefined, instant);
      if (failure() !== undefined) throw failure();
      if (holds <= ignored) return;
      await turns(() => holds <= ignored || done());
      if (holds > ignored) ignored = holds;
      if (clock.steps() > end)
        throw new UnavailableError("this goes on and on: is something tried again for ever?");
    }
  }

  /** One after the other: two that let time pass at once would each see the other's. */
  function alone<T>(what: () => Promise<T>): Promise<T> {
    const mine = last.then(what);
    last = mine.catch(() => undefined);
    return mine;
  }

  async function untilQuiet(done: () => boolean): Promise<void> {
    while (!done() && !(await isQuiet())) await pass(() => done() || hasChanged(), Infinity);
  }

  return {
    until: (asked) =>
      alone(async () => {
        let isOver = false;
        const over = (): void => {
          isOver = true;
        };
        const promise = asked();
        promise.then(over, over);
        // A question is answered in a moment; a result may take until nothing more can happen.
        await pass(() => isOver, clock.now() + 1_000);
        await untilQuiet(() => isOver);
        await pass(() => isOver, clock.now() + 5_000);
        if (!isOver)
          throw new UnavailableError("nothing more can happen: the run waits for a person");
        return promise;
      }),
    advance: (ms) => alone(() => pass(() => false, clock.now() + ms)),
    settle: () => alone(() => untilQuiet(() => false)),
    hold() {
      holds += 1;
      let isHeld = true;
      return () => {
        if (isHeld) holds -= 1;
        isHeld = false;
        ignored = Math.min(ignored, holds);
      };
    },
  };
}

/** Turns of the real event loop, until `done` or until patience ends. */
async function turns(done: () => boolean): Promise<void> {
  const until = performance.now() + patienceMs;
  while (!done() && performance.now() < until)
    await new Promise((resolve) => void setImmediate(resolve));
}
