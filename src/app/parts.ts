/** What an app is made of, and whether it fits together. */
import { sentPrefix } from "../core/ids.ts";
import type { SharedLimit } from "../core/plan.ts";
import type { Flow } from "../define/flow.ts";
import type { Job } from "../define/job.ts";
import type { Listener } from "../define/listener.ts";
import type { Schedule } from "../define/schedule.ts";
import { sent } from "../define/sent.ts";
import type { Webhook } from "../define/webhook.ts";
import { UsageError } from "../errors.ts";
import type { Everywhere } from "./deciding.ts";

/** What an app is made of. Every job and flow that it starts or works on must be among them. */
export type Part = Flow | Job | Listener | Schedule | Webhook;

export type Sorted = {
  readonly flows: ReadonlyMap<string, Flow>;
  readonly jobs: ReadonlyMap<string, Job>;
  readonly listeners: readonly Listener[];
  readonly schedules: ReadonlyMap<string, Schedule>;
  readonly webhooks: ReadonlyMap<string, Webhook>;
};

/** The parts by kind and name. Throws UsageError for those that do not fit together. */
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
  checkLimits(jobs.values());
  const schedules = byKind("schedule");
  for (const { name, run } of schedules.values())
    if ((run.kind === "flow" ? flows : jobs).get(run.name) !== run)
      throw new UsageError(
        `${run.kind} "${run.name}" is run by schedule "${name}" but is not in app({ parts }): add it`,
      );
  for (const one of [...jobs.values()].map(sent)) flows.set(one.name, one);
  const listeners = [...byKind("listener").values()];
  return { flows, jobs, listeners, schedules, webhooks: byKind("webhook") };
}

/** One name, one limit: else it would be a matter of chance which of them holds. */
function checkLimits(jobs: Iterable<Job>): void {
  const known = new Map<string, { readonly limit: SharedLimit; readonly job: string }>();
  for (const { name: job, plan } of jobs)
    for (const limit of plan.limits ?? []) {
      const other = known.get(limit.name);
      if (other === undefined) known.set(limit.name, { limit, job });
      else if (
        JSON.stringify(other.limit) !== JSON.stringify(limit) ||
        other.limit.key !== limit.key
      )
        throw new UsageError(
          `limit "${limit.name}" of job "${job}" is not that of job "${other.job}": define it once, and name it in both`,
        );
    }
}

function isOf<K extends Part["kind"]>(
  part: Part,
  kind: K,
): part is Extract<Part, { readonly kind: K }> {
  return part.kind === kind;
}

/** Throws UsageError unless it is this app's own. */
export function checkFlow(flows: ReadonlyMap<string, Flow>, flow: Flow): void {
  const known = flows.get(flow.name);
  if (known === flow) return;
  if (known !== undefined)
    throw new UsageError(
      `flow "${flow.name}" is not the one in app({ parts }), only called the same: start that one`,
    );
  const own = [...flows.keys()].filter((name) => !name.startsWith(sentPrefix));
  const names = own.map((name) => `"${name}"`).join(", ");
  throw new UsageError(
    `unknown flow "${flow.name}": ${names === "" ? "this app has no flows in parts" : `this app knows ${names}`}`,
  );
}

/** Throws UsageError for a job, a flow or a queue that the app does not know: what is misspelt would stop nothing. */
export function checkPausable(
  { flows, jobs }: Pick<Sorted, "flows" | "jobs">,
  what: Everywhere,
): void {
  if ("job" in what) known("job", what.job, [...jobs.keys()]);
  if ("flow" in what)
    known(
      "flow",
      what.flow,
      [...flows.keys()].filter((name) => !name.startsWith(sentPrefix)),
    );
  if ("queue" in what) known("queue", what.queue, queuesOf({ flows, jobs }));
}

/** All that steps and jobs go through. */
export function queuesOf({ flows, jobs }: Pick<Sorted, "flows" | "jobs">): readonly string[] {
  const steps = [...flows.values()].flatMap(({ plan }) => plan.steps.map(({ queue }) => queue));
  return [...new Set([...steps, ...[...jobs.values()].map(({ plan }) => plan.queue)])];
}

function known(what: "job" | "flow" | "queue", name: string, all: readonly string[]): void {
  if (all.includes(name)) return;
  const names = all.map((one) => `"${one}"`).join(", ");
  throw new UsageError(
    `unknown ${what} "${name}": ${names === "" ? `this app has no ${what}s in parts` : `this app knows ${names}`}`,
  );
}
