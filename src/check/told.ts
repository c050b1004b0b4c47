/** A record as its JSON says, before anybody asks whether it may. */
import type { Row } from "./store.ts";

export type Told = {
  readonly offset: number;
  readonly at: number;
  readonly body: string | undefined;
  readonly type: string;
  readonly run: string;
  readonly step: string;
  readonly generation: number;
  readonly issue: number;
  readonly from: number;
  readonly total: number;
  readonly failed: number;
  readonly skipped: number;
  readonly keys: readonly string[];
  /** Of a redrive: sub-jobs whose input it corrects. */
  readonly edits?: readonly number[];
  /** Of a decision on sub-jobs: which, as pairs from, count; of which kind of failures. */
  readonly indices?: readonly number[];
  readonly signature?: string;
  /** Of outcomes: triples from, count, issue. Of a join: how many. */
  readonly ok: readonly number[] | number;
  readonly bad?: readonly {
    readonly index: number;
    readonly issue: number;
    readonly attempt: number;
    readonly outcome: string;
    readonly fatal?: boolean;
  }[];
  readonly subJobs?: readonly number[];
  readonly clean?: boolean;
  readonly of?: string;
  readonly deadlineAt?: number;
  readonly riskAt?: number;
  readonly atDeadline?: string;
  readonly outcome: string;
  readonly state: string;
  readonly beginAt: number;
  readonly flow: string;
  readonly input: unknown;
  readonly request: string;
  readonly trace?: unknown;
  readonly by: number;
  /** Of a tick of a schedule: the run that it started, or why it did not. */
  readonly schedule: string;
  readonly tick: number;
  readonly started?: string;
  readonly because?: string;
};

export function told({ offset, at, text }: Row): Told {
  const end = text.indexOf("\n");
  const header = JSON.parse(end === -1 ? text : text.slice(0, end)) as Told; // oxlint-disable-line typescript/no-unsafe-type-assertion -- what is missing is undefined, and fails the comparison that needs it
  const body = end === -1 ? undefined : text.slice(end + 1);
  const keys = header.type === "fan-out.grown" && { keys: listed(header.keys) };
  return { ...header, ...keys, offset, at, body };
}

/** The keys of a page stand in one text: its first sign stands before each key, and in none. Earlier ones are a list. */
export function listed(keys: unknown): readonly string[] {
  if (typeof keys !== "string") return Array.isArray(keys) ? keys.map(String) : [];
  const [sign = ""] = keys;
  return keys === "" ? [] : keys.slice(1).split(sign);
}

/** Triples (from, count, issue): the successes, and all that it speaks of. */
export function outcomesIn({ ok, bad = [] }: Told): {
  readonly good: readonly number[];
  readonly all: readonly number[];
} {
  const good = typeof ok === "number" ? [] : ok;
  return { good, all: [...good, ...bad.flatMap(({ index, issue }) => [index, 1, issue])] };
}
