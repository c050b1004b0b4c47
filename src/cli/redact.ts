/** What a run returned, without what the jobs of its flow hide: folds bring it there. */
import type { App } from "../app/app.ts";
import type { Json } from "../core/event.ts";
import { redacted } from "../core/redact.ts";

export function shownResult(app: App, flow: string, result: unknown): unknown {
  const part = app.parts.find((one) => one.kind === "flow" && one.name === flow);
  if (part?.kind !== "flow" || result === undefined) return result;
  const hidden = part.plan.steps.flatMap((step) =>
    step.kind === "fan-out" ? (step.job.redact ?? []) : [],
  );
  return redacted(result as Json, hidden); // oxlint-disable-line typescript/no-unsafe-type-assertion -- it was stored as JSON
}
