import { Command } from "commander";

import type { App } from "../../app/app.ts";
import type { RunState } from "../../core/event.ts";
import { isEverywhere, type Pause } from "../../core/pauses.ts";
import type { RunRow } from "../../ports/views.ts";
import type { Status } from "../../views/status.ts";
import type { Act, Context } from "../context.ts";
import { count, duration, instant, percent } from "../format.ts";
import { runFields, type Fields } from "../json.ts";
import { list, watchOption, type Listed, type ListOptions } from "../listing.ts";
import { openToRead } from "../load.ts";
import * as options from "../options.ts";
import type { Condition, RunOrder } from "../options.ts";
import { faint, span, stated, symbols, table } from "../style.ts";
import type { Cell, Line } from "../style.ts";
import { unknownNames } from "../unknown.ts";

type RunsOptions = ListOptions & {
  readonly state?: readonly (RunState | Condition)[];
  readonly flow?: string;
  readonly customer?: string;
  readonly since?: string;
  readonly limit: number;
  readonly sort?: RunOrder;
};

export function runsCommand(act: (act: Act<RunsOptions>) => () => Promise<void>): Command {
  return new Command("runs")
    .summary("list runs, newest first")
    .description("Lists runs, newest first.")
    .option(
      "--state <states>",
      "waiting, running, held, done, failed, cancelled; or paused, late, at-risk; several with commas",
      options.runStates,
    )
    .option("--flow <name>", "of this flow")
    .option("--customer <name>", "of this customer")
    .option("--since <when>", 'started since: "2h" ago, or a date and time')
    .option(
      "--sort <order>",
      "started (default), newest first; deadline, nearest first; took, longest first",
      options.runOrder,
    )
    .option("--limit <n>", "at most so many", options.wholeNumber(1, 10_000), 20)
    .option(...watchOption)
    .option("--json", "print one JSON object a line; with --watch, one for the whole list")
    .addHelpText(
      "after",
      `
Examples:
  fanfold runs --state held
  fanfold runs --watch
  fanfold runs --state late,at-risk --sort deadline
  fanfold runs --flow monthly-invoices --since 7d
  fanfold runs --state failed,held --json | jq -r .id`,
    )
    .action(act(runs));
}

const runs: Act<RunsOptions> = async (context, wanted) => {
  const { since: from, ...others } = wanted;
  const since = from === undefined ? undefined : sinceOf(context, from);
  const { app } = await openToRead(context, wanted);
  try {
    const asked = { ...others, ...options.given({ since }) };
    return await list(context, wanted, () => runsListed(context, app, asked));
  } finally {
    await app.close();
  }
};

type Wanted = Omit<RunsOptions, "since"> & { readonly since?: number };

export async function runsListed(
  { clock }: Pick<Context, "clock">,
  app: App,
  wanted: Wanted,
): Promise<Listed> {
  const now = clock.now();
  const rows = await matching(app, wanted, now);
  const known = await Promise.all(
    rows.map(async (row) => ({ row, status: await statusOf(app, row) })),
  );
  const about = known.map((one) => cells(one, now));
  const least = { of: "runs", rows: known.map(fieldsOf) };
  if (known.length === 0) return { ...least, lines: [], hints: nothing(app, wanted) };
  const [isAll, more] = [known.length < wanted.limit, wanted.limit * 5];
  const hint = `  the newest ${count(wanted.limit)}; more with   fanfold runs --limit ${more}`;
  return {
    ...least,
    lines: table(columns, about),
    hints: isAll ? [] : [[faint(hint)]],
    // That time passes is no change.
    mark: JSON.stringify(about.map((row) => row.filter((_, n) => columns[n]?.title !== "took"))),
  };
}

function fieldsOf({ row, status }: Known): readonly [schema: string, fields: Fields] {
  return ["run", runFields(row, status)];
}

function nothing(app: App, { state, flow, customer, since }: Wanted): readonly Line[] {
  const isFiltered = [state, flow, customer, since].some((one) => one !== undefined);
  return [
    ["  ", isFiltered ? "no run matches" : "no runs yet"],
    ...unknownNames(app, options.given({ flow })),
    [`    ${isFiltered ? "fanfold runs" : "fanfold start --help"}`],
  ];
}

/** What the list itself cannot tell apart is looked for among so many of the newest. */
const looked = 10_000;

