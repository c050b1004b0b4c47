/**
 * Sends events to webhooks: writes them down once for all (backlog.ts), lets each webhook take the next when it can (places.ts),
 * tries it until it is heard, and keeps a notice of what came of it.
 *
 * One role per partition, beside the manager and never in its way. All that it keeps is a reader's (Store.keep), so it goes on
 * where it was. First an event is durable, then it is sent, then its answer is durable: a crash in between sends it once more,
 * under the same id. Requests are under way while the role does other things; their number is bounded (slots.ts).
 */
import * as heaps from "../core/heap.ts";
import { limits } from "../core/limits.ts";
import {
  attempted,
  cancelled,
  isGone,
  isOk,
  isTried,
  type Answer,
  type Notice,
} from "../core/notice.ts";
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
  placePrefix,
  readAsked,
  reader,
  scanKept,
  webhookOf,
} from "./kept.ts";
import {
  dropOldest,
  forgotten,
  hasNotice,
  loadKnown,
  loadNotice,
  namesOf,
  nothingUnderWay,
  remember,
  takeAll,
  takeFrom,
  usedUp,
  type Known,
  type Puts,
  type UnderWay,
} from "./known.ts";
import { answeredWith, reached, roomOf } from "./places.ts";
import type { Post } from "./post.ts";
import { cloudEvent, signed } from "./request.ts";
import type { Slots } from "./slots.ts";
import { wantedOf, wishesOf } from "./wishes.ts";

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

/** What others asked for is looked for this often. */
const lookMs = 1_000;
/** Records without an event for a webhook, before the checkpoint is written all the same. */
const unkeptAtMost = 1_000;
/** Events written down at once. */
const eventsAtOnce = 200;
/** After a keep it rests so long, so that what is answered meanwhile is one transaction; */
const restMs = 10;
/** and so much longer for each event that it wrote down, and for each answer: sub-jobs want the processor, too, all but 2 to 4 % of it. */
const restPerEventMs = 0.25;
const restPerAnswerMs = 2.5;
const becauseGone = "the webhook answered 410: it is gone";

