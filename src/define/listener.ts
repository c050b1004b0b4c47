/** Who is told of events of runs, as data: which ones, and the function of this program that hears them. */
import { isRunEventType, runEventTypes } from "../core/event.ts";
import type { RunEvent, RunEventType } from "../core/run-event.ts";
import { UsageError } from "../errors.ts";
import { shown } from "./duration.ts";
import type { Flow, StepName } from "./flow.ts";
import type { Awaitable } from "./job.ts";
import { callable, named } from "./work.ts";

/** Which events somebody wants to hear; all of them where nothing is said. */
export type Heard = {
  readonly types: ReadonlySet<RunEventType> | undefined;
  /** Names of flows. */
  readonly flows: ReadonlySet<string> | undefined;
};

/** A function of this program that is told of events, as a part of an app. */
export interface Listener<N extends string = string> {
  readonly kind: "listener";
  readonly name: N;
  readonly heard: Heard;
  readonly run: (event: RunEvent) => unknown;
}

type StateOf<F> = F extends { readonly "~types"?: { readonly state: infer S } } ? S : never;

/** The events of these types; where the flows are known, `step` is one of theirs. */
export type EventOf<T extends RunEventType, F extends Flow = Flow> = Stepped<
  Extract<RunEvent, { readonly type: T }>,
  StepName<StateOf<F>>
>;

type Stepped<E, S extends string> = E extends { readonly step: string }
  ? [S] extends [never]
    ? E
    : Omit<E, "step"> & { readonly step: S }
  : E;

export interface Hearing<T extends RunEventType, F extends Flow> {
  /** Which events; all if left out. */
  readonly events?: readonly T[];
  /** Of runs of these flows only. */
  readonly flows?: readonly F[];
}

export interface ListenerDefinition<T extends RunEventType, F extends Flow> extends Hearing<T, F> {
  /** Called with one event after the other, in the order of each run; at least once each, so `event.id` says which. */
  readonly run: (event: EventOf<T, F>) => Awaitable<unknown>;
}

/** Defines who hears events where the app works, from its first day on, through restarts. Throws UsageError for what cannot be meant. */
export function listener<
  const N extends string,
  T extends RunEventType = RunEventType,
  F extends Flow = Flow,
>(name: N, definition: ListenerDefinition<T, F>): Listener<N> {
  const what = `listener "${named(name, "name of a listener")}"`;
  return { kind: "listener", name, ...hearer(definition, definition.run, what) };
}

type Wanted = {
  readonly events?: readonly RunEventType[] | undefined;
  readonly flows?: readonly Flow[] | undefined;
};

/** The same of somebody without a name. */
export function hearer<T extends RunEventType, F extends Flow>(
  wanted: Wanted,
  run: (event: EventOf<T, F>) => unknown,
  what: string,
): Pick<Listener, "heard" | "run"> {
  callable(run, `run of ${what}`);
  return {
    heard: heardBy(wanted, what),
    run: (event) => run(event as unknown as EventOf<T, F>), // oxlint-disable-line typescript/no-unsafe-type-assertion -- it hears events of these types and flows only
  };
}

/** Throws UsageError where an event or flow is named that there cannot be. */
export function heardBy({ events, flows }: Wanted, what: string): Heard {
  for (const type of events ?? [])
    if (!isRunEventType(type))
      throw new UsageError(
        `events of ${what} must be among ${runEventTypes.map((one) => `"${one}"`).join(", ")}, got ${shown(type)}`,
      );
  for (const flow of flows ?? [])
    if (flow?.kind !== "flow")
      throw new UsageError(`flows of ${what} must be flows, got ${shown(flow)}`);
  return {
    types: events === undefined ? undefined : new Set(events),
    flows: flows === undefined ? undefined : new Set(flows.map(({ name }) => name)),
  };
}

export function hears(
  { types, flows }: Heard,
  { type, flow }: Pick<RunEvent, "type" | "flow">,
): boolean {
  return types?.has(type) !== false && flows?.has(flow) !== false;
}
