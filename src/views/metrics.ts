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
  readonly writes: readonly Writes[];
};

/** Appends to the log or commits of the store that one process has seen through, since it began. */
export type Writes = {
  readonly engine: string;
  readonly operation: "append" | "commit";
  /** How many took as long as each of writeBuckets says at most, and longer than the one before. */
  readonly buckets: readonly number[];
  readonly count: number;
  readonly seconds: number;
};

/** Seconds. A commit takes 0.13 ms on a good disk, 10 on a slow one, and whole seconds where something is wrong. */
export const writeBuckets = [0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10] as const;

/** The index of the bucket that a duration falls into; -1 beyond the last. */
export function writeBucketOf(seconds: number): number {
  return writeBuckets.findIndex((most) => seconds <= most);
}

type Labels = Readonly<Record<string, string | number>>;
type Sample = readonly [labels: Labels, value: number];

/** One metric: HELP, TYPE, and a line for each sample. What is counted is a gauge all the same: a redrive takes back what it mends. */
function metric(
  name: string,
  help: string,
  samples: readonly (Sample | readonly [labels: Labels, value: number, suffix: string])[],
  type: "gauge" | "summary" | "histogram" = "gauge",
): string {
  const lines = samples.map(
    ([labels, value, suffix = ""]) => `fanfold_${name}${suffix}${labelled(labels)} ${value}`,
  );
  return [`# HELP fanfold_${name} ${help}`, `# TYPE fanfold_${name} ${type}`, ...lines, ""].join(
    "\n",
  );
}

function histogram({ engine, operation, buckets, count, seconds }: Writes) {
  const labels = { engine, operation };
  let below = 0;
  const bounded = writeBuckets.map((le, index) => {
    below += buckets[index] ?? 0;
    return [{ ...labels, le }, below, "_bucket"] as const;
  });
  return [
    ...bounded,
    [{ ...labels, le: "+Inf" }, count, "_bucket"] as const,
    [labels, seconds, "_sum"] as const,
    [labels, count, "_count"] as const,
  ];
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
      "summary",
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
      "summary",
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
      "write_duration_seconds",
      "Until what this process appends to the log or commits is durable.",
      measured.writes.flatMap(histogram),
      "histogram",
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
