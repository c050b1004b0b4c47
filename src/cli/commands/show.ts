import { Command } from "commander";

import type { App } from "../../app/app.ts";
import type { Run } from "../../app/run.ts";
import { pauseText } from "../../core/pauses.ts";
import type {
  AttemptRecord,
  EditRecord,
  Progress,
  Status,
  StepStatus,
  SubJobRecord,
} from "../../views/status.ts";
import { addressOf, noSubJob, runNamed, stepNamed } from "../address.ts";
import type { HistoryEvent } from "../../roles/history.ts";
import type { Act, Context } from "../context.ts";
import { eventFields, eventLines, withAttempts } from "../events.ts";
import { exitCodes } from "../exit.ts";
import type { ExitCode } from "../exit.ts";
import { count, duration, effort, instant, percent, rate } from "../format.ts";
import { jsonLine, statusFields, stepFields, subJobFields } from "../json.ts";
import { isStill } from "../follow.ts";
import { limitLines } from "../limits.ts";
import { openToRead } from "../load.ts";
import { given } from "../options.ts";
import { faint, span, stated, strong, symbols, table } from "../style.ts";
import { shownResult } from "../redact.ts";
import type { Cell, Line } from "../style.ts";
import { groupLines, quoted, settled, title, verdict } from "../view.ts";
import { heldAdvice } from "./start.ts";
import { causeLines } from "./why.ts";

type ShowOptions = {
  readonly payload?: boolean;
  readonly events?: boolean;
  readonly json?: boolean;
};

export function showCommand(act: (act: Act<ShowOptions>) => () => Promise<void>): Command {
  return new Command("show")
    .summary("show a run, a step or one sub-job")
    .description("Shows a run, one of its steps, or one sub-job with its attempts and errors.")
    .argument("<run[/step[/key]]>", "what to show; what fanfold prints can be pasted here")
    .option("--payload", "with inputs, results and what the folds say")
    .option(
      "--events",
      "what happened to it instead, oldest first: what people asked for, and what followed",
    )
    .option("--json", "print one JSON object; with --events one a line")
    .addHelpText(
      "after",
      `
Examples:
  fanfold show invoices-2026-10
  fanfold show invoices-2026-10/invoices
  fanfold show invoices-2026-10/invoices/c-00013 --payload
  fanfold show invoices-2026-10 --events     who paused it, and why`,
    )
    .action(act(show));
}

const show: Act<ShowOptions> = async (context, options, text = "") => {
  const { app } = await openToRead(context, options);
  try {
    const address = addressOf(text);
    const { id, step, key } = address;
    const run = await runNamed(app, id);
    const isEvents = options.events === true;
    if (step === undefined && !isEvents) return await showRun(context, app, run, options);
    const status = await run.status();
    const found = step === undefined ? undefined : stepNamed(status, step);
    const isSubJob = step !== undefined && key !== undefined;
    const record = isSubJob ? await run.subJob(step, key) : undefined;
    if (isSubJob && record === undefined) throw noSubJob(address);
    if (found === undefined || isEvents) {
      const events = run.history({ ...given({ step, key }), limit: mostEvents + 1 });
      return await showEvents(context, events, options, status.at, record);
    }
    if (record === undefined) return showStep(context, status, found, options);
    return showSubJob(context, record, options, status.at);
  } finally {
    await app.close();
  }
};

async function showRun(
  { data }: Context,
  app: App,
  run: Run,
  { payload, json }: ShowOptions,
): Promise<ExitCode> {
  const status = await run.status();
  const result =
    status.state === "done" && payload === true
      ? shownResult(app, status.flow, await run.result())
      : undefined;
  if (json === true) {
    data.write(
      jsonLine("run", {
        ...statusFields(status),
        ...(result === undefined ? {} : { result }),
      }),
    );
    return exitCodes.ok;
  }
  data.say(
    title({ id: status.run, flow: status.flow, customer: status.customer }),
    ...facts(status),
    [],
    ...table(
      stepColumns,
      status.steps.map((step) => stepRow(step, status.at)),
    ),
    ...limitLines(
      status.steps.flatMap((step) => step.limits),
      status.at,
    ),
    [],
    ...verdict(status),
    ...status.paused.map((pause): Line => [
      "  ",
      span("held", `${symbols.held} ${pauseText(pause)}`),
    ]),
    ...(status.state === "held" ? heldAdvice(run.id) : []),
    ...(isStill(status) ? [] : await lacking(run)),
  );
  if (payload === true) {
    for (const step of status.steps)
      if (step.value !== undefined) data.say(...block(step.name, step.value));
    if (result !== undefined) data.say(...block("result", result));
  }
  return exitCodes.ok;
}

