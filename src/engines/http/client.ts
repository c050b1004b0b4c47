/** The engine of the process that owns the file, used by another process of the same machine. api/ports.ts is the other end. */
import type { Entry } from "../../core/event.ts";
import { UsageError } from "../../errors.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Engine } from "../../ports/engine.ts";
import type { Log } from "../../ports/log.ts";
import type { Lease, Queue } from "../../ports/queue.ts";
import type { Store, Value } from "../../ports/store.ts";
import type { RunRow, Views } from "../../ports/views.ts";
import { maskUrl } from "../url.ts";
import { hints } from "./hints.ts";
import type { HttpSigns } from "./signs.ts";
import { type Wire, wire } from "./wire.ts";

export type HttpEngineOptions = {
  readonly clock: Clock;
  /** The owner's, if it has one. */
  readonly token?: string | undefined;
};

/** Of api/ports.ts. */
const protocol = 2;

/**
 * The ports of the engine behind `url` (`http://localhost:4400`). It cannot manage: claim and commit are for the owner alone.
 *
 * Rejects with UnavailableError where nobody answers, with UsageError where somebody else does, or a Fanfold of another protocol.
 * A call that gets no answer rejects with UnavailableError: it may have happened.
 */
export async function httpEngine(
  url: string,
  { clock, token }: HttpEngineOptions,
): Promise<Engine> {
  const base = checkedUrl(url, token);
  const line = wire(base, clock, token);
  const given: HttpSigns = { url: base.origin, token };
  const { partitions, queueSurvives } = await greet(line, base);
  const { onHint, close } = hints((signal) => line.stream("/v1/hints", signal), clock);
  return {
    name: base.origin,
    partitions,
    queueSurvives,
    manages: false,
    log: httpLog(line),
    queue: httpQueue(line),
    store: httpStore(line),
    views: httpViews(line),
    signs: { module: new URL(signsFile, import.meta.url).href, given },
    onHint,
    async close() {
      line.close();
      await close();
    },
  };
}

/** Beside this file, and of its kind: sources run as they are, and what is built has another ending. */
const signsFile = `./signs.${import.meta.url.endsWith(".ts") ? "ts" : "js"}`;

function checkedUrl(url: string, token: string | undefined): URL {
  const base = URL.canParse(url) ? new URL(url) : undefined;
  if (base?.protocol !== "http:")
    throw new UsageError(`expected a URL like http://localhost:4400, got "${maskUrl(url)}"`);
  if (token === undefined && !["localhost", "127.0.0.1", "[::1]"].includes(base.hostname))
    throw new UsageError(
      `without a token an owner is reached on localhost, 127.0.0.1 or [::1] only, got "${base.hostname}": set FANFOLD_TOKEN to its ` +
        `token, or use a tunnel (ssh -L); nothing is encrypted on the way`,
    );
  return base;
}

async function greet(
  line: Wire,
  base: URL,
): Promise<{ readonly partitions: number; readonly queueSurvives: boolean }> {
  const told = await line.call("/v1/engine").catch((error: unknown) => {
    line.close();
    throw error;
  });
  if (
    typeof told === "object" &&
    told !== null &&
    "protocol" in told &&
    told.protocol === protocol &&
    "partitions" in told &&
    typeof told.partitions === "number" &&
    "queueSurvives" in told &&
    typeof told.queueSurvives === "boolean"
  )
    return { partitions: told.partitions, queueSurvives: told.queueSurvives };
  line.close();
  throw new UsageError(
    `${base.origin} speaks another protocol than this Fanfold (${protocol}): use the same version on both sides`,
  );
}

function httpLog({ call }: Wire): Log {
  return {
    append: async (partition, texts) => typed(await call("/v1/log/append", { partition, texts })),
    read: async (partition, from, { records, bytes, past }) =>
      typed<readonly Entry[]>(
        await call("/v1/log/read", {
          partition,
          from,
          records: finite(records),
          bytes: finite(bytes),
          past,
        }),
      ),
    end: async (partition) => typed(await call("/v1/log/end", { partition })),
    trim: async (partition, before, past) =>
      void (await call("/v1/log/trim", { partition, before, past })),
    past: async (partition) => typed(await call("/v1/log/past", { partition })),
  };
}

function httpQueue({ call }: Wire): Queue {
  return {
    put: async (tasks) => void (await call("/v1/queue/put", { tasks })),
    take: async (worker, queues, max, leaseMs) =>
      typed<readonly Lease[]>(
        await call("/v1/queue/take", { worker, queues, max: finite(max), leaseMs }),
      ),
    extend: async (worker, leaseMs) => typed(await call("/v1/queue/extend", { worker, leaseMs })),
    ack: async (worker, leases) => typed(await call("/v1/queue/ack", { worker, leases })),
    release: async (worker, leases) => typed(await call("/v1/queue/release", { worker, leases })),
  };
}

function httpStore({ call }: Wire): Store {
  return {
    claim: async () => ownerOnly("claim"),
    resign: async () => ownerOnly("resign"),
    commit: async () => ownerOnly("commit"),
    load: async (partition, keys) =>
      typed<readonly Packed[]>(await call("/v1/store/load", { partition, keys })).map(unpacked),
    async scan(partition, prefix, max, after) {
      const body = { partition, prefix, max, after };
      const pairs = typed<readonly (readonly [string, Exclude<Packed, null>])[]>(
        await call("/v1/store/scan", body),
      );
      return pairs.map(([key, value]) => [key, unpacked(value)] as const);
    },
    async position(partition) {
      const body = await call("/v1/store/position", { partition });
      const { offset, wakeAt } = typed<{ readonly offset: number; readonly wakeAt?: number }>(body);
      return { offset, wakeAt };
    },
    async keep(partition, reader, { from, to, past, puts }) {
      // JSON has no undefined: a key alone removes.
      const pairs = puts.map(([key, value]) => (value === undefined ? [key] : [key, value]));
      await call("/v1/store/keep", { partition, reader, from, to, past, puts: pairs });
    },
  };
}

function httpViews({ call }: Wire): Views {
  return {
    checkpoint: async (partition) => typed(await call("/v1/views/checkpoint", { partition })),
    apply: async (partition, viewed) =>
      void (await call("/v1/views/apply", { partition, ...viewed })),
    run: async (run) => typed<RunRow | null>(await call("/v1/views/run", { run })) ?? undefined,
    runs: async (query) => typed<readonly RunRow[]>(await call("/v1/views/runs", { query })),
  };
}

function ownerOnly(call: string): never {
  throw new UsageError(
    `store.${call} is for the process that owns the file: this one can work and ask, not manage`,
  );
}

/** JSON has no Infinity, which some say for "all". */
function finite(most: number): number {
  return Math.min(most, Number.MAX_SAFE_INTEGER);
}

/** A value as JSON carries it: api/ports.ts packs it. */
type Packed = string | { readonly bytes: string } | null;

function unpacked(value: Exclude<Packed, null>): Value;
function unpacked(value: Packed): Value | undefined;
function unpacked(value: Packed): Value | undefined {
  if (value === null) return undefined;
  if (typeof value === "string") return value;
  return new Uint8Array(Buffer.from(value.bytes, "base64"));
}

/** api/ports.ts of the same protocol wrote the answer (greet compared), so it is what the port promises. */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- the one place where an answer gets its type
function typed<T>(answer: unknown): T {
  return answer as T; // oxlint-disable-line typescript/no-unsafe-type-assertion -- see above
}