async function matching(app: App, wanted: Wanted, now: number): Promise<readonly RunRow[]> {
  const { state, flow, customer, since, limit, sort = "started" } = wanted;
  const about = options.given({ flow, customer, since });
  const states = state?.filter((one): one is RunState => !isCondition(one));
  if (states?.length === state?.length && sort === "started")
    return app.runs({ ...about, ...options.given({ states }), limit });
  const pauses = state?.includes("paused") === true ? await app.pauses() : [];
  const holds: Readonly<Record<Condition, (row: RunRow) => boolean>> = {
    paused: (row) => row.endedAt === undefined && pauses.some((pause) => isOf(pause, row)),
    late: ({ endedAt = now, deadlineAt = Infinity }) => endedAt > deadlineAt,
    "at-risk": ({ endedAt, riskAt }) => endedAt === undefined && riskAt !== undefined,
  };
  const rows = await app.runs({ ...about, limit: looked });
  return rows
    .filter(
      (row) =>
        state === undefined ||
        state.some((one) => (isCondition(one) ? holds[one](row) : row.state === one)),
    )
    .toSorted(orders[sort](now))
    .slice(0, limit);
}

/** Of the run, a step of it, its customer or its flow; a job or a queue that is paused is in the list of nobody. */
function isOf({ of, name }: Pause, { run, flow, customer }: RunRow): boolean {
  if (of === "customer") return name === customer;
  return of === "flow" ? name === flow : !isEverywhere({ of }) && name.split("/")[0] === run;
}

function isCondition(state: RunState | Condition): state is Condition {
  return state === "paused" || state === "late" || state === "at-risk";
}

type Order = (now: number) => (a: RunRow, b: RunRow) => number;

const orders: Readonly<Record<RunOrder, Order>> = {
  started: () => (a, b) => b.startedAt - a.startedAt,
  deadline: () => (a, b) => compare(a.deadlineAt ?? Infinity, b.deadlineAt ?? Infinity),
  took: (now) => (a, b) => compare(tookOf(b, now), tookOf(a, now)),
};

/** Infinity minus itself is no number. */
const compare = (a: number, b: number): number => (a === b ? 0 : a < b ? -1 : 1);

const tookOf = ({ startedAt, endedAt }: RunRow, now: number): number =>
  Math.max(0, (endedAt ?? now) - startedAt);

function sinceOf({ clock }: Context, text: string): number {
  return options.instantBefore(text, clock.now());
}

type Known = {
  readonly row: RunRow;
  readonly status: Status | undefined;
};

async function statusOf(app: App, { run: id }: RunRow): Promise<Status | undefined> {
  return (await app.run(id))?.status();
}

const columns = [
  { title: "run" },
  { title: "flow" },
  { title: "customer", max: 16 },
  { title: "state" },
  { title: "at" },
  { title: "failed", align: "right" },
  { title: "started" },
  { title: "took", align: "right" },
  { title: "deadline" },
] as const;

function cells({ row, status }: Known, now: number): readonly Cell[] {
  return [
    row.run,
    row.flow,
    row.customer ?? "",
    [
      ...stated(row.state),
      ...(status === undefined || status.paused.length === 0 ? [] : [span("held", ", paused")]),
    ],
    whereabouts(row, status),
    status === undefined || status.failed === 0 ? "" : span("failed", count(status.failed)),
    instant(row.startedAt, now),
    duration(Math.max(0, (row.endedAt ?? now) - row.startedAt)),
    deadline(row, now),
  ];
}

/** "invoices 67 %" */
function whereabouts(row: RunRow, status: Status | undefined): string {
  if (row.endedAt !== undefined || row.step === undefined) return "";
  const share = status?.total === undefined ? "" : ` ${percent(status.done, status.total)}`;
  return `${row.step}${share}`;
}

function deadline(row: RunRow, now: number): Cell {
  if (row.deadlineAt === undefined) return "";
  const isLate = (row.endedAt ?? now) > row.deadlineAt;
  if (row.endedAt !== undefined)
    return isLate ? span("failed", `${symbols.failed} missed`) : span("ok", `${symbols.done} met`);
  const due = instant(row.deadlineAt, now);
  if (isLate) return span("failed", `${due} ${symbols.failed} over`);
  return row.riskAt === undefined ? due : span("retrying", `${due} ${symbols.risk} at risk`);
}
