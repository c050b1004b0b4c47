/** Where `redact` of a job is honoured: in what is read back, in its log lines and in what its errors say. */
import type { Failure, Json } from "../core/event.ts";
import type { JobPlan, Plans } from "../core/plan.ts";
import { redacted, withoutSecrets } from "../core/redact.ts";
import type { Tools } from "./attempt.ts";
import { pageWith, type ItemPage } from "./pages.ts";
import type { Held } from "./sub-jobs.ts";

/** What the job of a fan-out hides; undefined where it hides nothing, or this program does not know its flow. */
export function redactOf(plans: Plans, flow: string, step: string): readonly string[] | undefined {
  const found = plans.get(flow)?.steps.find(({ name }) => name === step);
  return found?.kind === "fan-out" ? found.job.redact : undefined;
}

/** The failure as it may be shown: without what its message says of the input's hidden values. */
export function cleanFailure(failure: Failure, { job, pages }: Held, index: number): Failure {
  const { redact } = job.plan;
  if (redact === undefined) return failure;
  try {
    const input = inputOf(pageWith(pages, index), index);
    return { ...failure, message: withoutSecrets(failure.message, input, redact) };
  } catch {
    return failure; // The page is damaged: that is what the failure says, and nobody has seen the input.
  }
}

/** The same tools; for a job that hides something, others: what it logs is clean of it. */
export function toolsFor(tools: Tools, { redact }: JobPlan, page: ItemPage, index: number): Tools {
  if (redact === undefined) return tools;
  const input = inputOf(page, index);
  return {
    ...tools,
    log(level, message, data, attempt) {
      const clean = data === undefined ? undefined : logData(data, redact);
      tools.log(level, withoutSecrets(message, input, redact), clean, attempt);
    },
  };
}

function inputOf({ items, from }: ItemPage, index: number): Json {
  return items[index - from] ?? null;
}

/** What is logged may be anything: errors, dates, cycles. What is no plain JSON is hidden by the names at its top only. */
function logData(data: object, paths: readonly string[]): object {
  try {
    return Object(redacted(JSON.parse(JSON.stringify(data)) as Json, paths)); // oxlint-disable-line typescript/no-unsafe-type-assertion -- JSON.parse makes nothing else
  } catch {
    return { hidden: "what was logged is not plain JSON, and its job hides something" };
  }
}
