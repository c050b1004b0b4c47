/** What --json prints: one object a line, with a `schema` that changes only when a reader would break. */
import type { RunRow } from "../ports/views.ts";
import type {
  ExportedSubJob,
  FailureGroup,
  Status,
  StepStatus,
  SubJobRecord,
} from "../views/status.ts";
import type { WorkerStatus } from "../roles/standing.ts";
import type { FailedGroup } from "../views/failures.ts";
import type { Statistics } from "../views/statistics.ts";
import type { Why } from "../views/why.ts";
import { iso } from "./format.ts";
import { limitFields } from "./limits.ts";

export type Fields = Readonly<Record<string, unknown>>;

export function jsonLine(schema: string, fields: Fields): string {
  return `${JSON.stringify(jsonObject(schema, fields))}\n`;
}

export function jsonObject(schema: string, fields: Fields): Fields {
  return { schema: `fanfold.${schema}/1`, ...fields };
}

const when = (at: number | undefined): string | null => (at === undefined ? null : iso(at));

/** A line of a list: what is known of a run, with counters where its status could be read. */
export function runFields(row: RunRow, status: Status | undefined): Fields {
  const step = status === undefined ? undefined : currentFanOut(status);
  return {
    id: row.run,
    flow: row.flow,
    state: row.state,
    customer: row.customer ?? null,
    priority: row.priority,
    tags: row.tags ?? {},
    step: row.step ?? null,
    total: step?.total ?? null,
    ok: step?.ok ?? null,
    failed: step?.failed ?? null,
    startedAt: when(row.startedAt),
    endedAt: when(row.endedAt),
    deadline: when(row.deadlineAt),
    isLate: row.lateAt !== undefined,
    isAtRisk: row.riskAt !== undefined,
    forecast: when(status?.forecastAt),
    paused: (status?.paused ?? []).map(({ at, ...pause }) => ({ ...pause, at: when(at) })),
    because: row.because ?? null,
  };
}

/** Everything about one run. */
export function statusFields(status: Status): Fields {
  const row: RunRow = {
    run: status.run,
    flow: status.flow,
    state: status.state,
    priority: status.priority,
    tags: status.tags,
    startedAt: status.startedAt,
    ...(status.customer === undefined ? {} : { customer: status.customer }),
    ...(status.step === undefined ? {} : { step: status.step }),
    ...(status.because === undefined ? {} : { because: status.because }),
    ...(status.endedAt === undefined ? {} : { endedAt: status.endedAt }),
    ...(status.deadlineAt === undefined ? {} : { deadlineAt: status.deadlineAt }),
    ...(status.lateAt === undefined ? {} : { lateAt: status.lateAt }),
    ...(status.riskAt === undefined ? {} : { riskAt: status.riskAt }),
  };
  return {
    ...runFields(row, status),
    asOf: { offset: status.asOf, at: when(status.at) },
    steps: status.steps.map(stepFields),
  };
}

export function stepFields(step: StepStatus): Fields {
  return {
    ...step,
    startedAt: when(step.startedAt),
    endedAt: when(step.endedAt),
    progress: step.progress.map((one) => ({ ...one, at: when(one.at) })),
    failures: step.failures.map(seenFields),
    limits: step.limits.map(limitFields),
  };
}

export function subJobFields(record: SubJobRecord, hasPayload: boolean): Fields {
  const { input, edits, result, attempts, dueAt, progress, ...facts } = record;
  return {
    ...facts,
    progress: progress === undefined ? null : { ...progress, at: when(progress.at) },
    dueAt: when(dueAt),
    edits: edits.map(({ before, at, author = null, reason = null }) => ({
      at: when(at),
      author,
      reason,
      ...(hasPayload ? { before } : {}),
    })),
    attempts: attempts.map((attempt) => ({ ...attempt, at: when(attempt.at) })),
    ...(hasPayload ? { input, result } : {}),
  };
}

export function failureFields(
  { run }: Status,
  group: FailureGroup & { readonly step: string },
): Fields {
  return { run, ...seenFields(group) };
}

export function failedFields({ samples, job, queue, attempts, ...group }: FailedGroup): Fields {
  return {
    ...seenFields(group),
    job: job ?? null,
    queue: queue ?? null,
    attempts: attempts ?? null,
    samples,
  };
}

function seenFields({
  firstAt,
  lastAt,
  ...group
}: {
  readonly firstAt?: number | undefined;
  readonly lastAt?: number | undefined;
}): Fields {
  return { ...group, firstAt: when(firstAt), lastAt: when(lastAt) };
}

export function exportedFields({ at, ms, result, error, ...facts }: ExportedSubJob): Fields {
  return {
    ...facts,
    at: when(at),
    ms: ms ?? null,
    result: result ?? null,
    error: error ?? null,
  };
}

export function workerFields({ until, ...worker }: WorkerStatus): Fields {
  return { ...worker, until: when(until) };
}

export function statisticsFields({ hours, days, failures, ...sums }: Statistics): Fields {
  const dated = (list: Statistics["hours"]): readonly Fields[] =>
    list.map(({ at, settled }) => ({ at: when(at), settled }));
  return { ...sums, failures: failures.map(seenFields), hours: dated(hours), days: dated(days) };
}

export function whyFields({ causes, asOf, at, ...what }: Why): Fields {
  return {
    ...what,
    causes: causes.map((cause) => ({ ...cause, at: when(cause.at) })),
    asOf: { offset: asOf, at: when(at) },
  };
}

/** The fan-out a run is at, or else its last one: what its counters count. */
function currentFanOut(status: Status): StepStatus | undefined {
  const fanOuts = status.steps.filter((step) => step.kind === "fan-out");
  return fanOuts.find((step) => step.name === status.step) ?? fanOuts.at(-1);
}
