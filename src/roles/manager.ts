/** Serves one partition: reads its events, decides, commits. */
import {
  decode,
  encode,
  isOutput,
  isOutputType,
  typeIn,
  type Entry,
  type Event,
  type Recorded,
  type Written,
} from "../core/event.ts";
import { limits } from "../core/limits.ts";
import { decide } from "../core/partition.ts";
import type { Plans } from "../core/plan.ts";
import type { Schedules } from "../core/schedule.ts";
import { isEnded } from "../core/run.ts";
import { takeChanges } from "../core/snapshot.ts";
import { wakeAt, type Partition } from "../core/state.ts";
import type { Clock } from "../ports/clock.ts";
import type { Engine } from "../ports/engine.ts";
import type { Claim, Commit, Committed } from "../ports/store.ts";
import { assert, ConflictError } from "../errors.ts";
import { loadPartition, loadRemains, loadRuns } from "./loading.ts";
import type { Handed } from "./news.ts";
import type { Role } from "./role.ts";

/** Ended runs that stay in memory, for outcomes that come late. */
const endedRuns = 4;
/** Characters read at once: bounds the memory of a tick. */
const readBytes = 1_048_576;

export type ManagerOptions = {
  readonly engine: Engine;
  readonly clock: Clock;
  readonly partition: number;
  /** Names this manager among those that might claim the partition. */
  readonly holder: string;
  readonly plans: Plans;
  /** Those that live in this partition. */
  readonly schedules?: Schedules;
  /** Records of the store that a commit removes of expired runs, at most. Default limits.removedRecords. */
  readonly removeAtOnce?: number;
  /** Hears why a run is left alone: this program does not have its flow. */
  readonly onStrange?: (because: string) => void;
  /** Hears what it has committed, at once; undefined: it has the claim no more, or not for certain. */
  readonly onCommitted?: ((handed: Handed | undefined) => void) | undefined;
  /** Hears what it has decided, once that is committed. */
  readonly onDecided?: ((events: readonly Written[]) => void) | undefined;
  /** Hears that the store came back without its last commits; what they decided is decided again. */
  readonly onWentBack?: (because: string) => void;
};

type LostEvent = Extract<Event, { readonly type: "task.lost" }>;

type Held = {
  readonly claim: Claim;
  readonly state: Partition;
  /** Where it reads on: at the offset of its commit, or after the events of its own that follow there. */
  readonly next: number;
  /** All events of runs before this have been handed on; undefined: it has committed nothing yet. */
  readonly told: number | undefined;
};

type Following = {
  /** Events decided on. */
  readonly handled: number;
  readonly next: number;
  /** Undefined where nothing new was said. */
  readonly commit: Commit | undefined;
  readonly decided: readonly Written[];
  readonly last: Entry | undefined;
};

/** `last` is the record before `next`, once one was read. */
type News = {
  readonly events: readonly Recorded[];
  readonly next: number;
  readonly last: Entry | undefined;
};

export type Manager = Role & {
  readonly resign: () => Promise<void>;
  /** Whether it has the claim, as far as it knows: for what one process should do, and two may. */
  readonly isHolder: () => boolean;
  /** When the log is to be told the time, as far as it has committed. */
  readonly wishes: () => { readonly wakeAt: number | undefined };
};

