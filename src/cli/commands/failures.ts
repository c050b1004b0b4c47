import { Command } from "commander";

import type { App } from "../../app/app.ts";
import type { Run } from "../../app/run.ts";
import type { FanOutPlan } from "../../core/plan.ts";
import type { State } from "../../define/flow.ts";
import { isWhole, numbered, type Numbered } from "../../views/failures.ts";
import type { FailureGroup, Status } from "../../views/status.ts";
import { runNamed, stepNamed } from "../address.ts";
import type { Act, Context } from "../context.ts";
import { exitCodes } from "../exit.ts";
import { usage } from "../failure.ts";
import { count, instant, percent, printable } from "../format.ts";
import { failureFields } from "../json.ts";
import { list, watchOption, type Listed, type ListOptions } from "../listing.ts";
import { openToRead } from "../load.ts";
import * as options from "../options.ts";
import { faint, span, symbols, table } from "../style.ts";
import type { Cell, Line } from "../style.ts";
import { messageWidth, quoted, settled, title } from "../view.ts";

type FailuresOptions = ListOptions & {
  readonly step?: string;
  readonly group?: number;
  readonly keys?: boolean;
};

export function failuresCommand(act: (act: Act<FailuresOptions>) => () => Promise<void>): Command {
  return new Command("failures")
    .summary("what failed in a run, by kind")
    .description(
      "Groups what failed in a run by signature: the error's message without its numbers, ids and quotes. The largest group is number 1.",
    )
    .argument("<run>", "its id")
    .option("--step <name>", "of this step only")
    .option("--group <n>", "some of the sub-jobs of this group", options.wholeNumber(1, 10_000))
    .option("--keys", "the keys of all sub-jobs, one a line: of --group, or of all groups")
    .option(...watchOption)
    .option("--json", "print one JSON object a line; with --watch, one for the whole list")
    .addHelpText(
      "after",
      `
Examples:
  fanfold failures invoices-2026-10
  fanfold failures invoices-2026-10 --group 1
  fanfold failures invoices-2026-10 --group 1 --keys
  fanfold failures invoices-2026-10 --watch     while a redrive works on them
  fanfold failures invoices-2026-10 --json | jq -r .signature`,
    )
    .action(act(failures));
}

const failures: Act<FailuresOptions> = async (context, wanted, id = "") => {
  const { watch, keys, group } = wanted;
  if (watch === true && (keys === true || group !== undefined))
    throw usage(
      "--watch is of the list: not with --group or --keys",
      `fanfold failures ${quoted(id)} --watch`,
    );
  const { app } = await openToRead(context, wanted);
  try {
    const run = await runNamed(app, id);
    if (keys !== true)
      return await list(context, wanted, async () => listed(app, await run.status(), wanted));
    await writeKeys(context, run, chosen(await run.status(), wanted));
    return exitCodes.ok;
  } finally {
    await app.close();
  }
};

/** Of this step, and of this number, if they are said. */
function chosen(status: Status, wanted: FailuresOptions): readonly Numbered[] {
  const step = wanted.step === undefined ? undefined : stepNamed(status, wanted.step).name;
  const all = numbered(status.steps).filter((group) => step === undefined || group.step === step);
  return wanted.group === undefined ? all : [groupNumbered(all, wanted.group, status.run)];
}

function listed(app: App, status: Status, wanted: FailuresOptions): Listed {
  const groups = chosen(status, wanted);
  const none: Line = ["  ", span("ok", symbols.ok), ` nothing has failed in ${status.run}`];
  return {
    of: "failures",
    command: `failures ${quoted(status.run)}`,
    lines: groups.length === 0 ? [] : linesOf(app, status, groups, wanted.group !== undefined),
    hints: groups.length === 0 ? [none] : [],
    rows: groups.map((group) => ["failures", failureFields(status, group)]),
  };
}