/** Nobody would otherwise see why nothing happens. */
async function lacking(run: Run): Promise<Line[]> {
  const { causes, at } = await run.why();
  return causes.filter(({ cause }) => cause === "no-worker").flatMap((one) => causeLines(one, at));
}

/** Of a run that people have had much to do with, these are the first. */
const mostEvents = 1_000;

async function showEvents(
  { data, talk }: Context,
  history: AsyncIterable<HistoryEvent>,
  { json }: ShowOptions,
  now: number,
  record: SubJobRecord | undefined,
): Promise<ExitCode> {
  const events: HistoryEvent[] = [];
  for await (const event of history) events.push(event);
  const first = events.slice(0, mostEvents);
  const all = record === undefined ? first : withAttempts(first, record);
  if (json === true) for (const event of all) data.write(jsonLine("event", eventFields(event)));
  else data.say(...eventLines(all, now));
  if (events.length > mostEvents)
    talk.say([faint(`  … and more: these are the first ${mostEvents}`)]);
  return exitCodes.ok;
}

function facts(status: Status): Line[] {
  const tags = Object.entries(status.tags).map(([name, value]) => `${name}=${value}`);
  const parts = [
    `${status.state === "waiting" ? "begins" : "started"} ${instant(status.startedAt, status.at)}`,
    ...(status.deadlineAt === undefined ? [] : [`due ${instant(status.deadlineAt, status.at)}`]),
    ...(status.priority === "normal" ? [] : [`priority ${status.priority}`]),
    ...tags,
  ];
  return [[faint(`  ${parts.join("   ")}`)]];
}

const stepColumns = [
  { title: "step" },
  { title: "state" },
  { title: "done", align: "right" },
  { title: "of", align: "right" },
  { title: "failed", align: "right" },
  { title: "retrying", align: "right" },
  { title: "took", align: "right" },
] as const;

function stepRow(step: StepStatus, now: number): readonly Cell[] {
  const took = step.startedAt === undefined ? "" : duration((step.endedAt ?? now) - step.startedAt);
  if (step.kind === "step") return [step.name, stated(step.state), "", "", "", "", took];
  return [
    step.name,
    stated(step.state),
    count(settled(step)),
    count(step.total ?? step.size),
    step.failed === 0 ? "" : span("failed", count(step.failed)),
    step.retrying === 0 ? "" : span("retrying", count(step.retrying)),
    took,
  ];
}

