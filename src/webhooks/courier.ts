/**
 * Sends events to webhooks: puts a notice for each event that one wants to hear, tries it until it is heard, keeps what came of it.
 *
 * One role per partition, beside the manager and never in its way. All that it keeps is a reader's (Store.keep), so it goes on
 * where it was. First a notice is durable, then it is sent, then its answer is durable: a crash in between sends it once more,
 * under the same id. Requests are under way while the role does other things; their number is bounded (slots.ts).
 */
import * as heaps from "../core/heap.ts";
import type { Heap } from "../core/heap.ts";
import { keys } from "../core/ids.ts";
import { limits } from "../core/limits.ts";
import {
  attempted,
  cancelled,
  isGone,
  isOk,
  newNotice,
  type Answer,
  type Notice,
} from "../core/notice.ts";
import { toldOf, wholeOf, type Headline, type RunEventType } from "../core/run-event.ts";
import { hears } from "../define/listener.ts";
import type { Webhook } from "../define/webhook.ts";
import type { Clock } from "../ports/clock.ts";
import type { Engine } from "../ports/engine.ts";
import type { About } from "../roles/about.ts";
import { readingOn, type News } from "../roles/news.ts";
import type { Role } from "../roles/role.ts";
import {
  askedPrefix,
  gonePrefix,
  noticeKey,
  noticePrefix,
  readAsked,
  reader,
  readNotice,
  scanKept,
  webhookOf,
} from "./kept.ts";
import type { Post } from "./post.ts";
import { cloudEvent, signed } from "./request.ts";
import type { Slots } from "./slots.ts";

export type CourierOptions = {
  /** The app's name. */
  readonly app: string;
  readonly engine: Pick<Engine, "log" | "store">;
  readonly clock: Clock;
  readonly news: News;
  readonly about: About;
  readonly partition: number;
  readonly webhooks: ReadonlyMap<string, Webhook>;
  readonly post: Post;
  /** Shared by the couriers of a process. */
  readonly slots: Slots;
  /** Whether this process is to send: where several could, one should. */
  readonly mayTell: () => boolean;
  /** Hears what a person should look at. */
  readonly onTrouble: (what: string) => void;
};

export type Courier = Role & {
  /** Resolves when it stands: what is committed from then on is sent. */
  readonly begin: () => Promise<void>;
  /** Cuts what is under way, and wants no wake-up any more. */
  readonly end: () => void;
};

/** What a courier knows between two ticks: keys of notices, not the notices. */
type Known = {
  /** As the store has it. */
  readonly kept: number;
  readonly read: number;
  readonly due: Heap<string>;
  /** By webhook, oldest first. */
  readonly waiting: Map<string, Set<string>>;
  readonly over: Map<string, Set<string>>;
  /** Webhooks that are told nothing, because they said that they are gone. */
  readonly gone: Set<string>;
};

type Puts = (readonly [key: string, value: string | undefined])[];

/** What others asked for is looked for this often. */
const lookMs = 1_000;
/** Records without an event for a webhook, before the checkpoint is written all the same. */
const unkeptAtMost = 1_000;
/** New notices in one keep: it is one transaction, which others may wait for. */
const noticesPerKeep = 200;
/** After a keep of so many, it rests for several times as long as it took: sub-jobs want the processor, too. */
const manyPuts = 50;
const restsFor = 20;
/** A keep may be slow because the store is, which is no reason to let events wait (seeds 1012, 2413). */
const restsAtMostMs = 5_000;
const becauseGone = "the webhook answered 410: it is gone";

