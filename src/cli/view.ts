/** A run's status as lines: while it runs, as one line for logs, and at its end. Pure. */
import { sentPrefix } from "../core/ids.ts";
import type { FailureGroup, Status, StepStatus } from "../views/status.ts";
import {
  count,
  duration,
  effort,
  instant,
  padEnd,
  padStart,
  percent,
  printable,
  rate,
  timeOfDay,
  width,
} from "./format.ts";
import { faint, span, strong, symbol, symbols, table } from "./style.ts";
import type { Line, Span } from "./style.ts";

/** Steps shown at once; with a line for the others, one for failures and one for the time there are at most eight. */
const stepLines = 5;

/** Settled, whatever the outcome. */
export function settled(step: StepStatus): number {
  return step.ok + step.failed + step.skipped + step.cancelled;
}

/** "invoices-2026-10 · monthly-invoices · acme" */
export function title(run: {
  readonly id: string;
  readonly flow: string;
  readonly customer?: string | undefined;
}): Line {
  const parts = [run.flow, ...(run.customer === undefined ? [] : [run.customer])];
  return ["  ", strong(run.id), faint(` · ${parts.join(" · ")}`)];
}

/** At most eight lines: the steps around the current one, what failed, and the time. */
export function live(status: Status, columns: number): Line[] {
  const current = Math.max(
    0,
    status.steps.findIndex((step) => step.name === status.step),
  );
  const first = Math.max(0, Math.min(current - 2, status.steps.length - stepLines));
  const shown = status.steps.slice(first, first + stepLines);
  const others = hidden(first, status.steps.length - first - shown.length);
  const label = labelWidth(shown);
  const failures = worst(status);
  return [
    ...shown.map((step) => stepLine(step, status.at, label, columns)),
    ...(others === undefined ? [] : [["  ", faint(others)]]),
    ...(failures.length === 0 ? [] : [failuresLine(failures, label)]),
    clockLine(status, label),
  ];
}

function hidden(before: number, after: number): string | undefined {
  const parts = [
    ...(before > 0 ? [`${count(before)} before`] : []),
    ...(after > 0 ? [`${count(after)} after`] : []),
  ];
  return parts.length === 0 ? undefined : `… ${parts.join(", ")}`;
}

function labelWidth(steps: readonly StepStatus[]): number {
  return Math.min(20, Math.max("deadline".length, ...steps.map((step) => width(step.name))));
}

function label(name: string, columns: number): string {
  return `  ${padEnd(name, columns)}   `;
}

function stepLine(step: StepStatus, now: number, labelColumns: number, columns: number): Line {
  const name = label(step.name, labelColumns);
  if (step.kind === "fan-out" && step.startedAt !== undefined)
    return [name, ...fanOutLine(step, now, columns - width(name))];
  const took = step.startedAt === undefined ? "" : duration((step.endedAt ?? now) - step.startedAt);
  return [name, symbol(step.state), faint(took === "" ? "" : `   ${took}`)];
}

function fanOutLine(step: StepStatus, now: number, columns: number): Line {
  const done = settled(step);
  const whole = count(step.total ?? step.size);
  const numbers =
    step.total === undefined
      ? `${count(done)} of ${whole} so far`
      : `${padStart(count(done), width(whole))} / ${whole}`;
  const pace =
    step.endedAt === undefined
      ? step.perSecond === undefined
        ? ""
        : rate(step.perSecond)
      : duration(step.endedAt - (step.startedAt ?? now));
  const marks: Line = [
    ...(step.failed > 0 ? ["   ", span("failed", `${symbols.failed} ${count(step.failed)}`)] : []),
    ...(step.retrying > 0
      ? ["   ", span("retrying", `${symbols.retrying} ${count(step.retrying)}`)]
      : []),
    ...(step.skipped > 0
      ? ["   ", span("faint", `${symbols.skipped} ${count(step.skipped)}`)]
      : []),
  ];
  // Room for what may come, so that the bar keeps its length while numbers grow.
  const bar = Math.min(40, columns - width(numbers) - paceColumns - marksColumns - 3);
  return [
    ...(bar >= 8 ? [...progressBar(done, step, bar), "   "] : [symbol(step.state), " "]),
    numbers,
    faint(`   ${padEnd(pace, marks.length > 0 ? paceColumns - 3 : 0)}`),
    ...marks,
  ];
}

