/** What a person sees of webhooks, and may ask for: from the store, so in any process, also beside the one that sends. */
import { redriven, type Notice, type NoticeState } from "../core/notice.ts";
import type { RunEvent } from "../core/run-event.ts";
import type { Webhook } from "../define/webhook.ts";
import { ConflictError, NotFoundError } from "../errors.ts";
import type { Clock } from "../ports/clock.ts";
import type { Engine } from "../ports/engine.ts";
import { checkpointOf } from "../roles/checkpoint.ts";
import {
  askedPrefix,
  gonePrefix,
  noticePrefix,
  reader,
  readNotice,
  scanKept,
  webhookOf,
} from "./kept.ts";
import { countUnsent, loadUnsent, noticed, unsentNotices } from "./unsent.ts";

/** How a webhook stands: whether it is told, and how many notices wait for it or failed. */
export type WebhookStatus = {
  readonly name: string;
  /** Without its query; undefined where no part of this program has the name. */
  readonly url: string | undefined;
  /** gone: it answered 410, and is told nothing until it is enabled. */
  readonly state: "active" | "gone";
  readonly waiting: number;
  /** Of those that are kept: the newest of each webhook. */
  readonly ok: number;
  readonly failed: number;
  readonly cancelled: number;
};

/** Which notices: the newest of all webhooks if nothing is said. */
export type NoticeQuery = {
  readonly webhook?: string;
  readonly states?: readonly NoticeState[];
  /** Of events of this run. */
  readonly run?: string;
  /** Default 50. */
  readonly limit?: number;
};

/** Which notices are sent again. */
export type WhichNotices = {
  readonly webhook: string;
  /** Of their events; all that failed or were cancelled if left out. */
  readonly ids?: readonly string[];
};

export type Requester = { readonly author?: string; readonly reason?: string };

/** What other programs have been told, and what they answered. */
export type Webhooks = {
  readonly list: () => Promise<readonly WebhookStatus[]>;
  /** The newest first. */
  readonly notices: (query?: NoticeQuery) => Promise<readonly Notice[]>;
  /** Sends again what failed or was cancelled, from the beginning, under the same ids; a webhook that is gone is enabled. */
  readonly redrive: (which: WhichNotices, by?: Requester) => Promise<{ readonly matched: number }>;
  /** Tells a webhook that answered 410 again, from now on. */
  readonly enable: (name: string) => Promise<void>;
};

/** Somebody else kept something at the same moment: so often it is tried again. */
const tries = 20;

type Place = { readonly engine: Engine; readonly clock: Clock };

export function webhookLedger(
  place: () => Promise<Place>,
  parts: ReadonlyMap<string, Webhook>,
  request: () => string,
): Webhooks {
  async function everywhere<T>(look: (place: Place, partition: number) => Promise<readonly T[]>) {
    const at = await place();
    const all: T[] = [];
    for (let partition = 0; partition < at.engine.partitions; partition += 1)
      all.push(...(await look(at, partition)));
    return all;
  }

  const noticesIn = async ({ engine }: Place, partition: number, prefix = noticePrefix) =>
    (await scanKept(engine.store, partition, prefix)).map(
      ([key, value]) => [key, readNotice(value)] as const,
    );

  /** Puts back what is asked for, and leaves word for the courier. */
  async function ask(
    { engine, clock }: Place,
    partition: number,
    which: WhichNotices,
    by: Requester,
  ): Promise<number> {
    for (let left = tries; ; left -= 1) {
      const { past, kept } = await checkpointOf(engine, partition, reader);
      if (kept === undefined) return 0;
      const all = await noticesIn({ engine, clock }, partition, `${noticePrefix}${which.webhook}/`);
      const wanted = all.filter(
        ([, { state, event }]) =>
          (state === "failed" || state === "cancelled") && which.ids?.includes(event.id) !== false,
      );
      const now = Math.round(clock.now());
      const asked = { notices: wanted.map(([key]) => key), enabled: [which.webhook] };
      try {
        await engine.store.keep(partition, reader, {
          from: kept,
          to: kept,
          past,
          puts: [
            ...wanted.map(
              ([key, notice]) => [key, JSON.stringify(redriven(notice, now, by))] as const,
            ),
            [`${gonePrefix}${which.webhook}`, undefined],
            [`${askedPrefix}${request()}`, JSON.stringify(asked)],
          ],
        });
        return wanted.length;
      } catch (error) {
        if (!(error instanceof ConflictError) || left <= 1) throw error;
      }
    }
  }

  function check(name: string): void {
    if (parts.has(name)) return;
    const known = [...parts.keys()].map((one) => `"${one}"`).join(", ");
    throw new NotFoundError(
      `there is no webhook "${name}": this app has ${known === "" ? "none" : known}`,
    );
  }

  return {
    async list() {
      const gone = await everywhere(async ({ engine }, partition) =>
        (await scanKept(engine.store, partition, gonePrefix)).map(([key]) => webhookOf(key)),
      );
      const counts = new Map<string, Record<NoticeState, number>>();
      const add = (name: string, state: NoticeState, more: number): void => {
        const mine = counts.get(name) ?? { waiting: 0, ok: 0, failed: 0, cancelled: 0 };
        counts.set(name, { ...mine, [state]: mine[state] + more });
      };
      for (const name of [...parts.keys(), ...gone]) add(name, "waiting", 0);
      await everywhere(async (at, partition) => {
        const unsent = await loadUnsent(at.engine.store, partition);
        const all = await noticesIn(at, partition);
        for (const [key, { state }] of all) add(webhookOf(key), state, 1);
        const sent = noticed(all.map(([key]) => key));
        for (const [name, count] of countUnsent(unsent, parts.values(), sent))
          add(name, "waiting", count);
        return [];
      });
      return [...counts].map(([name, states]) => ({
        name,
        url: parts.get(name)?.url.replace(/[?#].*$/s, ""),
        state: gone.includes(name) ? "gone" : "active",
        ...states,
      }));
    },
    async notices({ webhook, states, run, limit = 50 } = {}) {
      const prefix = webhook === undefined ? noticePrefix : `${noticePrefix}${webhook}/`;
      const meant = [...parts.values()].filter(({ name }) => name === (webhook ?? name));
      const isMeant = ({ run: of }: RunEvent): boolean => of === (run ?? of);
      const all = await everywhere(async (at, partition) => {
        const unsent = await loadUnsent(at.engine.store, partition);
        const kept = await noticesIn(at, partition, prefix);
        const found = kept
          .map(([, notice]) => notice)
          .filter(({ state, event }) => states?.includes(state) !== false && isMeant(event));
        if (states?.includes("waiting") === false) return found;
        const sent = noticed(kept.map(([key]) => key));
        return [...found, ...unsentNotices(unsent, meant, sent, isMeant, limit)];
      });
      return all
        .toSorted(
          (left, right) => right.event.at - left.event.at || right.event.offset - left.event.offset,
        )
        .slice(0, limit);
    },
    async redrive(which, by = {}) {
      check(which.webhook);
      const counts = await everywhere(async (at, partition) => [
        await ask(at, partition, which, by),
      ]);
      return { matched: counts.reduce((sum, count) => sum + count, 0) };
    },
    async enable(name) {
      check(name);
      await everywhere(async (at, partition) => [
        await ask(at, partition, { webhook: name, ids: [] }, {}),
      ]);
    },
  };
}
