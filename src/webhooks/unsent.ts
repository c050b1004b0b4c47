/** What waits for webhooks that have not come to it: events on pages, which are notices as soon as somebody looks. */
import { newNotice, type Notice } from "../core/notice.ts";
import type { RunEvent } from "../core/run-event.ts";
import { hears } from "../define/listener.ts";
import type { Webhook } from "../define/webhook.ts";
import type { Store } from "../ports/store.ts";
import {
  offsetOf,
  pagePrefix,
  placePrefix,
  readPage,
  scanKept,
  webhookOf,
  type Page,
} from "./kept.ts";
import { wishesOf } from "./wishes.ts";

/** Of one partition. */
export type Unsent = {
  /** By webhook: from where on. */
  readonly places: ReadonlyMap<string, number>;
  readonly pages: readonly Page[];
};

/** To be asked before the notices themselves: what is sent meanwhile is seen twice then, which can be told, and not missed. */
export async function loadUnsent(store: Store, partition: number): Promise<Unsent> {
  const places = await scanKept(store, partition, placePrefix);
  const pages = await scanKept(store, partition, pagePrefix);
  return {
    places: new Map(places.map(([key, at]) => [webhookOf(key), Number(at)])),
    pages: pages.map(([, value]) => readPage(value)),
  };
}

/** By webhook: offsets of events that have a notice of their own. */
export function noticed(keys: readonly string[]): ReadonlyMap<string, ReadonlySet<number>> {
  const all = new Map<string, Set<number>>();
  for (const key of keys) {
    const name = webhookOf(key);
    all.set(name, (all.get(name) ?? new Set()).add(offsetOf(key)));
  }
  return all;
}

/** How many wait for each. */
export function countUnsent(
  { places, pages }: Unsent,
  webhooks: Iterable<Webhook>,
  sent: ReturnType<typeof noticed>,
): ReadonlyMap<string, number> {
  const events = pages.flatMap((page) => page.events);
  const counts = new Map<string, number>();
  for (const [wish, names] of wishesOf(webhooks)) {
    const offsets = events.filter((event) => hears(wish, event)).map(({ offset }) => offset);
    for (const name of names) {
      const from = places.get(name) ?? Infinity;
      const left = offsets.slice(offsets.findLastIndex((offset) => offset < from) + 1);
      const [first = Infinity] = left;
      const had = [...(sent.get(name) ?? [])].filter((offset) => offset >= first);
      counts.set(name, Math.max(0, left.length - had.length));
    }
  }
  return counts;
}

/** The newest, so many of them. */
export function unsentNotices(
  { places, pages }: Unsent,
  webhooks: readonly Webhook[],
  sent: ReturnType<typeof noticed>,
  isMeant: (event: RunEvent) => boolean,
  limit: number,
): readonly Notice[] {
  const found: Notice[] = [];
  for (const { at, events } of pages.toReversed())
    for (const event of events.toReversed().filter(isMeant))
      for (const { name, heard } of webhooks) {
        if (event.offset < (places.get(name) ?? Infinity) || !hears(heard, event)) continue;
        if (sent.get(name)?.has(event.offset) === true) continue;
        found.push(newNotice(name, event, at));
        if (found.length >= limit) return found;
      }
  return found;
}
