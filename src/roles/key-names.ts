/**
 * How the keys of a limit are called: what is stored of a key is a hash of it, so its name is asked of the limit, with the item of a
 * sub-job that has it. Only of the few that are shown, and once: a name is kept.
 */
import type { Json } from "../core/event.ts";
import { keys, prefixes } from "../core/ids.ts";
import { pageSize } from "../core/ledger-page.ts";
import { keyHash } from "../core/limit-keys.ts";
import { limits } from "../core/limits.ts";
import { limitByKey, type FanOutPlan, type SharedLimit } from "../core/plan.ts";
import { redacted } from "../core/redact.ts";
import { hashIn } from "../core/stored-limits.ts";
import type { Engine } from "../ports/engine.ts";
import { pageAt } from "./directory.ts";
import { bytes } from "./loading.ts";

/** A fan-out of a run in which the key may be found, and from which sub-job on to look. */
export type Where = {
  readonly partition: number;
  readonly run: string;
  readonly plan: FanOutPlan;
  readonly from: number;
};

export type KeyNames = {
  /** Looks for those that are not known yet: in so many sub-jobs as may be set aside, from there on. */
  readonly find: (where: Where, hashes: readonly number[]) => Promise<void>;
  /** Undefined: it was not found, or the job hides it. */
  readonly nameOf: (limit: string, hash: number) => string | undefined;
};

const remembered = 10_000;
const pagesAtOnce = 16;

export function keyNames(engine: Pick<Engine, "store" | "log">): KeyNames {
  const { store } = engine;
  /** "": it is hidden. */
  const known = new Map<string, string>();

  function remember(limit: string, hash: number, name: string): void {
    known.set(`${limit}/${hash}`, name);
    const [oldest] = known.keys();
    if (known.size > remembered && oldest !== undefined) known.delete(oldest);
  }

  /** The first sub-job with each of them. */
  async function indexOf({ partition, run, plan, from }: Where, wanted: Set<number>) {
    const found = new Map<number, number>();
    const prefix = prefixes.limitKeys(run, plan.name);
    const first = Math.floor(from / pageSize);
    let after = first === 0 ? undefined : keys.limitKeys(run, plan.name, first - 1);
    for (let left = limits.aside / pageSize; left > 0 && wanted.size > 0; left -= pagesAtOnce) {
      const rows = await store.scan(partition, prefix, pagesAtOnce, after);
      for (const [name, value] of rows) {
        const page = bytes(value);
        const base = Number(name.slice(prefix.length)) * pageSize;
        for (let at = 0; at * 4 < page.byteLength && wanted.size > 0; at += 1) {
          const hash = hashIn(page, at);
          if (wanted.delete(hash)) found.set(hash, base + at);
        }
      }
      after = rows.at(-1)?.[0];
      if (rows.length < pagesAtOnce) break;
    }
    return found;
  }

  return {
    async find(where, hashes) {
      const { partition, run, plan } = where;
      const limit = limitByKey(plan.job);
      if (limit === undefined) return;
      const wanted = new Set(hashes.filter((hash) => !known.has(`${limit.name}/${hash}`)));
      if (wanted.size === 0) return;
      const found = await indexOf(where, wanted);
      for (const [hash, index] of found) {
        const page = await pageAt(engine, { partition, run, step: plan.name }, index);
        if (page === undefined) continue;
        const item = page.items[index - page.from] ?? null;
        remember(limit.name, hash, nameIn(limit, plan, item, hash));
      }
    },
    nameOf: (limit, hash) => known.get(`${limit}/${hash}`) || undefined,
  };
}

/** What the job hides of the item is not shown by its key, either. */
function nameIn({ key }: SharedLimit, { job }: FanOutPlan, item: Json, hash: number): string {
  const name = asked(key, item);
  if (name === undefined || keyHash(name) !== hash) return "";
  const isHidden = job.redact !== undefined && asked(key, redacted(item, job.redact)) !== name;
  return isHidden ? "" : name;
}

/** The user's function; what it does not take has no name. */
function asked(key: SharedLimit["key"], item: Json | undefined): string | undefined {
  try {
    return item === undefined ? undefined : key?.(item);
  } catch {
    return undefined;
  }
}