export function courier(options: CourierOptions): Courier {
  const { engine, clock, news, about, partition, webhooks, post, slots, onTrouble } = options;
  const { store } = engine;
  const eventsAtOnce = Math.max(1, Math.floor(noticesPerKeep / Math.max(1, webhooks.size)));
  let readOn = readingOn(news, partition);
  const stop = new AbortController();
  let known: Known | undefined;
  /** Notices with an attempt under way or waiting for its turn; and what came of those that are over and not kept yet. */
  const sending = new Set<string>();
  const answered = new Map<string, Answer>();
  let isStale = false;
  let restUntil = 0;
  let lookAt = 0;
  let wake: () => void = () => undefined;
  let forget: () => void = () => undefined;

  async function begin(): Promise<void> {
    known ??= await loaded();
  }

  async function loaded(): Promise<Known> {
    readOn = readingOn(news, partition); // What was read ahead may be another's past.
    const [stored] = await store.load(partition, [keys.reader(reader)]);
    const kept = stored === undefined ? await engine.log.end(partition) : Number(stored);
    if (stored === undefined)
      await store.keep(partition, reader, { from: undefined, to: kept, puts: [] });
    const names = await scanKept(store, partition, gonePrefix);
    const gone = new Set(names.map(([key]) => webhookOf(key)));
    const all: Known = {
      kept,
      read: kept,
      due: heaps.heap(),
      waiting: new Map(),
      over: new Map(),
      gone,
    };
    for (const [key, value] of await scanKept(store, partition, noticePrefix))
      remember(all, key, readNotice(value));
    return all;
  }

  async function load(key: string): Promise<Notice | undefined> {
    const [value] = await store.load(partition, [keys.reader(reader, key)]);
    return typeof value === "string" ? readNotice(value) : undefined;
  }

  const now = (): number => Math.round(clock.now());

  // ---- what changes

  function isWanted(type: RunEventType): boolean {
    return [...webhooks.values()].some(({ heard }) => heard.types?.has(type) !== false);
  }

  /** A notice for each webhook that wants to hear one of these. */
  async function noticesOf(events: readonly Headline[], gone: ReadonlySet<string>) {
    const notices = new Map<string, Notice>();
    for (const event of events) {
      if (!isWanted(event.type)) continue;
      const known = about(toldOf(event));
      const whole = wholeOf(event, partition, known instanceof Promise ? await known : known);
      for (const { name, heard } of webhooks.values())
        if (!gone.has(name) && hears(heard, whole))
          notices.set(noticeKey(name, event.offset), newNotice(name, whole, now()));
    }
    return notices;
  }

  /** The oldest of those that wait beyond the limit are given up. */
  async function givenUp(changed: ReadonlyMap<string, Notice>, { waiting }: Known) {
    const over = new Map<string, Notice>();
    const added = new Map<string, number>();
    for (const { webhook } of changed.values()) added.set(webhook, (added.get(webhook) ?? 0) + 1);
    for (const [name, more] of added) {
      const mine = waiting.get(name) ?? new Set<string>();
      const many = Math.max(0, mine.size + more - limits.noticesWaiting);
      for (const key of [...mine].slice(0, many)) {
        const notice = sending.has(key) ? undefined : await load(key);
        if (notice === undefined) continue;
        const because = `more than ${limits.noticesWaiting} wait for this webhook`;
        over.set(key, { ...notice, state: "failed", at: now(), because });
      }
    }
    return over;
  }

  /** What the answers make of their notices; `puts` gets what becomes of their webhooks. */
  async function settled(done: ReadonlyMap<string, Answer>, gone: Set<string>, puts: Puts) {
    const changed = new Map<string, Notice>();
    for (const [key, answer] of done) {
      const notice = await load(key);
      if (notice === undefined) continue;
      const { webhook: name, event } = notice;
      const webhook = webhooks.get(name);
      if (isGone(answer) && !gone.has(name)) {
        gone.add(name);
        puts.push([`${gonePrefix}${name}`, JSON.stringify({ at: answer.at })]);
        onTrouble(`webhook "${name}" answered 410: it is told nothing until it is enabled`);
      }
      const after =
        webhook === undefined
          ? cancelled(notice, "there is no such webhook any more", answer.at)
          : isTried(answer)
            ? attempted(notice, answer, webhook.giveUpMs)
            : cancelled(notice, becauseGone, answer.at);
      if (after.state === "failed")
        onTrouble(`webhook "${name}" did not hear ${event.id}: ${after.because ?? ""}`);
      changed.set(key, after);
    }
    return changed;
  }

  // ---- sending

  /** Asks for a turn for everything that is due. */
  function sendDue({ due, waiting, gone }: Known): void {
    for (
      let next = heaps.peek(due);
      next !== undefined && next.at <= clock.now();
      next = heaps.peek(due)
    ) {
      heaps.pop(due);
      const key = next.value;
      const name = webhookOf(key);
      if (waiting.get(name)?.has(key) !== true || sending.has(key)) continue;
      sending.add(key);
      const webhook = webhooks.get(name);
      if (webhook === undefined || gone.has(name)) answered.set(key, { at: now(), ms: 0 });
      else slots.ask(name, () => attempt(key, webhook));
    }
  }

  async function attempt(key: string, webhook: Webhook): Promise<boolean> {
    const answer = await sent(key, webhook).catch(() => undefined);
    if (answer === undefined) {
      // The store did not answer, or it is gone: all is read again.
      sending.delete(key);
      isStale = true;
    } else answered.set(key, answer);
    wake();
    return answer !== undefined && isOk(answer);
  }

  async function sent(key: string, webhook: Webhook): Promise<Answer | undefined> {
    const notice = stop.signal.aborted ? undefined : await load(key);
    if (notice === undefined) return undefined;
    const { event } = notice;
    const out = signed(event.id, cloudEvent(event, options.app), clock.now(), webhook.secrets);
    const answer = await post(webhook, out, stop.signal);
    return stop.signal.aborted ? undefined : answer;
  }

  // ---- a tick

  async function keep(from: Known, read: number, puts: Puts): Promise<Known> {
    await store.keep(partition, reader, { from: from.kept, to: read, puts });
    return { ...from, kept: read, read };
  }

  /** What somebody asked for since: notices that were put back, webhooks that are wanted again. */
  async function obey(at: Known): Promise<Known> {
    if (clock.now() < lookAt) return at;
    lookAt = clock.now() + lookMs;
    const asked = await scanKept(store, partition, askedPrefix);
    if (asked.length === 0) return at;
    for (const { notices, enabled } of asked.map(([, value]) => readAsked(value))) {
      for (const name of enabled) at.gone.delete(name);
      for (const key of notices) {
        const notice = await load(key);
        if (notice !== undefined) remember(at, key, notice);
      }
    }
    return keep(
      at,
      at.read,
      asked.map(([key]) => [key, undefined] as const),
    );
  }

  return {
    name: `courier ${partition}`,
    hints: [],
    onWake(ask) {
      wake = ask;
      forget = news.onNews((of) => {
        if (of === partition) ask();
      });
    },
    wakeAt: () =>
      Math.max(
        Math.min(lookAt, (known && heaps.peek(known.due))?.at ?? Infinity),
        restUntil,
        clock.now() + 1,
      ),
    begin,
    end() {
      forget();
      stop.abort(reader);
    },
    async tick() {
      const began = clock.now();
      if (began < restUntil) return 0;
      if (!options.mayTell()) {
        isStale = true;
        lookAt = clock.now() + lookMs;
        return 0;
      }
      const before = known === undefined || isStale ? await loaded() : known;
      isStale = false;
      known = undefined; // If anything below throws, the store is asked again.
      const at = await obey(before);
      const { events, next: read } = await readOn(at.read, eventsAtOnce);
      const puts: Puts = [];
      const done = new Map(answered);
      const changed = await settled(done, at.gone, puts);
      for (const [key, notice] of await noticesOf(events, at.gone)) changed.set(key, notice);
      for (const [key, notice] of await givenUp(changed, at)) changed.set(key, notice);
      for (const [key, notice] of changed) puts.push([key, JSON.stringify(notice)]);
      const isDue = puts.length > 0 || read - at.kept > unkeptAtMost;
      for (const [key, notice] of changed) remember(at, key, notice);
      for (const key of forgotten(at)) puts.push([key, undefined]);
      const after = isDue ? await keep(at, read, puts) : { ...at, read };
      for (const key of done.keys()) {
        answered.delete(key);
        sending.delete(key);
      }
      sendDue(after);
      known = after;
      if (puts.length >= manyPuts) {
        restUntil = clock.now() + Math.min((clock.now() - began) * restsFor, restsAtMostMs);
        lookAt = Math.min(lookAt, restUntil);
        if (restUntil > clock.now()) return 0;
      }
      return changed.size > 0 || read > at.read ? 1 : 0;
    },
  };
}

/** False: nothing was sent, because its webhook is gone. */
function isTried({ status, error }: Answer): boolean {
  return status !== undefined || error !== undefined;
}

function remember({ waiting, over, due }: Known, key: string, { state, at }: Notice): void {
  const [into, outOf] = state === "waiting" ? [waiting, over] : [over, waiting];
  const name = webhookOf(key);
  outOf.get(name)?.delete(key);
  const mine = into.get(name) ?? new Set();
  into.set(name, mine.add(key));
  if (state === "waiting") heaps.push(due, at, key);
}

/** The oldest of what is over, beyond what is kept. */
function forgotten({ over }: Known): readonly string[] {
  return [...over.values()].flatMap((mine) => {
    const old = [...mine].slice(0, Math.max(0, mine.size - limits.noticesKept));
    for (const key of old) mine.delete(key);
    return old;
  });
}
