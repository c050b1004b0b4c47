/** What the checker knows of a run and its steps. */
import type { Told } from "./told.ts";

/** States a sub-job may be in, as bits. */
export const open = 1;
export const ok = 2;
export const failed = 4;
export const skipped = 8;
export const cancelled = 16;

export type Step = {
  /** Which generation it is in, at least and at most: the log does not number every one. */
  generation: number;
  most: number;
  state: string;
  sealed: number | undefined;
  /** Closed by a person or by the end of its run: it needs no seal. */
  closed: boolean;
  readonly masks: number[];
  readonly keys: string[];
  readonly known: Set<string>;
  /** Where its outcome may stand: the first place, and more for the few that have more. */
  readonly at: number[];
  readonly more: Map<number, number[]>;
  /** Of those that did not succeed at once: issues beyond the first, attempts, lost workers. */
  readonly issues: Map<number, number>;
  readonly attempts: Map<number, number>;
  readonly crashes: Map<number, number>;
  /**
   * Issues that are over, by `issueKey`. That a later one is does not say so of those before: it may be one that only a lost log had
   * given out, and then it counted for nothing (seed 202356).
   */
  readonly over: Set<number>;
  /** Those whose input people may have corrected. */
  readonly edited: Set<number>;
  /** The corrections that were asked for, by `index@offset`: true where it is sure that it was done. */
  readonly corrected: Map<string, boolean>;
  /** What may have issued or crashed any of them without naming them. */
  issuedAgain: number;
  crashed: number;
  readonly joined: Set<number>;
  readonly ended: Set<number>;
};

export type Run = {
  readonly started: Told;
  /** It is removed further on: what it came to, the store no longer says. */
  readonly isRemoved: boolean;
  /** One of the same id was removed before it: what came late of that one may be counted with this. Of either, only the end is judged. */
  readonly isAgain: boolean;
  /** When it was to begin, of a run that had to wait. */
  delayedTo: number | undefined;
  began: boolean;
  beganAt: number | undefined;
  endedAt: number | undefined;
  state: string;
  readonly steps: Map<string, Step>;
  /** Closes and releases that were asked for and may be decided further on, and whether a redrive was, or a reopening. */
  closes: number;
  redriven: boolean;
  reopened: boolean;
  /** Those of its decisions: who asks twice is answered as before. */
  readonly requests: Set<string>;
};

/** `removedBy`: the offset of the event with which the run of this id, begun after another, was removed. */
export function newRun(
  started: Told,
  removedBy: (run: string, after: number) => number | undefined,
): Run {
  return {
    started,
    isRemoved: removedBy(started.run, started.offset) !== undefined,
    isAgain: (removedBy(started.run, -1) ?? Infinity) < started.offset,
    delayedTo: undefined,
    began: false,
    beganAt: undefined,
    endedAt: undefined,
    state: "waiting",
    steps: new Map(),
    closes: 0,
    redriven: false,
    reopened: false,
    requests: new Set(),
  };
}

export function newStep(): Step {
  return {
    generation: 0,
    most: 0,
    state: "waiting",
    sealed: undefined,
    closed: false,
    masks: [],
    keys: [],
    known: new Set(),
    at: [],
    more: new Map(),
    issues: new Map(),
    attempts: new Map(),
    crashes: new Map(),
    over: new Set(),
    edited: new Set(),
    corrected: new Map(),
    issuedAgain: 0,
    crashed: 0,
    joined: new Set(),
    ended: new Set(),
  };
}

export function issueKey(index: number, issue: number): number {
  return index * 65_536 + Math.min(issue, 65_535);
}

export function isEnded({ state }: { readonly state: string }): boolean {
  return state === "done" || state === "failed" || state === "cancelled";
}

/** One more. */
export function add(map: Map<number, number>, index: number): void {
  map.set(index, (map.get(index) ?? 0) + 1);
}

/** Its outcome may stand there. */
export function note(step: Step, index: number, offset: number): void {
  if ((step.at[index] ?? -1) === -1) step.at[index] = offset;
  else step.more.set(index, [...(step.more.get(index) ?? []), offset]);
}

export function isInside({ masks }: Step, from: number, count: number): boolean {
  return from >= 0 && from + count <= masks.length;
}
