/** What people and programs are told of runs: the managers' own events, with an id for each that never changes. */
import { decode, isRunEventType, type Entry, type OutputEvent } from "./event.ts";
import { hashOf } from "./hash.ts";

/** The event as it stands on the log, without what folds made: that may be large, and who is told may ask for it. */
export type Told = WithoutValue<OutputEvent> & { readonly offset: number; readonly at: number };

type WithoutValue<E> = E extends { readonly type: "fan-out.joined" } ? Omit<E, "value"> : E;
/** What statistics are made of is no news. */
type WithoutCounted<E> = E extends { readonly counted?: unknown } ? Omit<E, "counted"> : E;

/** Which run it is about: what its events do not repeat. */
export type AboutRun = {
  readonly flow: string;
  readonly customer?: string;
  readonly tags?: Readonly<Record<string, string>>;
};

export type RunEventType = OutputEvent["type"];

/** An event of a run. It may be told more than once, always with this `id`; of one run, in the order of `offset`. */
export type RunEvent = WithoutCounted<WithoutValue<OutputEvent>> &
  AboutRun & {
    readonly id: string;
    /** Epoch ms, the log's. */
    readonly at: number;
    readonly partition: number;
    readonly offset: number;
  };

/** Every record of ours begins so. Most are outcomes of sub-jobs, which are not even parsed. */
const beginning = '{"type":"';

/** The event that a record of the log is, if it is one of a run. */
export function toldIn({ offset, at, text }: Entry): Told | undefined {
  const type = text.slice(beginning.length, text.indexOf('"', beginning.length));
  if (!isRunEventType(type)) return undefined;
  const event = decode({ offset, at, text });
  return isTold(event) ? withoutValue(event) : undefined;
}

function isTold(event: { readonly type: string }): event is OutputEvent & Told {
  return isRunEventType(event.type);
}

function withoutValue(event: OutputEvent & Told): Told {
  if (event.type !== "fan-out.joined") return event;
  const { value: _, ...rest } = event;
  return rest;
}

function withoutCounted(event: Told): WithoutCounted<Told> {
  if (event.type !== "step.ended" && event.type !== "run.ended") return event;
  const { counted: _, ...rest } = event;
  return rest;
}

export function runEvent(event: Told, partition: number, about: AboutRun): RunEvent {
  const { flow, customer, tags } = about;
  return {
    ...withoutCounted(event),
    id: idOf(event, partition),
    partition,
    flow,
    ...(customer === undefined ? {} : { customer }),
    ...(tags === undefined ? {} : { tags }),
  };
}

/** Where the event stands says which it is; when, and of which run, keep two logs apart that tell the same listener. */
function idOf({ run, type, at, offset }: Told, partition: number): string {
  const { h1, h2 } = hashOf(`${run}\0${type}\0${at}`);
  const hex = (n: number): string => n.toString(16).padStart(8, "0");
  return `evt_${partition}_${offset}_${hex(h1)}${hex(h2)}`;
}
