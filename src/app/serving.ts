/** The partitions that this process serves: all of them, or its share where several processes may. */
import type { Written } from "../core/event.ts";
import { limits } from "../core/limits.ts";
import { partitionOf } from "../core/ids.ts";
import type { Plans } from "../core/plan.ts";
import type { Schedules } from "../core/schedule.ts";
import { shareOf } from "../core/shares.ts";
import { uniqueId } from "../engines/system.ts";
import { CorruptError, UnavailableError, UsageError } from "../errors.ts";
import type { Clock } from "../ports/clock.ts";
import type { Engine } from "../ports/engine.ts";
import type { Shares } from "../ports/shares.ts";
import { herald } from "../roles/herald.ts";
import type { Host, OnError } from "../roles/host.ts";
import { manager, type Manager } from "../roles/manager.ts";
import type { News } from "../roles/news.ts";
import { projector } from "../roles/projector.ts";
import { relay } from "../roles/relay.ts";
import type { Role } from "../roles/role.ts";
import { ticker } from "../roles/ticker.ts";

export type Serving = {
  /** Resolves when what this process is to serve now has been read. Rejects with CorruptError where it cannot be. */
  readonly begin: () => Promise<void>;
  /** Whether this process works: those that do share the partitions; others serve where nobody works. */
  readonly working: (works: boolean) => void;
  /** Whether this process manages the partition, now. */
  readonly isHolder: (partition: number) => boolean;
  /** Takes nothing more; before the host stops. */
  readonly halt: () => Promise<void>;
  /** Gives up all it has; the host has stopped before. */
  readonly end: () => Promise<void>;
};

export type ServingOptions = {
  readonly engine: Engine;
  readonly clock: Clock;
  readonly host: Host;
  readonly plans: Plans;
  readonly schedules: Schedules;
  readonly onError: OnError;
  /** Hears what the manager of a partition has committed; undefined: it manages it no more. */
  readonly onCommitted?: News["handOn"];
  /** Hears what the managers of this process have decided. */
  readonly onDecided?: ((events: readonly Written[]) => void) | undefined;
};

type Served = { readonly manager: Manager; readonly roles: readonly Role[] };

export function serving(options: ServingOptions): Serving {
  const { engine, clock, host, plans, onError, onCommitted, onDecided } = options;
  /** Names this process among those that might claim a partition. */
  const holder = uniqueId();
  const served = new Map<number, Served>();
  const { shares } = engine;
  const mine = shares === undefined ? undefined : balancer(shares);

  async function serve(partition: number): Promise<void> {
    const onStrange = (because: string): void =>
      onError(`manager ${partition}`, new UsageError(because));
    const schedules = new Map(
      [...options.schedules].filter(([name]) => partitionOf(name, engine.partitions) === partition),
    );
    const onWentBack = (because: string): void =>
      onError(`manager ${partition}`, new UnavailableError(because));
    const role = manager({
      engine,
      clock,
      partition,
      holder,
      plans,
      schedules,
      onStrange,
      onCommitted: (handed) => onCommitted?.(partition, handed),
      onDecided,
      onWentBack,
    });
    await firstTick(role);
    const roles: Role[] = [
      role,
      projector({ engine, clock, partition }),
      ticker({ engine, clock, partition, manager: role }),
    ];
    if (engine.outbox !== undefined) roles.push(relay(engine.outbox, partition));
    if (partition === 0 && engine.partitions > 1) roles.push(herald({ engine, clock }));
    served.set(partition, { manager: role, roles });
    for (const each of roles) host.add(each);
  }

  async function leave(partition: number): Promise<void> {
    const had = served.get(partition);
    served.delete(partition);
    for (const role of had?.roles ?? []) await host.remove(role);
    await had?.manager.resign();
  }

  /** Looks who else is there, gives what is too much and takes what is free. */
  function balancer(shares: Shares): Role & { readonly wish: (works: boolean) => void } {
    let works = false;
    let lookAt: number | undefined;
    let wake: () => void = () => undefined;
    return {
      name: "shares",
      hints: ["seat"],
      wakeAt: () => lookAt,
      onWake(ask) {
        wake = ask;
      },
      wish(does) {
        works = does;
        wake();
      },
      async tick() {
        const seen = await shares.attend(holder, works ? limits.claimMs : 0);
        lookAt = clock.now() + seen.changesInMs;
        const { give, take } = shareOf(holder, seen.candidates, seen.holders);
        const lost = [...served.keys()].filter(
          (partition) => ![holder, undefined].includes(seen.holders[partition]),
        );
        for (const partition of [...give, ...lost]) await leave(partition);
        await Promise.all(take.filter((partition) => !served.has(partition)).map(serve));
        return 0;
      },
    };
  }

  /**
   * Takes the partition over before anything new is appended: what was in the old queue is put again, and nothing twice.
   *
   * Rejects where the state cannot be read, so that whoever opens hears of it, instead of waiting for a manager that never comes.
   */
  async function firstTick(role: Manager): Promise<void> {
    try {
      await role.tick();
    } catch (error) {
      if (error instanceof CorruptError) throw error; // For the rest, the host tries again.
    }
  }

  return {
    async begin() {
      if (!engine.manages) return;
      if (mine === undefined) {
        for (let partition = 0; partition < engine.partitions; partition += 1)
          await serve(partition);
        return;
      }
      await mine.tick();
      host.add(mine);
    },
    working: (works) => mine?.wish(works),
    isHolder: (partition) => served.get(partition)?.manager.isHolder() === true,
    async halt() {
      if (mine !== undefined) await host.remove(mine);
    },
    async end() {
      for (const { manager } of served.values()) await manager.resign();
      if (shares !== undefined) await shares.attend(holder, 0);
    },
  };
}
