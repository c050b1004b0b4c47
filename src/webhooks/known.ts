/** What a courier knows between two ticks, as the store has it: keys of notices, not the notices, and how far each webhook is. */
import * as heaps from "../core/heap.ts";
import type { Heap } from "../core/heap.ts";
import { keys } from "../core/ids.ts";
import { limits } from "../core/limits.ts";
import { newNotice, type Answer, type Notice } from "../core/notice.ts";
import { hears } from "../define/listener.ts";
import type { Webhook } from "../define/webhook.ts";
import type { Engine } from "../ports/engine.ts";
import { checkpointOf } from "../roles/checkpoint.ts";
import { backlog, type Backlog } from "./backlog.ts";
import {
  gonePrefix,
  noticeKey,
  noticePrefix,
  offsetOf,
  pagePrefix,
  placePrefix,
  reader,
  readNotice,
  readPage,
  scanKept,
  webhookOf,
} from "./kept.ts";
import { newPlace, reached, type Place } from "./places.ts";

export type Known = {
  /** Of the log, before anything of this was read. */
  readonly past: string;
  /** As the store has it. */
  readonly kept: number;
  readonly read: number;
  readonly backlog: Backlog;
  readonly places: ReadonlyMap<string, Place>;
  /** Webhooks that may have room for another event. */
  readonly ready: Set<string>;
  /** Keys of notices, and names of webhooks that may take an event again. */
  readonly due: Heap<string>;
  /** By webhook, oldest first. */
  readonly waiting: Map<string, Set<string>>;
  readonly over: Map<string, Set<string>>;
  /** Webhooks that are told nothing, because they said that they are gone. */
  readonly gone: Set<string>;
};

/** What is being sent of one past of the log: in another one, other events stand under the same keys. */
export type UnderWay = {
  readonly past: string;
  /** Notices with an attempt under way or waiting for its turn; */
  readonly sending: Set<string>;
  /** of those, what has no notice in the store yet; */
  readonly fresh: Map<string, Notice>;
  /** and what came of those that are over and not kept yet. */
  readonly answered: Map<string, Answer>;
};

export function nothingUnderWay(past: string): UnderWay {
  return { past, sending: new Set(), fresh: new Map(), answered: new Map() };
}

export type Puts = (readonly [key: string, value: string | undefined])[];

export type Shelf = {
  readonly engine: Pick<Engine, "log" | "store">;
  readonly partition: number;
};

/** A webhook that is new is told from now on. */
export async function loadKnown(
  { engine, partition }: Shelf,
  webhooks: ReadonlyMap<string, Webhook>,
): Promise<Known> {
  const { store } = engine;
  const { past, kept: from } = await checkpointOf(engine, partition, reader);
  const kept = from ?? (await engine.log.end(partition));
  const scan = (prefix: string) => scanKept(store, partition, prefix);
  const gone = new Set((await scan(gonePrefix)).map(([key]) => webhookOf(key)));
  const stood = new Map((await scan(placePrefix)).map(([key, at]) => [webhookOf(key), Number(at)]));
  // Places of others stay: where versions of a program take turns, they go on from there.
  const puts = [...webhooks.keys()]
    .filter((name) => !stood.has(name) && !gone.has(name))
    .map((name) => [`${placePrefix}${name}`, `${kept}`] as const);
  if (from === undefined || puts.length > 0)
    await store.keep(partition, reader, { from, to: kept, past, puts });
  const pages = (await scan(pagePrefix)).map(([, value]) => readPage(value));
  const known: Known = {
    past,
    kept,
    read: kept,
    backlog: backlog(pages, (key) => valueOf({ engine, partition }, key)),
    places: new Map(
      [...webhooks].map(([name, webhook]) => [name, newPlace(webhook, stood.get(name) ?? kept)]),
    ),
    ready: new Set(webhooks.keys()),
    due: heaps.heap(),
    waiting: new Map(),
    over: new Map(),
    gone,
  };
  for (const [key, value] of await scan(noticePrefix)) remember(known, key, readNotice(value));
  return known;
}

