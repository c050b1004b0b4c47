/**
 * Trims the log below the first record that anybody still needs: the manager, those who read it with a checkpoint, and the
 * fan-outs of all runs that are kept, whose pages and outcomes stand there.
 *
 * A fan-out's records begin at its base, and new ones begin at the end of the log. So the lowest thousand, found once, are all
 * that has to be watched until they are gone; only then all steps are gone through again.
 */
import { keys, prefixes } from "../core/ids.ts";
import type { StoredStep } from "../core/stored.ts";
import type { Clock } from "../ports/clock.ts";
import type { Engine } from "../ports/engine.ts";
import type { Value } from "../ports/store.ts";
import { scanAll, text } from "./loading.ts";
import type { Role } from "./role.ts";

export type TrimmerOptions = {
  readonly engine: Pick<Engine, "log" | "store" | "views">;
  readonly clock: Clock;
  readonly partition: number;
  readonly everyMs: number;
  /** Whether this process is the one to trim: where several could, one does. */
  readonly mayTrim: () => boolean;
  /** Readers that are there in any case: as long as one has kept nothing, it has everything still to read. */
  readonly readers: readonly string[];
  /** Fewer records are not worth a transaction. Default 100. */
  readonly atLeast?: number;
};

const usualLeast = 100;
const scanSize = 500;
const watchedAtMost = 1_000;
const loadSize = 100;

type Base = readonly [key: string, base: number];
/** The lowest fan-outs, ascending, and below which offset no other one stands; of which past of the log. */
type Watched = {
  readonly past: string;
  readonly bases: readonly Base[];
  readonly others: number;
};
type Scanning = Watched & { readonly after: string | undefined };

export function trimmer(options: TrimmerOptions): Role {
  const { engine, clock, partition, everyMs, mayTrim, readers, atLeast = usualLeast } = options;
  const { log, store, views } = engine;
  let scanning: Scanning | undefined;
  let watched: Watched | undefined;
  let trimmed = 0;
  let lookAt = 0;

  /** Goes through one portion of the steps. Resolves to how many that were. */
  async function scanOn(): Promise<number> {
    // What begins from now on, begins at what is decided from now on.
    const { past, bases, others, after } = scanning ?? {
      past: await log.past(partition),
      bases: [],
      others: (await store.position(partition)).offset,
      after: undefined,
    };
    scanning = undefined; // If anything below throws, it begins anew.
    const rows = await store.scan(partition, prefixes.step, scanSize, after);
    const more = rows.flatMap(([key, value]): Base[] => {
      const base = baseOf(value);
      return base === undefined ? [] : [[key, base]];
    });
    const all = [...bases, ...more].toSorted(([, a], [, b]) => a - b);
    const found = {
      past,
      bases: all.slice(0, watchedAtMost),
      others: Math.min(others, all[watchedAtMost]?.[1] ?? Infinity),
    };
    if (rows.length < scanSize) watched = found;
    else scanning = { ...found, after: rows.at(-1)?.[0] };
    return rows.length;
  }

  /** The first offset that a fan-out of any run may need. */
  async function neededBy({ past, bases, others }: Watched): Promise<number> {
    for (let from = 0; from < bases.length; from += loadSize) {
      const some = bases.slice(from, from + loadSize);
      const values = await store.load(
        partition,
        some.map(([key]) => key),
      );
      const still = some.findIndex(([, base], n) => baseOf(values[n]) === base);
      if (still === -1) continue;
      watched = { past, bases: bases.slice(from + still), others };
      return some[still]?.[1] ?? 0;
    }
    watched = undefined;
    return others;
  }

  /** Everybody who reads has read what is before this. */
  async function readByAll(): Promise<number> {
    const name = keys.reader("").length;
    const rows = await scanAll(store, partition, keys.reader(""));
    const kept = new Map(
      rows
        .filter(([key]) => !key.includes("/", name))
        .map(([key, value]) => [key.slice(name), Number(value)]),
    );
    const { offset } = await store.position(partition);
    const known = readers.map((reader) => kept.get(reader) ?? 0);
    return Math.min(offset, await views.checkpoint(partition), ...known, ...kept.values());
  }

  return {
    name: `trimmer ${partition}`,
    hints: [],
    partition,
    wakeAt: () => (mayTrim() ? lookAt : undefined),
    async tick() {
      if (!mayTrim() || clock.now() < lookAt) return 0;
      if (watched === undefined) {
        const count = await scanOn();
        if (watched === undefined) return count;
      }
      lookAt = clock.now() + everyMs;
      const { past } = watched;
      const before = Math.min(await neededBy(watched), await readByAll());
      if (before < trimmed + atLeast) return 0;
      const still = watched;
      watched = undefined; // If the log has another past by now, all is looked at again.
      await log.trim(partition, before, past);
      watched = still;
      trimmed = before;
      return 0;
    },
  };
}

function baseOf(value: Value | undefined): number | undefined {
  if (value === undefined) return undefined;
  const step = JSON.parse(text(value)) as StoredStep; // oxlint-disable-line typescript/no-unsafe-type-assertion -- we wrote it, in core/snapshot.ts
  return step.kind === "fan-out" && step.startedAt !== undefined ? step.base : undefined;
}