export function manager(options: ManagerOptions): Manager {
  const {
    engine,
    clock,
    partition,
    holder,
    plans,
    schedules = new Map(),
    removeAtOnce = limits.removedRecords,
    onStrange = () => undefined,
    onCommitted = () => undefined,
    onWentBack = () => undefined,
  } = options;
  const { log, store } = engine;
  let mine: Held | undefined;
  let hadClaim = false;
  let handsOn = false;
  let wished: number | undefined;
  /** The highest that this manager has committed. */
  let reached = 0;
  /** This process's queue begins empty: what was in the one before is lost. */
  let queueIsNew = !engine.queueSurvives;
  const ended: string[] = [];
  /** When the claim is to be renewed, if nothing is committed until then. */
  let renewAt = 0;

  async function claim(): Promise<Held | undefined> {
    leaveOff();
    renewAt = clock.now() + limits.claimMs / 2;
    const claimed = await store.claim(partition, holder, limits.claimMs);
    if (claimed === undefined) return undefined;
    if (claimed.offset < reached)
      onWentBack(
        `partition ${partition} is at offset ${claimed.offset}, and was at ${reached}: the store came back without its last commits (a failover, or a backup); what they decided is decided again`,
      );
    reached = claimed.offset;
    if (queueIsNew) {
      // Wills name those that ran. Without them, whoever was out is blamed; nobody was, after a close in good order.
      const clean = engine.wills !== undefined;
      await log.append(partition, [...bequeathed(), encode({ type: "queue.lost", clean })]);
    }
    // Schedules that are new count from a time of the log.
    else if (schedules.size > 0) await log.append(partition, [encode({ type: "ticked" })]);
    queueIsNew = false;
    const state = await whole(
      claimed,
      loadPartition(engine, partition, plans, clock.now(), onStrange, schedules, () =>
        stay(claimed),
      ),
    );
    wished = wakeAt(state);
    return { claim: claimed, state, next: claimed.offset, told: undefined };
  }

  /** Half of what was read may be another manager's by now: then it is not the store that is damaged. */
  async function whole<T>(claim: Claim, read: Promise<T>): Promise<T> {
    try {
      return await read;
    } catch (error) {
      const { offset } = await store.position(partition);
      if (offset === claim.offset) throw error;
      throw tooLate(error);
    }
  }

  function tooLate(cause?: unknown): ConflictError {
    return new ConflictError(`the claim on partition ${partition} ended while it was read`, {
      cause,
    });
  }

  /** An idle manager keeps its claim: whoever takes it over has to read all that lives. */
  async function kept(held: Held): Promise<Held | undefined> {
    return (await isRenewed(held.claim)) ? held : undefined;
  }

  /** Reading all that lives may take longer than a claim lasts: without a sign of life, those who wait would take it from one another for ever. */
  async function stay(claimed: Claim): Promise<void> {
    if (!(await isRenewed(claimed))) throw tooLate();
  }

  async function isRenewed({ epoch, offset }: Claim): Promise<boolean> {
    // Where the queue is in this process, no other manages.
    if (!engine.queueSurvives || clock.now() < renewAt) return true;
    const claimed = await store.claim(partition, holder, limits.claimMs);
    renewAt = clock.now() + limits.claimMs / 2;
    return claimed?.epoch === epoch && claimed.offset === offset;
  }

  /** What ran in the process before this one, if it vanished: that, and nothing else that was in the queue, may have killed it. */
  function bequeathed(): readonly string[] {
    if (engine.wills === undefined) return [];
    const { left, exited } = engine.wills;
    const ours = left.filter((will) => will.partition === partition);
    return ours.map(({ text }) => {
      const event = JSON.parse(text) as LostEvent; // oxlint-disable-line typescript/no-unsafe-type-assertion -- we wrote it, in roles/loss.ts
      return exited ? text : encode({ ...event, killed: true });
    });
  }

  /** The events from there on, none if it has decided all that they say itself: that is not worth a commit. */
  async function news(from: number): Promise<News> {
    const max = { records: limits.eventsPerTick, bytes: readBytes, ahead: true };
    let last: Entry | undefined;
    for (let next = from; ;) {
      const entries = await log.read(partition, next, max);
      next += entries.length;
      last = entries.at(-1) ?? last;
      const events = entries.filter((entry) => !isOutputType(typeIn(entry))).map(decode);
      if (entries.length === 0 || events.length > 0) return { events, next, last };
    }
  }

  /** Runs that the events name and the state does not have: they ended a while ago, or there is no such run yet. */
  async function loadMissing(state: Partition, events: readonly Recorded[]): Promise<void> {
    const missing = new Set<string>();
    const expired = new Set<string>();
    for (const event of events)
      if (event.type === "run.expired") expired.add(event.run);
      else if ("run" in event && !isOutput(event) && !state.runs.has(event.run))
        missing.add(event.run);
    let room = removeAtOnce;
    for (const run of expired) {
      const remains = await loadRemains(store, partition, run, room);
      if (remains === undefined) continue;
      state.remains.set(run, remains);
      room -= remains.keys.length;
    }
    ended.push(...(await loadRuns(engine, state, [...missing], { at: clock.now() })));
  }

  function forgetEnded(state: Partition): void {
    while (ended.length > endedRuns) {
      const id = ended.shift() ?? "";
      const run = state.runs.get(id);
      if (run !== undefined && isEnded(run)) state.runs.delete(id);
    }
  }

  /** What there is to commit. Apart from tick: what it was decided from must not live on while it is written. */
  async function following({ claim, state, next: from }: Held): Promise<Following> {
    const { events, next, last } = await whole(claim, news(from));
    if (events.length === 0) return { handled: 0, next, commit: undefined, decided: [], last };
    await whole(claim, loadMissing(state, events));
    const decided = decide(state, events);
    for (const event of decided.events) if (event.type === "run.ended") ended.push(event.run);
    const puts = takeChanges(state);
    forgetEnded(state);
    const commit = {
      to: next,
      puts,
      events: decided.events.map(textOf),
      tasks: decided.tasks,
      wakeAt: wakeAt(state),
    };
    return { handled: events.length, next, commit, decided: decided.events, last };
  }

  /** Up to where all events of runs have been handed on now. */
  function handOn(
    from: number | undefined,
    { to, events: texts }: Commit,
    { written }: Committed,
    { decided: events, last: consumed }: Following,
  ): number {
    const { first = to, at = 0 } = written ?? {};
    const text = texts.at(-1);
    const last = text === undefined ? consumed : { offset: first + texts.length - 1, at, text };
    assert(last !== undefined, "who commits has consumed something");
    onCommitted({ from, events, first, at, last });
    handsOn = true;
    return Math.max(from ?? 0, last.offset + 1);
  }

  function leaveOff(): void {
    if (handsOn) onCommitted(undefined);
    handsOn = false;
  }

  return {
    name: `manager ${partition}`,
    hints: ["log"],
    partition,
    async tick() {
      const held = mine ?? (await claim());
      hadClaim = held !== undefined;
      mine = undefined; // If anything below throws, we claim again and trust nothing we remember.
      if (held === undefined) return 0;
      const followed = await following(held);
      const { handled, next, commit, decided } = followed;
      if (commit === undefined) {
        mine = await kept({ ...held, next });
        return 0;
      }
      wished = commit.wakeAt; // Before those hear of it who act on it.
      const claimed = await store.commit(held.claim, commit);
      mine = {
        claim: claimed,
        state: held.state,
        next,
        told: handOn(held.told, commit, claimed, followed),
      };
      reached = claimed.offset;
      renewAt = clock.now() + limits.claimMs / 2;
      options.onDecided?.(decided);
      return handled;
    },
    isHolder: () => hadClaim,
    wishes: () => ({ wakeAt: wished }),
    async resign() {
      hadClaim = false;
      leaveOff();
      if (mine !== undefined) await store.resign(mine.claim, holder);
      mine = undefined;
    },
  };
}

function textOf(event: Written): string {
  if (event.type !== "fan-out.grown") return encode(event);
  const { body, ...header } = event;
  return encode(header, body);
}
