/** What a torture comes to: faults on one side, what of the promises did not hold on the other. */
import type { Violation } from "../src/check/store.ts";

/** Numbers that add up over rounds. */
export type Sums = {
  readonly stores: number;
  readonly "acknowledged facts": number;
  readonly "acknowledged facts lost": number;
  readonly runs: number;
  readonly "runs that never ended": number;
  /** Its split or its step lost its worker too often, as promised; a figure, not a fault. */
  readonly "runs given up after many crashes": number;
  readonly "sub-jobs": number;
  readonly "sub-jobs folded twice, or wrongly": number;
  readonly joins: number;
  readonly "joins too early": number;
  readonly "joins twice": number;
  readonly "joins missing": number;
  readonly executions: number;
  readonly "extra executions": number;
  readonly "tasks taken from who stood still": number;
  readonly "second owners refused": number;
  readonly "acknowledged after a storage error": number;
  readonly "went on after a storage error": number;
  /** SQLite's own way, and safe: a figure, not a fault. */
  readonly "went on after an error in a checkpoint": number;
  readonly checks: number;
};

export type Sum = keyof Sums;

export type Found = Violation & { readonly round: string };

export type Tally = {
  readonly faults: ReadonlyMap<string, number>;
  readonly sums: Sums;
  /** From the start of a process after a fault to the first sub-job that ran. */
  readonly recoveriesMs: readonly number[];
  /** The same until it was ready, where nothing may be there to be done: what a killed one held comes back with its lease. */
  readonly readyMs: readonly number[];
  readonly violations: readonly Found[];
  /** What became of bits that were flipped. */
  readonly flips: ReadonlyMap<string, number>;
  readonly notes: readonly string[];
  readonly fault: (kind: string) => void;
  readonly add: (what: Sum, n?: number) => void;
  readonly recovered: (ms: number) => void;
  readonly ready: (ms: number) => void;
  readonly flipped: (what: string) => void;
  readonly found: (round: string, violation: Violation) => void;
  readonly note: (text: string) => void;
};

export function tally(): Tally {
  const faults = new Map<string, number>();
  const flips = new Map<string, number>();
  const recoveriesMs: number[] = [];
  const readyMs: number[] = [];
  const violations: Found[] = [];
  const notes: string[] = [];
  const sums: { -readonly [K in Sum]: number } = {
    stores: 0,
    "acknowledged facts": 0,
    "acknowledged facts lost": 0,
    runs: 0,
    "runs that never ended": 0,
    "runs given up after many crashes": 0,
    "sub-jobs": 0,
    "sub-jobs folded twice, or wrongly": 0,
    joins: 0,
    "joins too early": 0,
    "joins twice": 0,
    "joins missing": 0,
    executions: 0,
    "extra executions": 0,
    "tasks taken from who stood still": 0,
    "second owners refused": 0,
    "acknowledged after a storage error": 0,
    "went on after a storage error": 0,
    "went on after an error in a checkpoint": 0,
    checks: 0,
  };
  const count = (map: Map<string, number>, what: string): void =>
    void map.set(what, (map.get(what) ?? 0) + 1);
  return {
    faults,
    sums,
    recoveriesMs,
    readyMs,
    violations,
    flips,
    notes,
    fault: (kind) => count(faults, kind),
    add(what, n = 1) {
      sums[what] += n;
    },
    recovered: (ms) => void recoveriesMs.push(ms),
    ready: (ms) => void readyMs.push(ms),
    flipped: (what) => count(flips, what),
    found(round, violation) {
      violations.push({ round, ...violation });
      const sum = sumOf(violation);
      if (sum !== undefined) sums[sum] += 1;
    },
    note(text) {
      if (!notes.includes(text)) notes.push(text);
    },
  };
}

/** The line of the table that a violation belongs to. */
function sumOf({ guarantee, expected, got }: Violation): Sum | undefined {
  if (guarantee === "G1") return "acknowledged facts lost";
  if (guarantee === "G3") return "sub-jobs folded twice, or wrongly";
  if (guarantee === "G12") return "runs that never ended";
  if (guarantee === "G17")
    return expected.includes("exit")
      ? "went on after a storage error"
      : "acknowledged after a storage error";
  if (guarantee !== "G4") return undefined;
  if (got.includes("early") || expected.includes("sealed")) return "joins too early";
  if (expected === "one join per generation") return "joins twice";
  return expected.includes("a join before") ? "joins missing" : undefined;
}