const paceColumns = 13;
const marksColumns = 16;

function progressBar(done: number, step: StepStatus, columns: number): Line {
  const total = step.total ?? 0;
  const halves = total === 0 ? 0 : Math.floor((done / total) * columns * 2);
  const full = step.state === "done" ? columns : Math.floor(halves / 2);
  const half = step.state !== "done" && halves % 2 === 1 ? "╸" : "";
  const tone = step.state === "held" ? "held" : step.state === "done" ? "ok" : "running";
  return [
    span(tone, "━".repeat(full) + half),
    faint("╌".repeat(Math.max(0, columns - full - half.length))),
  ];
}

/** Groups of all steps, largest first. */
export function worst(status: Status): readonly FailureGroup[] {
  return status.steps.flatMap((step) => step.failures).toSorted((a, b) => b.count - a.count);
}

function failuresLine(groups: readonly FailureGroup[], labelColumns: number): Line {
  const named = groups.slice(0, 3).map((group) => `${count(group.count)} × ${group.message}`);
  const more = groups.length > 3 ? `   and ${count(groups.length - 3)} more kinds` : "";
  return [span("failed", label("failed", labelColumns)), `${named.join(" · ")}${more}`];
}

function clockLine(status: Status, labelColumns: number): Line {
  const elapsed = duration(Math.max(0, status.at - status.startedAt));
  const paused = status.paused.length === 0 ? [] : [span("held", `   ${symbols.held} paused`)];
  if (status.deadlineAt === undefined)
    return [faint(`${label("elapsed", labelColumns)}${elapsed}`), ...paused];
  const left = status.deadlineAt - status.at;
  const verdict: Span =
    left >= 0
      ? status.riskAt === undefined
        ? faint(`   ${duration(left)} left`)
        : span("retrying", `   ${symbols.risk} at risk${expected(status)}`)
      : span("failed", `   ${symbols.failed} ${duration(-left)} late`);
  return [
    faint(label("deadline", labelColumns)),
    instant(status.deadlineAt, status.at),
    faint(`   now ${instant(status.at, status.at)}   elapsed ${elapsed}`),
    verdict,
    ...paused,
  ];
}

/** Only what is measured: never an hour nobody can stand for. */
function expected({ forecastAt, at }: Status): string {
  return forecastAt === undefined ? "" : `: about ${instant(forecastAt, at)}`;
}

/** "15:02:41 invoices 6,702 / 10,000 (67 %) 117.5/min, 23 failed, 9 retrying": one line for a log. */
export function logLine(status: Status): string {
  const step = status.steps.find((one) => one.name === status.step);
  const head = `${timeOfDay(status.at)} ${status.run}`;
  if (step === undefined || step.kind === "step")
    return `${head} ${status.state}${step === undefined ? "" : ` at ${step.name}`}`;
  const done = settled(step);
  const progress =
    step.total === undefined
      ? `${count(done)} of ${count(step.size)} so far`
      : `${count(done)} / ${count(step.total)} (${percent(done, step.total)})`;
  const parts = [
    ...(step.perSecond === undefined ? [] : [rate(step.perSecond)]),
    ...(step.failed > 0 ? [`${count(step.failed)} failed`] : []),
    ...(step.retrying > 0 ? [`${count(step.retrying)} retrying`] : []),
    ...(status.state === "running" ? [] : [status.state]),
    ...(status.paused.length === 0 ? [] : ["paused"]),
    ...(status.lateAt !== undefined ? ["late"] : status.riskAt !== undefined ? ["at risk"] : []),
  ];
  return [`${head} ${step.name} ${progress}`, ...parts].join(", ");
}

/** What remains when the run stopped moving: the verdict, then the failures by kind with the way to one of each. */
export function verdict(status: Status, options: GroupOptions = {}): Line[] {
  const took = duration(Math.max(0, (status.endedAt ?? status.at) - status.startedAt));
  const fanOuts = status.steps.filter((step) => step.kind === "fan-out");
  return [["  ", ...sentence(status, took)], ...outcome(fanOuts), ...groupLines(status, options)];
}

