/** What is given up on in several runs at once, brought together by its kind. Pure. */
import type { RunState } from "../core/event.ts";
import type { FailureGroup } from "../core/failures.ts";
import { limits } from "../core/limits.ts";
import type { FlowPlan } from "../core/plan.ts";
import type { StoredRun, StoredStep } from "../core/stored.ts";
import { failureGroups } from "./status.ts";

/** Of which of them: all filters at once. */
export type FailureQuery = {
  readonly flow?: string;
  readonly customer?: string;
  /** What the sub-jobs of the step run, and through which queue they, or its body, go. */
  readonly job?: string;
  readonly queue?: string;
  /** Those of runs, too, that are over, as far as they started at or after this, epoch ms: done with failures, or failed. */
  readonly since?: number;
};

/** What looks alike in one step of a flow, in all the runs. */
export type FailedGroup = {
  readonly signature: string;
  /** As it was said in the first run that was looked at. */
  readonly message: string;
  readonly flow: string;
  readonly step: string;
  /** Undefined of a body or a split, and where this program does not have the flow. */
  readonly job: string | undefined;
  readonly queue: string | undefined;
  readonly count: number;
  readonly runs: number;
  readonly firstAt: number | undefined;
  readonly lastAt: number | undefined;
  /** The most that one of them had. */
  readonly attempts: number | undefined;
  /** Some of the runs, those with the most of them first. */
  readonly samples: readonly FailedIn[];
};

/** A run in which something failed so, and the command that runs it again. */
export type FailedIn = {
  readonly run: string;
  readonly state: RunState;
  readonly count: number;
  /** A few of the sub-jobs; none of a body or a split. */
  readonly keys: readonly string[];
  /** Words after `fanfold` that run them again. */
  readonly command: readonly string[];
};

/** What is given up on, by kind, counted exactly. */
export type Failures = {
  /** The largest first; of more than limits.failedGroups kinds, those that were met first. */
  readonly groups: readonly FailedGroup[];
  /** Of all, those included that are in none of these groups. */
  readonly count: number;
  /** In which something is given up on. */
  readonly runs: number;
  /** False where more runs have ended since then than are looked at. */
  readonly isAll: boolean;
};

/** A group of a run with its number, which is that of `fanfold failures`. */
export type Numbered = FailureGroup & { readonly number: number; readonly step: string };

/** Of all steps of a run, the largest first; the order is what numbers them. */
export function numbered(
  steps: readonly { readonly name: string; readonly failures: readonly FailureGroup[] }[],
): readonly Numbered[] {
  return steps
    .flatMap(({ name, failures }) => failures.map((group) => ({ ...group, step: name })))
    .toSorted((a, b) => b.count - a.count)
    .map((group, n) => ({ ...group, number: n + 1 }));
}

export type Gathering = {
  readonly add: (
    run: StoredRun,
    steps: readonly (StoredStep | undefined)[],
    plan: FlowPlan | undefined,
  ) => void;
  readonly all: () => Omit<Failures, "isAll">;
};

/** Counts run by run; keeps as much of each kind as an answer has, however many runs there are. */
export function gatherFailures({ flow, customer, job, queue }: FailureQuery): Gathering {
  const groups = new Map<string, FailedGroup>();
  let count = 0;
  let runs = 0;

  function put(about: About, run: StoredRun, sample: FailedIn, group: Numbered): void {
    const name = JSON.stringify([run.flow, group.step, group.signature]);
    const known = groups.get(name);
    if (known === undefined && groups.size >= limits.failedGroups) return;
    const { signature, message, step } = group;
    const before = known ?? { signature, message, flow: run.flow, step, ...about, ...nothing };
    groups.set(name, {
      ...before,
      count: before.count + sample.count,
      runs: before.runs + 1,
      firstAt: least(before.firstAt, group.firstAt),
      lastAt: most(before.lastAt, group.lastAt),
      attempts: most(before.attempts, group.attempts),
      samples: [...before.samples, sample]
        .toSorted((a, b) => b.count - a.count)
        .slice(0, limits.sampleKeys),
    });
  }

  return {
    add(run, steps, plan) {
      if (flow !== undefined && run.flow !== flow) return;
      if (customer !== undefined && run.customer !== customer) return;
      const named = steps.flatMap((step) =>
        step === undefined ? [] : [{ name: step.name, failures: failureGroups(step), step }],
      );
      let isIn = false;
      for (const group of numbered(named)) {
        // What is tried again is not given up on.
        const isOpen = named.some(({ step }) => step.name === group.step && isTried(step));
        if (isWhole(group) && isOpen) continue;
        const about = aboutOf(group, plan);
        if (job !== undefined && about.job !== job) continue;
        if (queue !== undefined && about.queue !== queue) continue;
        const sample = sampleOf(run, group);
        put(about, run, sample, group);
        count += sample.count;
        isIn = true;
      }
      runs += isIn ? 1 : 0;
    },
    all: () => ({
      groups: [...groups.values()].toSorted((a, b) => b.count - a.count),
      count,
      runs,
    }),
  };
}

function isTried({ single }: StoredStep): boolean {
  return single.state !== "failed";
}

const nothing = {
  count: 0,
  runs: 0,
  firstAt: undefined,
  lastAt: undefined,
  attempts: undefined,
  samples: [],
} as const;

type About = Pick<FailedGroup, "job" | "queue">;

function aboutOf(group: Numbered, plan: FlowPlan | undefined): About {
  const known = plan?.steps.find(({ name }) => name === group.step);
  return known?.kind === "fan-out" && !isWhole(group)
    ? { job: known.job.name, queue: known.job.queue }
    : { job: undefined, queue: known?.queue };
}

/** Of a step as a whole, its body or its split, and not of sub-jobs. */
export function isWhole({ keys }: Pick<FailureGroup, "keys">): boolean {
  return keys.length === 0;
}

function sampleOf({ run, state }: StoredRun, group: Numbered): FailedIn {
  const { count, keys, step, number } = group;
  return isWhole(group)
    ? { run, state, count: 1, keys: [], command: ["redrive", run, "--step", step] }
    : { run, state, count, keys, command: ["redrive", run, "--group", String(number)] };
}

function least(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? (a ?? b) : Math.min(a, b);
}

function most(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? (a ?? b) : Math.max(a, b);
}
