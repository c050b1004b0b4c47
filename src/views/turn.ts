/** What a sub-job waits for that may go, and is not in the queue: the limits of its step and of its job, or a slot. Pure. */
import * as ledger from "../core/ledger.ts";
import type { FanOutPlan } from "../core/plan.ts";
import type { StoredFanOut } from "../core/stored.ts";
import { limitText } from "./limits.ts";
import type { Cause, WhyFacts } from "./why.ts";
import { be, counted, number, subJobs } from "./words.ts";

/** What comes after "it waits", of those that are not in the queue although somebody works it. */
export function turn(facts: WhyFacts, step: StoredFanOut, plan: FanOutPlan): Cause {
  const { run } = facts;
  const { slots, workers } = slotsFor(facts, plan.job.queue);
  const flying = step.counts[ledger.inFlight] ?? 0;
  const { concurrency = plan.concurrency, rate } = step.adjusted ?? {};
  if (typeof concurrency === "number" && flying >= concurrency)
    return {
      cause: "concurrency",
      because: `for a turn: at most ${number(concurrency)} of ${step.name} may be in flight at once`,
      at: undefined,
      command: ["set", run.run, "--concurrency", "…"],
    };
  if (typeof rate === "object" && rate !== null && flying < slots)
    return {
      cause: "rate",
      because: `for its pace: ${limitText({ rate })} of ${step.name} may be begun`,
      at: undefined,
      command: ["set", `${run.run}/${step.name}`, "--rate", "…"],
    };
  const { held, at } = facts;
  if (held !== undefined && held.until > at)
    return {
      cause: "limit",
      because: `because ${held.of === "job" ? `job "${plan.job.name}"` : held.key === undefined ? "what has the same key" : `key "${held.key}"`} was told to come back later`,
      at: held.until,
      command: undefined,
    };
  const { limit, limits = [] } = plan.job;
  const all = [
    ...(limit === undefined ? [] : [`${limitText(limit)}, in all runs together`]),
    ...limits.map(
      (one) =>
        `${limitText(one)}${one.key === undefined ? "" : " for each key"} under limit "${one.name}", in all jobs that share it`,
    ),
  ];
  if (all.length > 0 && flying < slots)
    return {
      cause: "limit",
      because: `for room under the limits of job "${plan.job.name}": ${all.join("; ")}`,
      at: undefined,
      command: ["runs", "--state", "running"],
    };
  return {
    cause: "slots",
    because: `for a free slot: ${counted(workers, "worker")} with ${counted(slots, "slot")} ${be(workers, "serve")} queue "${plan.job.queue}"`,
    at: undefined,
    command: ["worker", "--queues", plan.job.queue],
  };
}

/** Of those that wait for a key of a limit, a sentence for each key; and how many they are. */
export function keyCauses({ keys, held, at }: WhyFacts): {
  readonly causes: readonly Cause[];
  readonly waiting: number;
} {
  // What holds all of the job holds these, too.
  if (keys === undefined || (held?.of === "job" && held.until > at))
    return { causes: [], waiting: 0 };
  const { limit } = keys;
  const causes = keys.keys.map(({ key, waiting, because, until }): Cause => {
    const which = key === undefined ? "one key" : `key "${key}"`;
    const why = {
      told: "it was told to come back later",
      rate: `${limitText({ rate: limit.rate })} of it may be begun`,
      concurrency: `${limitText({ concurrency: limit.concurrency })} may be in flight of it`,
    }[because];
    return {
      cause: "limit",
      because: `${subJobs(waiting)} ${be(waiting, "wait")} for ${which} of limit "${limit.name}": ${why}`,
      at: until,
      command: undefined,
    };
  });
  const waiting = keys.keys.reduce((sum, one) => sum + one.waiting, keys.waiting);
  if (keys.others === 0) return { causes, waiting };
  const rest: Cause = {
    cause: "limit",
    because: `${subJobs(keys.waiting)} ${be(keys.waiting, "wait")} for ${counted(keys.others, "other key")} of limit "${limit.name}"`,
    at: undefined,
    command: ["queues"],
  };
  return { causes: [...causes, rest], waiting };
}

/** What works a queue, of those that have said so lately. */
export function slotsFor(
  { workers, at }: WhyFacts,
  queue: string,
): { readonly workers: number; readonly slots: number } {
  const mine = workers.filter(({ queues, until }) => until >= at && queues.includes(queue));
  return { workers: mine.length, slots: mine.reduce((sum, { slots }) => sum + slots, 0) };
}
