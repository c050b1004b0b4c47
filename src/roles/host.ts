/** Calls the roles of a process: when something happened, when one asks for it, and now and then in any case. */
import type { Clock } from "../ports/clock.ts";
import type { Engine } from "../ports/engine.ts";
import type { Role } from "./role.ts";

/** A hint may be lost: an idle role looks for itself this often. */
const lookMs = 1_000;
/** And this often where none ever is. */
const rareLookMs = 3_600_000;
/** After something thrown, the role is called again after this, doubled each time, up to lookMs. */
const firstBackoffMs = 10;

export type Host = {
  readonly add: (role: Role) => void;
  /** Stops calling this role; resolves when it is not running. */
  readonly remove: (role: Role) => Promise<void>;
  readonly stop: () => Promise<void>;
};

/** What a role threw, for whoever keeps the log; the host goes on in any case. */
export type OnError = (role: string, error: unknown) => void;

type Loop = { readonly role: Role; readonly stopped: Promise<void>; readonly stop: () => void };

export function host(
  engine: Pick<Engine, "onHint" | "hintsAreSure">,
  clock: Clock,
  onError: OnError,
): Host {
  const idleMs = engine.hintsAreSure === true ? rareLookMs : lookMs;
  const loops = new Map<Role, Loop>();
  const wakers = new Map<Role, () => void>();
  const forget = engine.onHint((hint, partition) => {
    for (const [role, wake] of wakers)
      if (
        role.hints.includes(hint) &&
        (role.partition ?? partition) === (partition ?? role.partition)
      )
        wake();
  });

  function start(role: Role): Loop {
    let running = true;
    let woken = true;
    let isResting = false;
    let wait: AbortController | undefined;
    // With a reason of ours: making the default one costs more than the rest of a wake-up.
    const endWait = (): void => wait?.abort(role.name);
    const wake = (): void => {
      woken = true;
      if (!isResting) endWait();
    };
    wakers.set(role, wake);
    role.onWake?.(wake);

    async function idle(forMs: number): Promise<void> {
      if (woken || !running) return;
      wait = new AbortController();
      await clock.sleep(Math.max(0, forMs), wait.signal);
      wait = undefined;
    }

    /** Hints are many, and a wake-up costs as much as many a tick: whoever rests has none. */
    async function rest(forMs: number): Promise<void> {
      woken = false;
      isResting = true;
      await idle(forMs);
      isResting = false;
    }

    async function loop(): Promise<void> {
      let backoffMs = firstBackoffMs;
      while (running) {
        woken = false;
        try {
          const handled = await role.tick();
          backoffMs = firstBackoffMs;
          const restMs = (role.restsUntil?.() ?? 0) - clock.now();
          if (restMs > 0) await rest(restMs);
          else if (handled > 0) await clock.sleep(0);
          else await idle(Math.min(idleMs, (role.wakeAt?.() ?? Infinity) - clock.now()));
        } catch (error) {
          if (!running) return;
          onError(role.name, error);
          woken = false;
          await idle(backoffMs);
          backoffMs = Math.min(lookMs, backoffMs * 2);
        }
      }
    }

    const stopped = loop();
    const stop = (): void => {
      running = false;
      endWait();
    };
    return { role, stopped, stop };
  }

  async function remove(role: Role): Promise<void> {
    const loop = loops.get(role);
    loops.delete(role);
    wakers.delete(role);
    loop?.stop();
    await loop?.stopped;
  }

  return {
    add(role) {
      loops.set(role, start(role));
    },
    remove,
    async stop() {
      forget();
      await Promise.all([...loops.keys()].map(remove));
    },
  };
}
