/** Which keys of a limit the sub-jobs of a fan-out wait for: those that were told to come back later, and those that have no room. */
import { keys } from "../core/ids.ts";
import * as ledgers from "../core/ledger.ts";
import { pageSize } from "../core/ledger-page.ts";
import { limits } from "../core/limits.ts";
import { limitByKey, type FanOutPlan } from "../core/plan.ts";
import { hashIn, storedKey } from "../core/stored-limits.ts";
import type { StoredFanOut } from "../core/stored.ts";
import { roomIn, throttle } from "../core/throttle.ts";
import type { Engine } from "../ports/engine.ts";
import type { KeyStop, KeyStops } from "../views/limits.ts";
import type { KeyNames } from "./key-names.ts";
import { bytes } from "./loading.ts";

type Counted = { waiting: number; inFlight: number };

/**
 * Looks at as many sub-jobs as may be set aside, from the first on that was never put, and at the keys that most of them have.
 *
 * What other runs have in flight under a key is not counted: where only that leaves no room, the key is not said to be full.
 */
export async function waitingKeys(
  { store, partitions }: Pick<Engine, "store" | "partitions">,
  names: KeyNames,
  { partition, run, plan }: { partition: number; run: string; plan: FanOutPlan },
  step: StoredFanOut,
  at: number,
): Promise<KeyStops | undefined> {
  const limit = limitByKey(plan.job);
  if (limit === undefined || (step.counts[ledgers.waiting] ?? 0) === 0) return undefined;

  async function counted(): Promise<Map<number, Counted>> {
    const all = new Map<number, Counted>();
    const first = Math.floor(step.next / pageSize);
    const last = Math.min(first + limits.aside / pageSize, Math.ceil(step.size / pageSize));
    for (let n = first; n < last; n += 1) {
      const stored = [keys.limitKeys(run, plan.name, n), keys.page(run, plan.name, n)];
      const [hashes, states] = await store.load(partition, stored);
      if (hashes === undefined) continue;
      const ledger = ledgers.emptyLedger(step.base);
      ledger.size = step.size;
      if (states !== undefined) ledgers.restorePage(ledger, n, bytes(states));
      for (let i = n * pageSize; i < Math.min(step.size, (n + 1) * pageSize); i += 1) {
        const state = ledgers.stateOf(ledger, i);
        const hash = hashIn(bytes(hashes), i % pageSize);
        if (hash === 0 || (state !== ledgers.waiting && state !== ledgers.inFlight)) continue;
        const one = all.get(hash) ?? { waiting: 0, inFlight: 0 };
        one[state === ledgers.waiting ? "waiting" : "inFlight"] += 1;
        all.set(hash, one);
      }
    }
    return all;
  }

  const most = [...(await counted())]
    .filter(([, { waiting }]) => waiting > 0)
    .toSorted(([, a], [, b]) => b.waiting - a.waiting)
    .slice(0, limits.keysLooked);
  const rows = await store.load(
    partition,
    most.map(([hash]) => keys.key(limit.name, hash)),
  );
  const stops: (KeyStop & { readonly hash: number })[] = [];
  for (const [n, [hash, { waiting, inFlight }]] of most.entries()) {
    const row = rows[n];
    const key = throttle(limit, partition, partitions);
    if (typeof row === "string") Object.assign(key, storedKey(row));
    key.inFlight = inFlight;
    const { heldUntil } = key;
    if (roomIn(key, at) >= 1) continue;
    const stop = { hash, key: undefined, waiting };
    if (heldUntil > at) stops.push({ ...stop, because: "told", until: heldUntil });
    else if (key.tokens < 1 && key.perMs !== Infinity)
      stops.push({ ...stop, because: "rate", until: Math.ceil(at + (1 - key.tokens) / key.perMs) });
    else stops.push({ ...stop, because: "concurrency", until: undefined });
  }
  const shown = stops.slice(0, limits.keysNamed);
  const where = { partition, run, plan, from: step.next };
  await names.find(
    where,
    shown.map(({ hash }) => hash),
  );
  const others = stops.slice(limits.keysNamed);
  return {
    limit,
    keys: shown.map(({ hash, ...one }) => ({ ...one, key: names.nameOf(limit.name, hash) })),
    others: others.length,
    waiting: others.reduce((sum, one) => sum + one.waiting, 0),
  };
}
