/** Why a run has not begun: a sentence, and the command that would change it. */
import { limits } from "../core/limits.ts";
import type { Cause, WhyFacts } from "./why.ts";

/** Of a run in the state waiting. */
export function whyNotBegun({ run, at }: WhyFacts): Cause {
  const { sentAtOnce } = limits;
  const because =
    run.startedAt > at
      ? "it is to begin at a later time"
      : `its time has come, and ${sentAtOnce.toLocaleString("en")} sent jobs are under way, which is as many as may be`;
  return { cause: "not-begun", because, at: run.startedAt, command: ["show", run.run] };
}