function showStep(
  { data }: Context,
  status: Status,
  step: StepStatus,
  { payload, json }: ShowOptions,
): ExitCode {
  if (json === true) {
    data.write(jsonLine("step", { run: status.run, ...stepFields(step) }));
    return exitCodes.ok;
  }
  const number = (name: string, n: number): Cell[][] => (n === 0 ? [] : [[faint(name), count(n)]]);
  const { durations } = step;
  const rows: Cell[][] = [
    [faint("state"), stated(step.state)],
    ...(step.kind === "step"
      ? []
      : [
          [
            faint("settled"),
            `${count(settled(step))} of ${count(step.total ?? step.size)}   ${percent(settled(step), step.total ?? 0)}`,
          ],
        ]),
    ...number("ok", step.ok),
    ...number("failed", step.failed),
    ...number("timed out", step.timedOut),
    ...number("poison", step.poison),
    ...number("skipped", step.skipped),
    ...number("cancelled", step.cancelled),
    ...number("in flight", step.inFlight),
    ...number("retrying", step.retrying),
    ...number("waiting", step.waiting),
    ...number("late", step.late),
    ...number("duplicate", step.duplicate),
    ...number("stale", step.stale),
    ...number("repeated keys", step.duplicateKeys),
    ...(step.generation > 1 ? [[faint("generation"), count(step.generation)]] : []),
    ...(step.perSecond === undefined || step.endedAt !== undefined
      ? []
      : [[faint("rate"), rate(step.perSecond)]]),
    ...(durations === undefined
      ? []
      : [
          [
            faint("attempts take"),
            `half ≤ ${duration(durations.p50)}   9 of 10 ≤ ${duration(durations.p90)}   99 of 100 ≤ ${duration(durations.p99)}   longest ${duration(durations.max)}`,
          ],
        ]),
    ...(step.seconds === 0 ? [] : [[faint("work"), effort(step.seconds)]]),
    ...step.progress
      .slice(-progressLines)
      .map((one) => [
        faint("progress"),
        `${progressText(one)}${one.index < 0 ? "" : `   number ${count(one.index + 1)}`}`,
      ]),
  ];
  data.say(
    ["  ", strong(`${status.run}/${step.name}`), faint(` · ${status.flow}`)],
    [],
    ...table([{ title: "" }, { title: "" }], rows),
    ...limitLines(step.limits, status.at),
    [],
    ...groupLines({ ...status, steps: [step] }),
  );
  if (payload === true && step.value !== undefined) data.say(...block("value", step.value));
  return exitCodes.ok;
}

function showSubJob(
  { data }: Context,
  record: SubJobRecord,
  { payload, json }: ShowOptions,
  now: number,
): ExitCode {
  if (json === true) {
    data.write(jsonLine("sub-job", subJobFields(record, payload === true)));
    return exitCodes.ok;
  }
  const address = `${record.run}/${record.step}/${record.key}`;
  data.say(
    ["  ", strong(address), faint(`   number ${count(record.index + 1)}`)],
    ["  ", ...stated(record.state)],
    ...(record.progress === undefined ? [] : [[`  ${progressText(record.progress)}`]]),
    ...(record.dueAt === undefined ? [] : [[`  tried again at ${instant(record.dueAt, now)}`]]),
    [],
    ...(record.attempts.length === 0
      ? [[faint("  no attempt yet")]]
      : table(
          attemptColumns,
          record.attempts.map((attempt) => attemptRow(attempt, now)),
        )),
    ...record.edits.map((edit): Line => [`  ${editText(edit, now)}`]),
  );
  if (payload === true) {
    for (const edit of record.edits)
      data.say(...block(`input until ${instant(edit.at, now)}`, edit.before));
    data.say(...block("input", record.input));
    if (record.result !== undefined) data.say(...block("result", record.result));
  } else
    data.say([], [faint(`  with input and result:   fanfold show ${quoted(address)} --payload`)]);
  return exitCodes.ok;
}

/** "input corrected by anna at 15:03: they have moved" */
function editText({ at, author, reason }: EditRecord, now: number): string {
  const by = author === undefined ? "" : ` by ${author}`;
  return `input corrected${by} at ${instant(at, now)}${reason === undefined ? "" : `: ${reason}`}`;
}

/** Of a step, those that spoke last. */
const progressLines = 5;

/** "40 of 100 (40 %)" */
function progressText({ done, of }: Progress): string {
  return of === undefined
    ? `${count(done)} done`
    : `${count(done)} of ${count(of)} (${percent(done, of)})`;
}

const attemptColumns = [
  { title: "attempt", align: "right" },
  { title: "at" },
  { title: "outcome" },
  { title: "took", align: "right" },
  { title: "error" },
] as const;

function attemptRow(attempt: AttemptRecord, now: number): readonly Cell[] {
  const { error } = attempt;
  const where = error?.at === undefined ? "" : `   ${error.at}`;
  return [
    count(attempt.attempt),
    instant(attempt.at, now),
    stated(attempt.outcome),
    attempt.ms === undefined ? "" : duration(attempt.ms),
    error === undefined ? "" : [`${error.name}: ${error.message}`, faint(where)],
  ];
}

function block(name: string, value: unknown): Line[] {
  const text = JSON.stringify(value, null, 2) ?? "";
  return [[], [faint(`  ${name}`)], ...text.split("\n").map((line): Line => [`    ${line}`])];
}
