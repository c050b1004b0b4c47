/** What an app is made of, sorted by kind and checked together. */
import type { Flow } from "../define/flow.ts";
import type { Job } from "../define/job.ts";
import type { Listener } from "../define/listener.ts";
import { sent } from "../define/sent.ts";
import type { Webhook } from "../define/webhook.ts";
import { UsageError } from "../errors.ts";

/** What an app is made of. Every job and flow that it starts or works on must be among them. */
export type Part = Flow | Job | Listener | Webhook;

export type Sorted = {
  readonly flows: ReadonlyMap<string, Flow>;
  readonly jobs: ReadonlyMap<string, Job>;
  readonly listeners: readonly Listener[];
  readonly webhooks: ReadonlyMap<string, Webhook>;
};

/** Throws UsageError where two are called the same, or one is missing. */
export function sorted(parts: readonly Part[]): Sorted {
  const byKind = <K extends Part["kind"]>(kind: K) => {
    const named = new Map<string, Extract<Part, { readonly kind: K }>>();
    for (const part of parts) {
      if (!isOf(part, kind)) continue;
      const other = named.get(part.name);
      if (other !== undefined && other !== part)
        throw new UsageError(`app({ parts }) has two ${kind}s called "${part.name}": rename one`);
      named.set(part.name, part);
    }
    return named;
  };
  const flows = byKind("flow");
  const jobs = byKind("job");
  for (const flow of flows.values()) {
    if (flow.steps.length === 0)
      throw new UsageError(`flow "${flow.name}" has no steps: give it one with .step or .fanOut`);
    for (const step of flow.steps)
      if (step.kind === "fan-out" && jobs.get(step.job.name) !== step.job)
        throw new UsageError(
          `${step.job.name} is used by ${flow.name}/${step.name} but is not in app({ parts }): add it`,
        );
  }
  for (const one of [...jobs.values()].map(sent)) flows.set(one.name, one);
  return { flows, jobs, listeners: [...byKind("listener").values()], webhooks: byKind("webhook") };
}

function isOf<K extends Part["kind"]>(
  part: Part,
  kind: K,
): part is Extract<Part, { readonly kind: K }> {
  return part.kind === kind;
}
