import { Command } from "commander";

import type { Known } from "../../roles/statistics.ts";
import type { Statistics } from "../../views/statistics.ts";
import type { Act } from "../context.ts";
import { exitCodes } from "../exit.ts";
import { count, duration, effort, money, percent } from "../format.ts";
import { statisticsFields } from "../json.ts";
import { list, watchOption, type Listed, type ListOptions } from "../listing.ts";
import { openToRead } from "../load.ts";
import { given } from "../options.ts";
import { span, table } from "../style.ts";
import type { Cell, Line } from "../style.ts";
import { unknownNames } from "../unknown.ts";

type StatisticsOptions = ListOptions & {
  readonly flow?: string;
  readonly job?: string;
};

export function statisticsCommand(
  act: (act: Act<StatisticsOptions>) => () => Promise<void>,
): Command {
  return new Command("statistics")
    .summary("what came of flows, steps and jobs, across all runs")
    .description(
      "Sums up all runs that ended: outcomes, how long things took, what was tried again, worker time and cost. --json has throughput, waiting and failures, too.",
    )
    .option("--flow <name>", "of this flow and its steps")
    .option("--job <name>", "of this job, wherever it is used")
    .option(...watchOption)
    .option("--json", "print one JSON object a line; with --watch, one for the whole list")
    .addHelpText(
      "after",
      `
Examples:
  fanfold statistics
  fanfold statistics --watch
  fanfold statistics --flow monthly-invoices --json | jq '{name, durations, cost}'`,
    )
    .action(act(statistics));
}

const columns = [
  { title: "" },
  { title: "name" },
  { title: "ok", align: "right" },
  { title: "failed", align: "right" },
  { title: "share", align: "right" },
  { title: "retries", align: "right" },
  { title: "half ≤", align: "right" },
  { title: "99 of 100 ≤", align: "right" },
  { title: "work", align: "right" },
  { title: "cost", align: "right" },
] as const;

const statistics: Act<StatisticsOptions> = async (context, wanted) => {
  const { flow, job } = wanted;
  const { app } = await openToRead(context, wanted);
  try {
    let isFound = false;
    const code = await list(context, wanted, async () => {
      const known = await app.statistics(given({ flow, job }));
      isFound ||= known.statistics.length > 0;
      return listed(known, unknownNames(app, given({ flow, job })));
    });
    const isFiltered = (flow ?? job) !== undefined;
    return code === exitCodes.ok && isFiltered && !isFound ? exitCodes.nothing : code;
  } finally {
    await app.close();
  }
};

function listed({ statistics, asOf }: Known, unknown: readonly Line[]): Listed {
  const isEmpty = statistics.length === 0;
  return {
    of: "statistics",
    lines: isEmpty ? [] : table(columns, statistics.map(row)),
    hints: isEmpty ? [["  nothing of it has ended yet"], ...unknown, ["    fanfold runs"]] : [],
    rows: statistics.map((one) => ["statistics", { ...statisticsFields(one), asOf }]),
  };
}

function row(one: Statistics): readonly Cell[] {
  const { ok, failed, poison } = one.outcomes;
  const [done, lost] =
    one.of === "flow"
      ? [one.runs.done, one.runs.failed + one.runs.cancelled]
      : [ok, failed + one.outcomes["timed-out"] + poison];
  const retries = Object.values(one.retries).reduce((sum, n) => sum + n, 0);
  return [
    one.of,
    one.name,
    count(done),
    lost === 0 ? "" : span("failed", count(lost)),
    lost === 0 ? "" : percent(lost, done + lost),
    retries === 0 ? "" : count(retries),
    one.durations === undefined ? "" : duration(one.durations.p50),
    one.durations === undefined ? "" : duration(one.durations.p99),
    effort(one.seconds),
    Object.entries(one.cost)
      .map(([currency, amount]) => `${money(amount)} ${currency}`)
      .join(" + "),
  ];
}