async function valueOf({ engine, partition }: Shelf, key: string): Promise<string | undefined> {
  const [value] = await engine.store.load(partition, [keys.reader(reader, key)]);
  return typeof value === "string" ? value : undefined;
}

export async function loadNotice(shelf: Shelf, key: string): Promise<Notice | undefined> {
  const value = await valueOf(shelf, key);
  return value === undefined ? undefined : readNotice(value);
}

export function namesOf(notices: ReadonlyMap<string, Notice>): ReadonlySet<string> {
  return new Set([...notices.values()].map(({ webhook }) => webhook));
}

export function remember(
  { waiting, over, due }: Known,
  key: string,
  { state, at }: Pick<Notice, "state" | "at">,
): void {
  const [into, outOf] = state === "waiting" ? [waiting, over] : [over, waiting];
  const name = webhookOf(key);
  outOf.get(name)?.delete(key);
  const mine = into.get(name) ?? new Set();
  into.set(name, mine.add(key));
  if (state === "waiting") heaps.push(due, at, key);
}

/** Whether something came of this event, as the store has it. */
export function hasNotice({ waiting, over }: Known, key: string): boolean {
  const name = webhookOf(key);
  return waiting.get(name)?.has(key) === true || over.get(name)?.has(key) === true;
}

/** Of these webhooks the oldest of what is over, beyond what is kept; what it has not passed yet says that it need not be sent again. */
export function forgotten({ over, places }: Known, names: ReadonlySet<string>): readonly string[] {
  return [...names].flatMap((name) => {
    const mine = over.get(name) ?? new Set();
    const place = places.get(name);
    const passed = place === undefined ? Infinity : reached(place);
    const old = [...mine]
      .slice(0, Math.max(0, mine.size - limits.noticesKept))
      .filter((key) => offsetOf(key) < passed);
    for (const key of old) mine.delete(key);
    return old;
  });
}

/** What this webhook wants of the first page that it has not been through, up to so many: it is past them then. */
export async function takeFrom(
  known: Known,
  place: Place,
  atMost: number,
): Promise<readonly Notice[]> {
  const { name, heard } = place.webhook;
  const page = await known.backlog.pageFrom(place.next);
  if (page === undefined) {
    place.next = Math.max(place.next, known.read);
    return [];
  }
  const taken: Notice[] = [];
  for (const event of page.events) {
    if (taken.length >= atMost) break;
    if (event.offset < place.next) continue;
    place.next = event.offset + 1;
    if (!hears(heard, event)) continue;
    if (hasNotice(known, noticeKey(name, event.offset))) continue;
    taken.push(newNotice(name, event, page.at));
  }
  return taken;
}

/** The newest of all that waits for it on the pages, as many as are kept to be seen: it is past everything then. */
export async function takeAll(known: Known, place: Place): Promise<readonly Notice[]> {
  let all: readonly Notice[] = [];
  while (place.next < known.read)
    all = [...all, ...(await takeFrom(known, place, Infinity))].slice(-limits.noticesKept);
  return all;
}

export type Dropped = {
  readonly key: string;
  readonly last: number;
  readonly missed: readonly (readonly Notice[])[];
};

/** The oldest page goes. What webhooks miss by that, of those that had not been through it. */
export async function dropOldest(known: Known): Promise<Dropped | undefined> {
  const page = await known.backlog.pageFrom(0);
  const last = page?.events.at(-1);
  if (last === undefined) return undefined;
  const missed: (readonly Notice[])[] = [];
  for (const [name, place] of known.places)
    if (!known.gone.has(name) && place.next <= last.offset)
      missed.push(await takeFrom(known, place, Infinity));
  const [key = ""] = known.backlog.removeBefore(last.offset + 1);
  return { key, last: last.offset, missed };
}

/** Pages that all have been through. */
export function usedUp({ backlog: pages, places, gone, read }: Known): readonly string[] {
  let all = read;
  for (const [name, place] of places) if (!gone.has(name)) all = Math.min(all, reached(place));
  return pages.removeBefore(all);
}