/** All of them, not the samples that a group keeps. */
async function writeKeys(
  { data }: Context,
  run: Run<State>,
  groups: readonly Numbered[],
): Promise<void> {
  // A step that failed as a whole has none.
  for (const { step, signature } of groups.filter((group) => !isWhole(group)))
    for await (const { key } of run.export({ step, signature })) data.write(`${printable(key)}\n`);
}

export function groupNumbered(all: readonly Numbered[], number: number, run: string): Numbered {
  const found = all.find((group) => group.number === number);
  if (found !== undefined) return found;
  throw usage(
    `"${run}" has no group ${number} of failures: there ${all.length === 1 ? "is one" : `are ${all.length}`}`,
    `fanfold failures ${quoted(run)}`,
  );
}

const columns = [
  { title: "#", align: "right" },
  { title: "count", align: "right" },
  { title: "step" },
  { title: "signature", max: 24 },
  { title: "message", max: messageWidth },
  { title: "first – last" },
  { title: "attempts", align: "right" },
] as const;

function linesOf(
  app: App,
  status: Status,
  groups: readonly Numbered[],
  hasKeys: boolean,
): readonly Line[] {
  const rows = groups.map((group): readonly Cell[] => [
    count(group.number),
    span("failed", count(group.count)),
    group.step,
    group.signature,
    group.message,
    seen(group, status.at),
    attempts(group, planOf(app, status, group.step)),
  ]);
  const [first] = groups;
  const key = first?.keys[0];
  return [
    title({ id: status.run, flow: status.flow, customer: status.customer }),
    [],
    ...table(columns, rows),
    [],
    ...(hasKeys
      ? (first?.keys ?? []).map((one): Line => [`  ${show(status.run, first?.step ?? "", one)}`])
      : [...shares(status), ...(key === undefined ? [] : [oneOf(status, first?.step ?? "", key)])]),
    ...again(status, first),
  ];
}

function show(run: string, step: string, key: string): string {
  return `fanfold show ${quoted(`${run}/${step}/${key}`)}`;
}

function oneOf(status: Status, step: string, key: string): Line {
  return [faint("  one of them:   "), show(status.run, step, key)];
}

/** A run that was cancelled is not to be had again. */
function again({ run, state }: Status, first: Numbered | undefined): Line[] {
  if (first === undefined || state === "cancelled") return [];
  return [[faint("  those again:   "), `fanfold redrive ${quoted(run)} --group ${first.number}`]];
}

/** How much of each fan-out failed. */
function shares(status: Status): Line[] {
  return status.steps
    .filter((step) => step.kind === "fan-out" && step.failed > 0)
    .map((step) => [
      `  ${count(step.failed)} of ${count(step.total ?? settled(step))} of ${step.name} failed (${percent(step.failed, step.total ?? settled(step))})`,
    ]);
}

function seen({ firstAt, lastAt }: FailureGroup, now: number): string {
  if (firstAt === undefined || lastAt === undefined) return "";
  const [first, last] = [instant(firstAt, now), instant(lastAt, now)];
  return first === last ? first : `${first} – ${last}`;
}

/** "5 of 5"; "1 (fatal)" where it was given up on before its time. */
function attempts(group: FailureGroup, plan: FanOutPlan | undefined): string {
  const { attempts: n } = group;
  if (n === undefined) return "";
  const atMost = isWhole(group) ? undefined : plan?.job.retry.attempts;
  if (atMost === undefined) return count(n);
  return n < atMost ? `${count(n)} (fatal)` : `${count(n)} of ${count(atMost)}`;
}

/** As this program has it. */
function planOf(app: App, { flow }: Status, step: string): FanOutPlan | undefined {
  const part = app.parts.find((one) => one.kind === "flow" && one.name === flow);
  const plan =
    part?.kind === "flow" ? part.plan.steps.find(({ name }) => name === step) : undefined;
  return plan?.kind === "fan-out" ? plan : undefined;
}