export function courier(options: CourierOptions): Courier {
  const { engine, clock, news, about, partition, webhooks, post, slots, onTrouble } = options;
  const { store } = engine;
  const wishes = wishesOf(webhooks.values()).map(([heard]) => heard);
  let readOn = readingOn(news, partition);
  const stop = new AbortController();
  let known: Known | undefined;
  let underWay = nothingUnderWay("");
  let isStale = false;
  /** There was more to read than it read at once. */
  let isBehind = false;
  let restUntil = 0;
  let lookAt = 0;
  let wake: () => void = () => undefined;
  let forget: () => void = () => undefined;

  async function begin(): Promise<void> {
    known ??= await loaded();
  }

  async function loaded(): Promise<Known> {
    readOn = readingOn(news, partition); // What was read ahead may be another's past.
    const all = await loadKnown(options, webhooks);
    if (all.past !== underWay.past) underWay = nothingUnderWay(all.past);
    // Another process may have sent what this one thinks of as new.
    const { fresh } = underWay;
    for (const key of fresh.keys()) if (hasNotice(all, key)) fresh.delete(key);
    return all;
  }

  const load = (key: string): Promise<Notice | undefined> => loadNotice(options, key);

  const now = (): number => Math.round(clock.now());

  // ---- what changes

  /** Writes down what is new: at once if somebody waits for it, else now and then. */
  async function readNext(at: Known, isLook: boolean, puts: Puts): Promise<Known> {
    if (!isLook && !isBehind && at.ready.size === 0) return at;
    const { events, next } = await readOn(at.read, eventsAtOnce, at.past);
    isBehind = events.length >= eventsAtOnce;
    const hearing = at.gone.size < webhooks.size ? wishes : [];
    const whole = await wantedOf(events, hearing, about, partition);
    if (whole.length > 0) puts.push(at.backlog.add({ at: now(), events: whole }));
    return { ...at, read: next };
  }

  /** What the answers make of their notices; `puts` gets what becomes of their webhooks. */
  async function settled(done: ReadonlyMap<string, Answer>, at: Known, puts: Puts) {
    const changed = new Map<string, Notice>();
    for (const [key, answer] of done) {
      const notice = underWay.fresh.get(key) ?? (await load(key));
      if (notice === undefined) continue;
      const { webhook: name, event } = notice;
      const webhook = webhooks.get(name);
      if (isGone(answer) && !at.gone.has(name)) await goes(name, answer, at, changed, puts);
      const after =
        webhook === undefined
          ? cancelled(notice, "there is no such webhook any more", answer.at)
          : isTried(answer)
            ? attempted(notice, answer, webhook.giveUpMs)
            : cancelled(notice, becauseGone, answer.at);
      if (after.state === "failed")
        onTrouble(`webhook "${name}" did not hear ${event.id}: ${after.because ?? ""}`);
      changed.set(key, after);
      moveOn(at, name, event.offset, answer);
    }
    for (const name of namesOf(changed)) {
      const place = at.places.get(name);
      if (place === undefined || at.gone.has(name) || place.kept === reached(place)) continue;
      place.kept = reached(place);
      puts.push([`${placePrefix}${name}`, `${place.kept}`]);
    }
    return changed;
  }

  /** It answered 410: what waits for it on the pages is cancelled, as far as that is kept to be seen. */
  async function goes(
    name: string,
    answer: Answer,
    at: Known,
    changed: Map<string, Notice>,
    puts: Puts,
  ): Promise<void> {
    at.gone.add(name);
    puts.push([`${gonePrefix}${name}`, JSON.stringify({ at: answer.at })]);
    puts.push([`${placePrefix}${name}`, undefined]);
    onTrouble(`webhook "${name}" answered 410: it is told nothing until it is enabled`);
    const place = at.places.get(name);
    for (const notice of place === undefined ? [] : await takeAll(at, place))
      changed.set(noticeKey(name, notice.event.offset), cancelled(notice, becauseGone, answer.at));
  }

  /** One event of this webhook is over, or has a notice of its own. */
  function moveOn(
    { places, ready, due }: Known,
    name: string,
    offset: number,
    answer: Answer,
  ): void {
    const place = places.get(name);
    if (place === undefined) return;
    place.open.delete(offset);
    if (isTried(answer)) answeredWith(place, isOk(answer), clock.now());
    if (place.notBefore > clock.now()) heaps.push(due, place.notBefore, name);
    else ready.add(name);
  }

  /** The oldest of those that wait beyond the limit are given up. */
  async function givenUp(changed: ReadonlyMap<string, Notice>, at: Known, puts: Puts) {
    const more = new Map<string, Notice>();
    const because = `more than ${limits.noticesWaiting} wait for this webhook`;
    const fail = (notice: Notice, why: string): void => {
      const key = noticeKey(notice.webhook, notice.event.offset);
      more.set(key, { ...notice, state: "failed", at: now(), because: why });
    };
    for (const name of namesOf(changed)) {
      const mine = at.waiting.get(name) ?? new Set<string>();
      const many = Math.max(0, mine.size - limits.noticesWaiting);
      for (const key of [...mine].slice(0, many)) {
        const notice = underWay.sending.has(key) ? undefined : await load(key);
        if (notice !== undefined) fail(notice, because);
      }
    }
    while (at.backlog.count() > limits.noticesWaiting) {
      const dropped = await dropOldest(at);
      if (dropped === undefined) break;
      puts.push([dropped.key, undefined]);
      // What is under way of it has nothing else that says so.
      for (const [key, notice] of underWay.fresh)
        if (notice.event.offset <= dropped.last && !changed.has(key)) more.set(key, notice);
      for (const missed of dropped.missed) {
        const last = missed.at(-1);
        if (last === undefined) continue;
        const why = `${because}: ${missed.length} are given up, of which this is the last`;
        onTrouble(`webhook "${last.webhook}" did not hear ${last.event.id}: ${why}`);
        fail(last, why);
      }
    }
    return more;
  }

  // ---- sending

  /** Asks for a turn for everything that is due. */
  function sendDue({ due, waiting, gone, ready }: Known): void {
    for (
      let next = heaps.peek(due);
      next !== undefined && next.at <= clock.now();
      next = heaps.peek(due)
    ) {
      heaps.pop(due);
      const key = next.value;
      if (!key.startsWith(noticePrefix)) {
        ready.add(key);
        continue;
      }
      const name = webhookOf(key);
      const of = underWay;
      if (waiting.get(name)?.has(key) !== true || of.sending.has(key)) continue;
      of.sending.add(key);
      const webhook = webhooks.get(name);
      if (webhook === undefined || gone.has(name)) of.answered.set(key, { at: now(), ms: 0 });
      else slots.ask(name, () => attempt(key, webhook, of));
    }
  }

  /** Lets each webhook that has room take what comes next for it. */
  async function takeNext(at: Known): Promise<void> {
    for (const name of at.ready) {
      const place = at.gone.has(name) ? undefined : at.places.get(name);
      while (place !== undefined && place.next < at.read) {
        const room = roomOf(place, clock.now());
        if (room <= 0) break;
        for (const notice of await takeFrom(at, place, room)) {
          const { offset } = notice.event;
          const key = noticeKey(name, offset);
          const of = underWay;
          place.open.add(offset);
          if (of.sending.has(key)) continue;
          of.sending.add(key);
          of.fresh.set(key, notice);
          slots.ask(name, () => attempt(key, place.webhook, of));
        }
      }
      if (place === undefined || roomOf(place, clock.now()) <= 0) at.ready.delete(name);
    }
  }

  async function attempt(key: string, webhook: Webhook, of: UnderWay): Promise<boolean> {
    const answer = await sent(key, webhook, of).catch(() => undefined);
    if (answer === undefined) {
      // The store did not answer, or it is gone: all is read again.
      of.sending.delete(key);
      of.fresh.delete(key);
      isStale = true;
    } else of.answered.set(key, answer);
    wake();
    return answer !== undefined && isOk(answer);
  }

  async function sent(key: string, webhook: Webhook, of: UnderWay): Promise<Answer | undefined> {
    if (stop.signal.aborted || of !== underWay) return undefined;
    const notice = of.fresh.get(key) ?? (await load(key));
    if (notice === undefined) return undefined;
    const { event } = notice;
    const out = signed(event.id, cloudEvent(event, options.app), clock.now(), webhook.secrets);
    const answer = await post(webhook, out, stop.signal);
    return stop.signal.aborted ? undefined : answer;
  }

  // ---- a tick

  async function keep(at: Known, puts: Puts): Promise<Known> {
    const last = new Map(puts); // What is put and removed at once, is removed.
    const { kept: from, read: to, past } = at;
    await store.keep(partition, reader, { from, to, past, puts: [...last] });
    return { ...at, kept: at.read };
  }

  /** What somebody asked for since: notices that were put back, webhooks that are wanted again. */
  async function obey(at: Known): Promise<Known> {
    if (clock.now() < lookAt) return at;
    lookAt = clock.now() + lookMs;
    const asked = await scanKept(store, partition, askedPrefix);
    if (asked.length === 0) return at;
    const puts: Puts = asked.map(([key]) => [key, undefined]);
    for (const { notices, enabled } of asked.map(([, value]) => readAsked(value))) {
      for (const name of enabled) {
        const place = at.gone.delete(name) ? at.places.get(name) : undefined;
        if (place === undefined) continue;
        place.next = at.read;
        place.kept = at.read;
        at.ready.add(name);
        puts.push([`${placePrefix}${name}`, `${at.read}`]);
      }
      for (const key of notices) {
        const notice = await load(key);
        if (notice !== undefined) remember(at, key, notice);
      }
    }
    return keep(at, puts);
  }

  return {
    name: `courier ${partition}`,
    hints: [],
    onWake(ask) {
      wake = ask;
      forget = news.onNews((of) => {
        if (of === partition && known?.ready.size !== 0) ask();
      });
    },
    wakeAt: () =>
      Math.max(Math.min(lookAt, (known && heaps.peek(known.due))?.at ?? Infinity), clock.now() + 1),
    restsUntil: () => restUntil,
    begin,
    end() {
      forget();
      stop.abort(reader);
    },
    async tick() {
      if (clock.now() < restUntil) return 0;
      const isLook = clock.now() >= lookAt;
      if (!options.mayTell()) {
        isStale = true;
        lookAt = clock.now() + lookMs;
        return 0;
      }
      const before = known === undefined || isStale ? await loaded() : known;
      isStale = false;
      known = undefined; // If anything below throws, the store is asked again.
      const puts: Puts = [];
      const had = before.backlog.count();
      const at = await readNext(await obey(before), isLook, puts);
      const written = at.backlog.count() - had;
      const done = new Map(underWay.answered);
      const changed = await settled(done, at, puts);
      for (const [key, notice] of changed) remember(at, key, notice);
      for (const [key, notice] of await givenUp(changed, at, puts)) {
        remember(at, key, notice);
        changed.set(key, notice);
      }
      for (const [key, notice] of changed) puts.push([key, JSON.stringify(notice)]);
      for (const key of forgotten(at, namesOf(changed))) puts.push([key, undefined]);
      const isDue = puts.length > 0 || at.read - at.kept > unkeptAtMost;
      if (isDue) for (const key of usedUp(at)) puts.push([key, undefined]);
      const after = isDue ? await keep(at, puts) : at;
      for (const key of done.keys()) {
        underWay.answered.delete(key);
        underWay.sending.delete(key);
        underWay.fresh.delete(key);
      }
      sendDue(after);
      await takeNext(after);
      known = after;
      if (isDue)
        restUntil = clock.now() + restMs + written * restPerEventMs + done.size * restPerAnswerMs;
      return changed.size > 0 || after.read > before.read ? 1 : 0;
    },
  };
}
