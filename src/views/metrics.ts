/** How things stand, in the text format of Prometheus. Pure; made when somebody asks, so it costs nothing in between. */
import type { RunState } from "../core/event.ts";
import type { Statistics } from "./statistics.ts";

export type Measured = {
  /** Runs under way, by state. */
  readonly runs: Readonly<Partial<Record<RunState, number>>>;
  readonly statistics: readonly Statistics[];
  readonly workers: number;
  readonly queues: readonly {
    readonly queue: string;
    readonly slots: number;
    readonly waiting: number;
    readonly inFlight: number;
    readonly retrying: number;
  }[];
  readonly partitions: readonly {
    readonly partition: number;
    readonly end: number;
    readonly readers: readonly { readonly name: string; readonly lag: number }[];
  }[];
  readonly webhooks: readonly {
    readonly name: string;
    readonly state: string;
    readonly waiting: number;
    readonly failed: number;
  }[];
};

type Labels = Readonly<Record<string, string | number>>;
type Sample = readonly [labels: Labels, value: number];

/** One metric: HELP, TYPE, and a line for each sample. All are gauges: a redrive takes back what it mends. */
function metric(name: string, help: string, samples: readonly Sample[]): string {
  const lines = samples.map(([labels, value]) => `fanfold_${name}${labelled(labels)} ${value}`);
  return [`# HELP fanfold_${name} ${help}`, `# TYPE fanfold_${name} gauge`, ...lines, ""].join(
    "\n",
  );
}

function labelled(labels: Labels): string {
  const pairs = Object.entries(labels).map(
    ([name, value]) => `${name}="${escaped(String(value))}"`,
  );
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

function escaped(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}

const seconds = (ms: number): number => ms / 1_000;

export function metricsText(measured: Measured): string {
  const { statistics, queues, partitions, webhooks } = measured;
  const of = (kind: Statistics["of"]): readonly Statistics[] =>
    statistics.filter((one) => one.of === kind);
  const flows = of("flow");
  const steps = of("step").map((one) => {
    const [flow = "", step = ""] = one.name.split("/");
    return { ...one, labels: { flow, step } };
  });
  const jobs = of("job");
  const inQueue = (state: "waiting" | "inFlight" | "retrying", label: string): readonly Sample[] =>
    queues.map(({ queue, ...one }) => [{ queue, state: label }, one[state]]);
  return [
    metric(
      "runs",
      "Runs under way, by state.",
      Object.entries(measured.runs).map(([state, count]) => [{ state }, count]),
    ),
    metric(
      "runs_ended",
      "Runs that ended, by flow and state.",
      flows.flatMap(({ name, runs }) =>
        Object.entries(runs).map(([state, count]): Sample => [{ flow: name, state }, count]),
      ),
    ),
    metric(
      "run_duration_seconds",
      "From the start of a run to its end, quantiles over all that ended.",
      flows.flatMap(({ name, durations }) => quantiles({ flow: name }, durations)),
    ),
    metric(
      "sub_jobs",
      "Sub-jobs and plain steps by outcome, of steps that ended.",
      steps.flatMap(({ labels, outcomes }) =>
        Object.entries(outcomes).map(([outcome, count]): Sample => [{ ...labels, outcome }, count]),
      ),
    ),
    metric(
      "attempts",
      "Attempts of a job, of steps that ended.",
      jobs.map(({ name, attempts }) => [{ job: name }, attempts]),
    ),
    metric(
      "attempt_duration_seconds",
      "One attempt, quantiles.",
      jobs.flatMap(({ name, durations }) => quantiles({ job: name }, durations)),
    ),
    metric(
      "retries",
      "Attempts that were not the first, by cause.",
      jobs.flatMap(({ name, retries }) =>
        Object.entries(retries).map(([cause, count]): Sample => [{ job: name, cause }, count]),
      ),
    ),
    metric(
      "work_seconds",
      "Time that workers spent on a job.",
      jobs.map((one) => [{ job: one.name }, one.seconds]),
    ),
    metric("queue", "Sub-jobs and steps of runs under way, by queue and state.", [
      ...inQueue("waiting", "waiting"),
      ...inQueue("inFlight", "in-flight"),
      ...inQueue("retrying", "retrying"),
    ]),
    metric(
      "queue_slots",
      "Slots of workers that work on a queue.",
      queues.map(({ queue, slots }) => [{ queue }, slots]),
    ),
    metric("workers", "Workers that were seen lately.", [[{}, measured.workers]]),
    metric(
      "log_end",
      "Records on the log.",
      partitions.map(({ partition, end }) => [{ partition }, end]),
    ),
    metric(
      "log_lag",
      "Records that a reader has not read yet.",
      partitions.flatMap(({ partition, readers }) =>
        readers.map(({ name, lag }): Sample => [{ partition, reader: name }, lag]),
      ),
    ),
    metric(
      "notices",
      "Events on their way to a webhook, and those it did not hear.",
      webhooks.flatMap(({ name, waiting, failed }): readonly Sample[] => [
        [{ webhook: name, state: "waiting" }, waiting],
        [{ webhook: name, state: "failed" }, failed],
      ]),
    ),
    metric(
      "webhook_gone",
      "1 where a webhook answered 410 and is told nothing.",
      webhooks.map(({ name, state }) => [{ webhook: name }, state === "gone" ? 1 : 0]),
    ),
  ].join("");
}

function quantiles(labels: Labels, durations: Statistics["durations"]): readonly Sample[] {
  if (durations === undefined) return [];
  const { p50, p90, p99, max } = durations;
  return (
    [
      ["0.5", p50],
      ["0.9", p90],
      ["0.99", p99],
      ["1", max],
    ] as const
  ).map(([quantile, ms]) => [{ ...labels, quantile }, seconds(ms)]);
}
