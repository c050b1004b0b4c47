/** What a plain step and a fan-out have in common. */
import type { ToldBefore } from "./counted.ts";
import type { Progress } from "./progress.ts";
import { newSingle, type Single } from "./single.ts";
import type { StepState } from "./stored.ts";

/** Updated in place, by the manager that decides on it. */
export type AnyStep = {
  readonly name: string;
  state: StepState;
  /** 1, and one more for each redrive. */
  generation: number;
  startedAt: number | undefined;
  endedAt: number | undefined;
  /** Its one task: the body of a plain step, the split of a fan-out. */
  readonly main: Single;
  /** The deadline that has passed; when the forecast was first found beyond it. */
  lateAt: number | undefined;
  riskAt: number | undefined;
  late: number;
  stale: number;
  readonly progress: Progress[];
  told: ToldBefore | undefined;
};

/** As it is before it begins. */
export function anyStep(name: string): AnyStep {
  return {
    name,
    state: "waiting",
    generation: 1,
    startedAt: undefined,
    endedAt: undefined,
    main: newSingle(),
    lateAt: undefined,
    riskAt: undefined,
    late: 0,
    stale: 0,
    progress: [],
    told: undefined,
  };
}
