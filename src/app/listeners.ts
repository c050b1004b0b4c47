/** Who in this process is told of events: functions that asked for it with `on`, and the app's parts while it works. */
import type { Listener } from "../define/listener.ts";
import { ConflictError, UnavailableError } from "../errors.ts";
import type { Clock } from "../ports/clock.ts";
import type { Engine } from "../ports/engine.ts";
import type { About } from "../roles/about.ts";
import type { Host } from "../roles/host.ts";
import { listening } from "../roles/listening.ts";
import type { News } from "../roles/news.ts";
import type { Role } from "../roles/role.ts";
import type { LogTo } from "./logging.ts";
import { ownerVariable } from "./processes.ts";

export type Place = {
  readonly engine: Engine;
  readonly clock: Clock;
  readonly host: Host;
  readonly news: News;
  readonly about: About;
  readonly isHolder: (partition: number) => boolean;
};

export type Told = {
  /** Resolves when what is committed from then on is told. */
  readonly begun: Promise<void>;
  readonly hasRead: (partition: number, offset: number) => boolean;
  /** Tells it nothing more, at once; resolves when nothing of it runs. */
  readonly end: () => Promise<void>;
};

/** Tells a listener: where it was, if it has a name; from now on otherwise. */
export function tell(
  { engine, clock, host, news, about, isHolder }: Place,
  { name, heard, run }: Pick<Listener, "heard" | "run"> & { readonly name?: string },
  log: LogTo,
): Told {
  const stop = new AbortController();
  const shown = name === undefined ? "a listener" : `listener "${name}"`;
  const roles = Array.from({ length: engine.partitions }, (_, partition) =>
    listening({
      engine,
      clock,
      news,
      about,
      partition,
      name: `listener-${name ?? ""}`,
      heard,
      run,
      isDurable: name !== undefined,
      ...(name === undefined ? {} : { mayTell: () => isHolder(partition) }),
      stopped: stop.signal,
      onPassedOver(event, error) {
        const { id, type, run: of } = event;
        const why = error instanceof Error ? error.message : String(error);
        log("error", `${shown} did not hear ${type} of run "${of}": ${why}`, { event: id });
      },
    }),
  );

  return {
    begun: begin(host, roles, () => stop.signal.aborted),
    hasRead: (partition, offset) => roles[partition]?.hasRead(offset) === true,
    async end() {
      stop.abort(shown);
      for (const role of roles) {
        await host.remove(role);
        role.end();
      }
    },
  };
}

/** Has each called once it has found its place; one that cannot be told it now asks again when it is called. */
export async function begin(
  host: Host,
  roles: readonly (Role & { readonly begin: () => Promise<void> })[],
  isOver: () => boolean,
): Promise<void> {
  for (const role of roles) {
    try {
      await role.begin();
    } catch (error) {
      if (!(error instanceof UnavailableError || error instanceof ConflictError)) throw error;
    }
    if (!isOver()) host.add(role);
  }
}

export type Ears = {
  /** Tells this one while a node is open, from now on; until the returned function is called. */
  readonly on: (listener: Pick<Listener, "heard" | "run">) => () => void;
  /** Resolves when those who asked so far have found their place: what is written from then on is told to them. */
  readonly placed: () => Promise<unknown>;
  readonly open: (place: Place) => Promise<void>;
  readonly close: () => Promise<void>;
};

/** Those who asked with `on`, whether or not anything is open yet. */
export function earsOf(log: LogTo): Ears {
  const asked = new Map<Pick<Listener, "heard" | "run">, Told | undefined>();
  const placing = new Set<Promise<void>>();
  const isChild = process.env[ownerVariable] !== undefined;
  let place: Place | undefined;

  async function attach(listener: Pick<Listener, "heard" | "run">): Promise<void> {
    if (place === undefined || isChild) return;
    const told = tell(place, listener, log);
    asked.set(listener, told);
    await told.begun;
  }

  return {
    on({ heard, run }) {
      const listener = { heard, run };
      asked.set(listener, undefined);
      const attached = attach(listener)
        .catch((error: unknown) => log("warn", `a listener hears nothing: ${String(error)}`, {}))
        .finally(() => placing.delete(attached));
      placing.add(attached);
      return () => {
        void asked.get(listener)?.end();
        asked.delete(listener);
      };
    },
    placed: () => Promise.all(placing),
    async open(at) {
      place = at;
      await Promise.all([...asked.keys()].map(attach));
    },
    async close() {
      place = undefined;
      const all = [...asked];
      for (const [listener] of all) asked.set(listener, undefined);
      await Promise.all(all.map(async ([, told]) => told?.end()));
    },
  };
}
