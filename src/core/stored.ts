/** What a manager keeps of runs and steps, as JSON in the store; views/ read it, snapshot.ts writes and restores it. */
import type { Failure, Json, Priority, RunState } from "./event.ts";
import type { ToldBefore } from "./counted.ts";
import type { Sparse } from "./histogram.ts";
import type { Adjusted } from "./fan-out.ts";
import type { Accumulators } from "./fold.ts";
import type { Group } from "./failures.ts";
import type { Pace } from "./pace.ts";
import type { Progress } from "./progress.ts";
import type { Single } from "./single.ts";
import type { Trace } from "./trace.ts";

export type StepState = "waiting" | "running" | "held" | "done" | "failed" | "cancelled";

/** What came of a command. */
export type Answer = {
  readonly request: string;
  readonly matched: number;
  /** Why it did nothing. */
  readonly refused?: string;
};

export type StoredRun = {
  readonly run: string;
  readonly flow: string;
  readonly state: RunState;
  readonly input: Json;
  /** The call that created it. */
  readonly request: string;
  readonly customer?: string;
  readonly priority: Priority;
  readonly deadlineAt?: number;
  readonly tags?: Readonly<Record<string, string>>;
  readonly trace?: Trace;
  /** Of one that waits: when it is to begin. */
  readonly startedAt: number;
  readonly endedAt?: number;
  /** Names of the steps, in order. */
  readonly steps: readonly string[];
  /** The one it is at; beyond the last when it is done. */
  readonly at: number;
  readonly results: Readonly<Record<string, Json | undefined>>;
  readonly because?: string;
  /** Stands still until a redrive or a cancel. */
  readonly halted?: boolean;
  readonly error?: Failure;
  readonly lateAt?: number;
  readonly riskAt?: number;
  readonly answers: readonly Answer[];
  /** Its retention is over: nobody finds it any more, and what is left of it is being removed. */
  readonly isLeaving?: true;
};

type StoredAny = {
  readonly name: string;
  readonly state: StepState;
  readonly generation: number;
  readonly startedAt?: number;
  readonly endedAt?: number;
  readonly single: Single;
  readonly lateAt?: number;
  readonly riskAt?: number;
  readonly late: number;
  readonly stale: number;
  /** What those in flight have said. */
  readonly progress?: readonly Progress[];
  readonly told?: ToldBefore;
};

export type StoredPlain = StoredAny & {
  readonly kind: "step";
  readonly took?: Sparse;
  readonly tookUs?: number;
};

export type StoredFanOut = StoredAny & {
  readonly kind: "fan-out";
  readonly cursor?: Json;
  readonly base: number;
  readonly size: number;
  readonly total?: number;
  readonly counts: readonly number[];
  readonly next: number;
  readonly pages: number;
  readonly folds?: Accumulators;
  readonly groups: readonly Group[];
  readonly duplicate: number;
  readonly swept: number;
  readonly duplicateKeys: number;
  readonly took: readonly number[];
  readonly tookUs: number;
  readonly serviceMs?: number;
  readonly recent: readonly number[];
  readonly adjusted?: Adjusted;
  readonly retried?: readonly number[];
  readonly pace?: Pace;
  /** When it last put something into the queue. */
  readonly issuedAt?: number;
};

export type StoredStep = StoredPlain | StoredFanOut;
