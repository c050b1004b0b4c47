/** Under which keys the courier keeps what it has to do and what came of it. */
import { keys } from "../core/ids.ts";
import type { Notice } from "../core/notice.ts";
import type { RunEvent } from "../core/run-event.ts";
import type { Store } from "../ports/store.ts";
import { scanAll } from "../roles/loading.ts";

/** Its name as a reader of the log. */
export const reader = "webhooks";

export const noticePrefix = "notice/";
/** Before events that somebody is still to be told of: on pages, for all webhooks together. */
export const pagePrefix = "page/";
/** Before how far each webhook is: what stands before is over for it, or has a notice of its own. Without one, it is told from now on. */
export const placePrefix = "place/";
/** Before what somebody asked for and the courier has not seen. */
export const askedPrefix = "asked/";
/** Before the names of webhooks that are told nothing. */
export const gonePrefix = "gone/";

/** In the order of events. */
export function noticeKey(webhook: string, offset: number): string {
  return `${noticePrefix}${webhook}/${padded(offset)}`;
}

function padded(offset: number): string {
  return String(offset).padStart(16, "0");
}

/** The offset in the key of a notice. */
export function offsetOf(key: string): number {
  return Number(key.slice(key.lastIndexOf("/") + 1));
}

/** `at`: when it was written, epoch ms. The events are in order, one at least. */
export type Page = { readonly at: number; readonly events: readonly RunEvent[] };

export function pageKey(from: number): string {
  return `${pagePrefix}${padded(from)}`;
}

export function readPage(value: string): Page {
  return JSON.parse(value) as Page; // oxlint-disable-line typescript/no-unsafe-type-assertion -- we wrote it ourselves, in backlog.ts
}

/** The name in a key of any of these. */
export function webhookOf(key: string): string {
  return key.split("/")[1] ?? "";
}

/** What a person asked the courier for, by keys of notices and names of webhooks. */
export type Asked = { readonly notices: readonly string[]; readonly enabled: readonly string[] };

export function readNotice(value: string): Notice {
  return JSON.parse(value) as Notice; // oxlint-disable-line typescript/no-unsafe-type-assertion -- we wrote it ourselves, in courier.ts or ledger.ts
}

export function readAsked(value: string): Asked {
  return JSON.parse(value) as Asked; // oxlint-disable-line typescript/no-unsafe-type-assertion -- we wrote it ourselves, in ledger.ts
}

/** All that is kept under a prefix; keys as they were given to keep. */
export async function scanKept(
  store: Store,
  partition: number,
  prefix: string,
): Promise<readonly (readonly [key: string, value: string])[]> {
  const own = keys.reader(reader, "").length;
  const all = await scanAll(store, partition, keys.reader(reader, prefix));
  return all.map(([key, value]) => [key.slice(own), String(value)] as const);
}
