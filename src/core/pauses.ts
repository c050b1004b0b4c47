/**
 * What people have paused: a run, a step of it, a customer, a job, a flow, a queue. Nothing new of it is put into the queue, and what runs may finish.
 *
 * Each partition keeps those that concern its runs. What concerns all partitions is decided in the first and told to the others,
 * whole and numbered (`version`), so that it does not matter how often they hear of it, nor in which order.
 */
import { limits } from "./limits.ts";
import type { StepPlan } from "./plan.ts";
import type { Answer } from "./stored.ts";

/** What can be paused by its name in all runs, in every partition. */
export const everywhere = ["customer", "job", "flow", "queue"] as const;
export type PauseEverywhere = (typeof everywhere)[number];
/** What can be paused: a run by its id, a step as "run/step", the others by name. */
export type PauseOf = "run" | "step" | PauseEverywhere;

export type Pause = {
  readonly of: PauseOf;
  readonly name: string;
  /** Since when, epoch ms. */
  readonly at: number;
  readonly author?: string;
  readonly reason?: string;
};

/** As it stands in the store, and is told to other partitions. */
export type StoredPauses = {
  /** Of what concerns all partitions: the higher one is right. */
  readonly version: number;
  readonly pauses: readonly Pause[];
  readonly answers: readonly Answer[];
};

/** Updated in place, by the manager that decides on it. */
export type Pauses = {
  version: number;
  readonly all: Map<string, Pause>;
  /** To those who asked for customers and jobs. */
  answers: Answer[];
};

export function noPauses(): Pauses {
  return { version: 0, all: new Map(), answers: [] };
}

export function pauseKey({ of, name }: Pick<Pause, "of" | "name">): string {
  return `${of} ${name}`;
}

/** Where a task belongs; of a sub-job, with its job. */
export type Place = {
  readonly run: string;
  readonly flow: string;
  readonly step: string;
  readonly queue: string;
  readonly customer?: string | undefined;
  readonly job?: string | undefined;
};

type OfRun = {
  readonly id: string;
  readonly flow: string;
  readonly customer?: string | undefined;
};

/** Of the one task of a step: its body, or its split, which a pause of its job does not keep from making the list. */
export function placeOfMain({ id, flow, customer }: OfRun, { name, queue }: StepPlan): Place {
  return { run: id, flow, step: name, queue, customer };
}

/** All that keeps a step from going on: its sub-jobs, and its split as long as that is not over. */
export function pausesOf(
  all: ReadonlyMap<string, Pause>,
  run: OfRun,
  step: StepPlan,
  isSplit: boolean,
): readonly Pause[] {
  const main = isSplit ? [] : pausesAt(all, placeOfMain(run, step));
  return [...new Set([...pausesAt(all, placeOf(run, step)), ...main])];
}

/** Of the sub-jobs of a step, or of its body. */
export function placeOf(run: OfRun, step: StepPlan): Place {
  const { id, flow, customer } = run;
  const { queue } = step.kind === "fan-out" ? step.job : step;
  const job = step.kind === "fan-out" ? step.job.name : undefined;
  return { run: id, flow, step: step.name, queue, customer, job };
}

/** What keeps this place from going on; empty where nothing does. */
export function pausesAt(
  all: ReadonlyMap<string, Pause>,
  { run, flow, step, queue, customer, job }: Place,
): readonly Pause[] {
  if (all.size === 0) return [];
  const keys = [
    pauseKey({ of: "run", name: run }),
    pauseKey({ of: "step", name: `${run}/${step}` }),
    ...(customer === undefined ? [] : [pauseKey({ of: "customer", name: customer })]),
    ...(job === undefined ? [] : [pauseKey({ of: "job", name: job })]),
    pauseKey({ of: "flow", name: flow }),
    pauseKey({ of: "queue", name: queue }),
  ];
  return keys.flatMap((key) => all.get(key) ?? []);
}

/** It concerns the runs of every partition. */
export function isEverywhere({ of }: Pick<Pause, "of">): boolean {
  return of !== "run" && of !== "step";
}

/** In words: `customer "acme" is paused by anna: bank holiday`. */
export function pauseText({ of, name, author, reason }: Pause): string {
  const by = author === undefined ? "" : ` by ${author}`;
  const why = reason === undefined || reason === "" ? "" : `: ${reason}`;
  return `${of} "${name}" is paused${by}${why}`;
}

/** Pauses it. Returns why it did not: it was before, or there are too many. */
export function addPause(pauses: Pauses, pause: Pause): string | undefined {
  const before = pauses.all.get(pauseKey(pause));
  if (before !== undefined) return pauseText(before);
  if (pauses.all.size >= limits.pauses)
    return `${limits.pauses} things are paused already: resume some of them first`;
  pauses.all.set(pauseKey(pause), pause);
  return undefined;
}

/** Resumes it. Returns why it did not: it was not paused. */
export function removePause(pauses: Pauses, pause: Pick<Pause, "of" | "name">): string | undefined {
  return pauses.all.delete(pauseKey(pause))
    ? undefined
    : `${pause.of} "${pause.name}" is not paused`;
}

/** The run is over: nobody need resume it, or a step of it. True if it was paused. */
export function forgetPausesOf({ all }: Pauses, run: string): boolean {
  const { size } = all;
  for (const [key, { of, name }] of all)
    if ((of === "run" && name === run) || (of === "step" && name.startsWith(`${run}/`)))
      all.delete(key);
  return all.size < size;
}

export function storedPauses({ version, all, answers }: Pauses): StoredPauses {
  return { version, pauses: [...all.values()], answers };
}

export function restoredPauses({ version, pauses, answers }: StoredPauses): Pauses {
  return {
    version,
    all: new Map(pauses.map((pause) => [pauseKey(pause), pause])),
    answers: [...answers],
  };
}
