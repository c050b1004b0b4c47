/**
 * Hints between processes: LISTEN on a connection of its own, and a bell.
 *
 * Commits that carry a NOTIFY queue up behind one lock, and their syncs are no longer shared. So the bell is rung after the
 * commit, by a transaction that is not synced, one at a time; what is to be said meanwhile goes with the next. A ring
 * that is lost is not missed: everybody looks for themselves now and then.
 */
import type { Clock } from "../../ports/clock.ts";
import type { Engine, Hint } from "../../ports/engine.ts";
import { hintList, type Hints } from "../memory/hints.ts";
import { nextTurn, uniqueId } from "../system.ts";
import type { Database } from "./database.ts";
import { statements } from "./statements.ts";

export type PostgresHints = Hints & { readonly close: () => Promise<void> };

const firstBackoffMs = 50;
const longestBackoffMs = 2_000;
/** A connection that was cut says nothing, like one on which nothing happens: so it is asked this often. */
const pingMs = 10_000;
/** Of PostgreSQL: a payload is shorter than 8,000 bytes. */
const longestPayload = 7_000;

const anything: readonly Hint[] = ["log", "state", "queue", "seat", "outbox"];

export type HintsOptions = {
  /** Now and then, while the connection is there. */
  readonly onPing: () => void;
  /** Nobody else waits for this: the bell need not be rung. */
  readonly isOurs: (hint: Hint, partition: number | undefined) => boolean;
};

/** Listens once somebody wants to hear. */
export function postgresHints(
  database: Database,
  clock: Clock,
  { onPing, isOurs }: HintsOptions,
): PostgresHints {
  const local = hintList();
  const stop = new AbortController();
  /** Who rings does not need to hear it. */
  const me = uniqueId().slice(0, 8);
  const unsaid = new Set<string>();
  let ringing: Promise<void> | undefined;
  let listening: Promise<void> | undefined;

  // ---- the bell

  async function ring(): Promise<void> {
    await new Promise<void>((resolve) => nextTurn(resolve));
    while (unsaid.size > 0 && !stop.signal.aborted) {
      const all = [...unsaid].join(" ");
      unsaid.clear();
      const payload = `${me} ${all.length > longestPayload ? anything.join(" ") : all}`;
      try {
        await database.query(statements.ring, [payload]);
      } catch {
        // Whoever waits for it looks for itself soon.
      }
    }
    ringing = undefined;
  }

  function tell(hint: Hint, partition?: number): void {
    local.hint(hint, partition);
    if (isOurs(hint, partition)) return;
    unsaid.add(partition === undefined ? hint : `${hint}:${partition}`);
    ringing ??= ring();
  }

  // ---- those who listen

  function hear(payload: string): void {
    const [from, ...words] = payload.split(" ");
    if (from === me) return;
    for (const word of words) {
      const [said, partition] = word.split(":");
      const hint = anything.find((one) => one === said);
      if (hint !== undefined)
        local.hint(hint, partition === undefined ? undefined : Number(partition));
    }
  }

  /** Resolves or rejects when the connection is over. */
  async function listenOnce(onListening: () => void): Promise<void> {
    const client = database.client();
    const over = new AbortController();
    const end = (): void => over.abort();
    client.on("error", end);
    client.on("end", end);
    client.on("notification", ({ payload = "" }) => hear(payload));
    stop.signal.addEventListener("abort", end, { once: true });
    try {
      await client.connect();
      await client.query("listen fanfold");
      onListening();
      // What may have happened while nobody listened.
      for (const hint of anything) local.hint(hint);
      while (!over.signal.aborted) {
        await clock.sleep(pingMs, over.signal);
        if (over.signal.aborted) break;
        await client.query("select");
        onPing();
      }
    } finally {
      stop.signal.removeEventListener("abort", end);
      client.end().catch(() => undefined);
    }
  }

  async function listen(): Promise<void> {
    let backoffMs = firstBackoffMs;
    while (!stop.signal.aborted) {
      try {
        await listenOnce(() => (backoffMs = firstBackoffMs));
      } catch {
        // A hint is never needed: there is nothing to report, only to try again.
      }
      await clock.sleep(backoffMs, stop.signal);
      backoffMs = Math.min(longestBackoffMs, backoffMs * 2);
    }
  }

  const onHint: Engine["onHint"] = (listener) => {
    listening ??= listen();
    return local.onHint(listener);
  };

  return {
    hint: tell,
    onHint,
    async close() {
      stop.abort();
      await ringing;
      await listening;
    },
  };
}
