/** What people and programs are told of runs: the managers' own events, with an id for each that never changes. */
import { assert } from "../errors.ts";
import {
  decode,
  isRunEventType,
  runEventTypes,
  typeIn,
  type Entry,
  type OutputEvent,
  type Written,
} from "./event.ts";
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

/** The names of what is told of runs. */
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

/**
 * The event that a record of the log is, as far as its first letters say: it is read when the first one wants it, and once for all
 * who do.
 */
export type Headline = {
  readonly type: RunEventType;
  readonly offset: number;
  readonly at: number;
  /** Until it has been read. */
  text: string;
  told: Told | undefined;
  /** Once somebody was told of it. */
  id: string | undefined;
};

/** Ours, since a part of a record would keep the whole of it in memory. */
const types: ReadonlyMap<string, RunEventType> = new Map(runEventTypes.map((type) => [type, type]));

/** What folds made may be large, and is not kept: such a record is read at once. */
const longest = 4_096;

/** Undefined where the record is not of a run's event. */
export function headlineIn(entry: Entry): Headline | undefined {
  const type = types.get(typeIn(entry));
  if (type === undefined) return undefined;
  const { offset, at, text } = entry;
  const headline: Headline = { type, offset, at, text, told: undefined, id: undefined };
  if (text.length > longest) toldOf(headline);
  return headline;
}

/**
 * The same of what a manager of this process has written there: it need not be read. Parts of it, such as tags, are the manager's
 * own state, so they are copied: whoever is told could change them.
 */
export function headlineOf(event: Written, offset: number, at: number): Headline | undefined {
  if (!isOfRun(event)) return undefined;
  const { type } = event;
  const said = toldAt(event, offset, at);
  const told = hasParts(said) ? structuredClone(said) : said;
  return { type, offset, at, text: "", told, id: undefined };
}

/** What it says. Throws CorruptError where the rest of its record is not an event. */
export function toldOf(headline: Headline): Told {
  headline.told ??= read(headline);
  return headline.told;
}

/** The same as people and programs are told of it, each of whom has it for himself. */
export function wholeOf(headline: Headline, partition: number, about: AboutRun): RunEvent {
  const told = toldOf(headline);
  headline.id ??= idOf(told, partition);
  const { flow, customer, tags } = about;
  const whole = { ...withoutCounted(told), id: headline.id, partition, flow };
  if (customer !== undefined) Object.assign(whole, { customer });
  if (tags !== undefined) Object.assign(whole, { tags });
  return whole;
}

function read(headline: Headline): Told {
  const event = decode(headline);
  assert(isOfRun(event), `the record at offset ${headline.offset} is what it begins as`);
  headline.text = "";
  return toldAt(event, headline.offset, headline.at);
}

function isOfRun(event: { readonly type: string }): event is OutputEvent {
  return isRunEventType(event.type);
}

function toldAt(event: OutputEvent, offset: number, at: number): Told {
  if (event.type !== "fan-out.joined") return { ...event, offset, at };
  const { value: _, ...rest } = event;
  return { ...rest, offset, at };
}

/** Beside what is counted, which nobody is told. */
function hasParts(event: Told): boolean {
  return Object.entries(event).some(([key, part]) => typeof part === "object" && key !== "counted");
}

function withoutCounted(event: Told): WithoutCounted<Told> {
  if (event.type !== "step.ended" && event.type !== "run.ended") return event;
  const { counted: _, ...rest } = event;
  return rest;
}

/** Where the event stands says which it is; when, and of which run, keep two logs apart that tell the same listener. */
function idOf({ run, type, at, offset }: Told, partition: number): string {
  const { h1, h2 } = hashOf(`${run}\0${type}\0${at}`);
  const bits = (BigInt(h1) << 32n) | BigInt(h2); // Five times as fast as two numbers.
  return `evt_${partition}_${offset}_${bits.toString(16).padStart(16, "0")}`;
}
