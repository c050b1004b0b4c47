/** A job by itself: the flow that a job is run by when it is sent, so that all that is true of runs is true of it. */
import type { Json } from "../core/event.ts";
import { sentPrefix } from "../core/ids.ts";
import type { Flow } from "./flow.ts";
import { foldPlan } from "./folds.ts";
import type { Job } from "./job.ts";

/** One step, called as the job; one sub-job, called as the run; its result is kept. */
export function sent(job: Job): Flow {
  const { name, plan } = job;
  const { queue, retry, timeoutMs, retentionMs } = plan;
  return {
    kind: "flow",
    name: `${sentPrefix}${name}`,
    plan: {
      name: `${sentPrefix}${name}`,
      version: 1,
      priority: "normal",
      ...(retentionMs === undefined ? {} : { retentionMs }),
      steps: [
        {
          kind: "fan-out",
          name,
          queue,
          retry,
          timeoutMs,
          job: plan,
          tolerate: { count: 0 },
          beyond: "fail",
          folds: foldPlan((folds) => folds.list(1), `result of job "${name}"`),
          isSent: true,
        },
      ],
    },
    input: job.input,
    steps: [{ kind: "fan-out", name, job, over: ({ input }) => [input], key: () => "" }],
  };
}

/** What the job returned, of what its one step came to; undefined where it was skipped. */
export function sentResult(joined: Json | undefined): Json | undefined {
  const value =
    typeof joined === "object" && joined !== null && "value" in joined
      ? joined["value"]
      : undefined;
  return Array.isArray(value) ? (value[0] as Json | undefined) : undefined; // oxlint-disable-line typescript/no-unsafe-type-assertion -- list(1) makes a list of results
}
