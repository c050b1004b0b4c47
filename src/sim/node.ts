/** A process of the simulated world: the real roles, called by the real host, on an engine that lies between it and the others. */
import { encode } from "../core/event.ts";
import { limits } from "../core/limits.ts";
import { partitionOf, scheduleOf } from "../core/ids.ts";
import type { FlowPlan } from "../core/plan.ts";
import type { SchedulePlan } from "../core/schedule.ts";
import type { Clock } from "../ports/clock.ts";
import type { Engine } from "../ports/engine.ts";
import { herald } from "../roles/herald.ts";
import { aboutRuns } from "../roles/about.ts";
import { host as hostOf, type Host } from "../roles/host.ts";
import { listening } from "../roles/listening.ts";
import { manager, type Manager } from "../roles/manager.ts";
import { news as newsOf, type News } from "../roles/news.ts";
import { projector } from "../roles/projector.ts";
import { retention } from "../roles/retention.ts";
import { ticker } from "../roles/ticker.ts";
import { trimmer } from "../roles/trimmer.ts";
import { worker } from "../roles/worker.ts";
import type { SimClock } from "./clock.ts";
import type { Process } from "./ports.ts";
import { program, type Users } from "./program.ts";
import { hasReceivers, send } from "./receivers.ts";
import { heardAs, listenerName } from "./telling.ts";
import { tracingOf } from "./traces.ts";

/** What a process does; the same after every restart. */
export type NodePlan = {
  readonly name: string;
  readonly manages: boolean;
  /** 0: no worker. */
  readonly slots: number;
  readonly queues: readonly string[];
  /** The queue is in its memory. */
  readonly owns: boolean;
};

export type Booted = {
  /** Ends in good order: what runs may finish for a while, the rest is given back. Rejects where a call fails. */
  readonly stop: () => Promise<void>;
};

export type BootOptions = {
  readonly plan: NodePlan;
  readonly process: Process;
  readonly engine: Engine;
  readonly clock: Pick<SimClock, "clockOf">;
  readonly users: Users;
  readonly plans: ReadonlyMap<string, FlowPlan>;
  readonly schedules: readonly SchedulePlan[];
  readonly crash: () => void;
  /** Records of expired runs that a commit removes. */
  readonly removeAtOnce: number;
  /** Records. */
  readonly trimAtLeast: number;
  readonly onError: (role: string, error: unknown) => void;
};

/** What runs is waited for, or not at all. */
const drainsMs = [0, 2_000] as const;

export function boot(options: BootOptions): Booted {
  const { plan, process, engine, users, plans } = options;
  const clock = options.clock.clockOf(process.life);
  const host = hostOf(engine, clock, options.onError);
  const news = newsOf(engine);
  const managers = Array.from({ length: plan.manages ? engine.partitions : 0 }, (_, partition) =>
    manager({
      engine,
      clock,
      partition,
      holder: process.name,
      plans,
      removeAtOnce: options.removeAtOnce,
      schedules: new Map(
        options.schedules
          .filter(({ name }) => partitionOf(name, engine.partitions) === partition)
          .map((one) => [one.name, one]),
      ),
      onCommitted: (handed) => news.handOn(partition, handed),
    }),
  );
  for (const [partition, role] of managers.entries()) {
    host.add(role);
    host.add(projector({ engine, clock, partition }));
    host.add(ticker({ engine, clock, partition, manager: role }));
    const trimming = { engine, clock, partition, everyMs: 5_000, readers: [listenerName] };
    const { trimAtLeast: atLeast } = options;
    host.add(trimmer({ ...trimming, atLeast, mayTrim: () => role.isHolder() }));
  }
  const mayLook = (): boolean => managers[0]?.isHolder() === true;
  if (plan.manages) host.add(retention({ engine, clock, plans, mayLook }));
  if (plan.manages && engine.partitions > 1) host.add(herald({ engine, clock }));
  if (plan.manages) tell(options, clock, host, news, managers);
  const place = {
    sleep: clock.sleep,
    crash(): Promise<never> {
      options.crash();
      return new Promise(() => undefined);
    },
  };
  const working =
    plan.slots === 0
      ? undefined
      : worker({
          engine,
          clock,
          worker: process.name,
          slots: plan.slots,
          queues: plan.queues,
          leaseMs: plan.owns ? Infinity : limits.leaseMs,
          ...program(users, place),
          log: () => undefined,
          tracing: tracingOf(users.draw),
        });
  if (working !== undefined) host.add(working);
  return {
    async stop() {
      if (working !== undefined) {
        await host.remove(working);
        await working.drain(users.draw.pick(drainsMs, process.name, "drain"));
      }
      await host.stop();
      if (plan.owns)
        for (let partition = 0; partition < engine.partitions; partition += 1)
          await engine.log.append(partition, [encode({ type: "queue.lost", clean: true })]);
      for (const role of managers) await role.resign();
    },
  };
}

/** A listener that is told of every event, and now and then does not hear it the first time. */
function tell(
  { engine, users }: BootOptions,
  clock: Clock, // Its process's own: two that stand still at different instants would wait for each other.
  host: Host,
  news: News,
  managers: readonly Manager[],
): void {
  for (const role of news.roles) host.add(role);
  if (hasReceivers(users.draw)) send({ engine, clock, host, news, managers, users });
  for (let partition = 0; partition < engine.partitions; partition += 1)
    host.add(
      listening({
        engine,
        clock,
        news,
        about: aboutRuns(engine),
        partition,
        name: listenerName,
        heard: { types: undefined, flows: undefined },
        run(event) {
          const { id, run } = event;
          // To be deaf costs a second, and schedules make a thousand events.
          const isFirst = users.witness.begin(id) === 1 && scheduleOf(run) === undefined;
          if (isFirst && users.draw.chance(0.1, id, "deaf")) throw new Error("not heard");
          users.witness.end(heardAs(event));
        },
        isDurable: true,
        mayTell: () => managers[partition]?.isHolder() === true,
        onPassedOver: () => undefined,
        stopped: new AbortController().signal,
      }),
    );
}

/** The first has the managers; where the engine is shared, so has the second. */
export function planNodes(
  isShared: boolean,
  atMost: number,
  workers: number,
  slotsOf: (node: number) => number,
): readonly NodePlan[] {
  const queues = ["default", "other"];
  const managing = (name: string, slots: number): NodePlan => ({
    name,
    manages: true,
    slots,
    queues,
    owns: !isShared,
  });
  const all: NodePlan[] = [managing("first", slotsOf(0))];
  if (isShared) all.push(managing("second", 0));
  for (let n = 1; n <= workers; n += 1)
    all.push({ name: `worker-${n}`, manages: false, slots: slotsOf(n), queues, owns: false });
  return all.slice(0, Math.max(1, atMost));
}