function sentence(status: Status, took: string): Line {
  const because = status.because === undefined ? "" : `   ${status.because}`;
  switch (status.state) {
    case "done":
      return [span("ok", `${symbols.done} done in ${took}`), ...punctuality(status)];
    case "held":
      return [span("held", `${symbols.held} held after ${took}`), because];
    case "failed":
      return [span("failed", `${symbols.failed} failed after ${took}`), because];
    case "cancelled":
      return [span("failed", `${symbols.cancelled} cancelled after ${took}`), because];
    case "waiting":
    case "running":
      return [span("running", `${symbols.running} ${status.state} for ${took}`), because];
  }
}

function punctuality(status: Status): Line {
  if (status.deadlineAt === undefined || status.endedAt === undefined) return [];
  const left = status.deadlineAt - status.endedAt;
  return left >= 0
    ? [`, ${duration(left)} before its deadline`]
    : [span("failed", `, ${duration(-left)} after its deadline`)];
}

function outcome(fanOuts: readonly StepStatus[]): Line[] {
  const sum = (of: (step: StepStatus) => number): number =>
    fanOuts.reduce((total, step) => total + of(step), 0);
  const size = sum((step) => step.size);
  if (size === 0) return [];
  const failed = sum((step) => step.failed);
  const skipped = sum((step) => step.skipped);
  const parts = [
    `${count(sum((step) => step.ok))} ok`,
    ...(failed > 0 ? [`${count(failed)} failed (${percent(failed, size)})`] : []),
    ...(skipped > 0 ? [`${count(skipped)} skipped`] : []),
  ];
  const work = effort(sum((step) => step.seconds));
  return [[`    ${parts.join(" · ")}`, faint(`   ${work} of work`)]];
}

/** What an error says of itself is whole, as far as a person reads. */
export const messageWidth = 160;

export type GroupOptions = {
  /** Default 10. */
  readonly max?: number;
  /** Off where the run cannot be asked about afterwards. Default true. */
  readonly hasCommands?: boolean;
};

/** The failures of a run by kind: how many, what they said, and the command that shows one. */
export function groupLines(status: Status, options: GroupOptions = {}): Line[] {
  const { max = 10, hasCommands = true } = options;
  const groups = status.steps
    .flatMap((step) =>
      step.failures.map((group) => ({ ...group, step: step.name, error: step.error })),
    )
    .toSorted((a, b) => b.count - a.count);
  // A body or a split that failed has no key: where it threw is all there is.
  const command = (step: string, key: string | undefined, error?: StepStatus["error"]): string =>
    key === undefined
      ? thrownAt(error)
      : !hasCommands
        ? ""
        : `fanfold show ${quoted(`${status.run}/${step}/${key}`)}`;
  const lines = table(
    [{ title: "", align: "right" }, { title: "", max: messageWidth }, { title: "" }],
    groups
      .slice(0, max)
      .map(({ step, count: n, message, keys, error }) => [
        span("failed", count(n)),
        message,
        faint(command(step, keys[0], error)),
      ]),
  );
  const more = groups.length - max;
  return [
    ...lines.map((line): Line => ["  ", ...line]),
    ...(more > 0 ? [[faint(`      and ${count(more)} more kinds`)]] : []),
  ];
}

/** "TypeError   key (app.ts:12:8)" */
function thrownAt(error: StepStatus["error"]): string {
  return error?.at === undefined ? "" : `${error.name}   ${error.at}`;
}

/** "monthly-invoices", "job send-invoice": of runs that are a job by itself. */
export function flowText(flow: string): string {
  return flow.startsWith(sentPrefix) ? `job ${flow.slice(sentPrefix.length)}` : flow;
}

/** As a shell takes it: in quotes where it has to be. */
export function quoted(text: string): string {
  const safe = printable(text);
  return /^[\w./:@%+=-]+$/.test(safe) ? safe : `'${safe.replaceAll("'", String.raw`'\''`)}'`;
}
