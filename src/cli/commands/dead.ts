import { Command } from "commander";

import { sentPrefix } from "../../core/ids.ts";
import type { FailedGroup, Failures } from "../../views/failures.ts";
import type { Act } from "../context.ts";
import { count, counted, instant } from "../format.ts";
import { failedFields } from "../json.ts";
import { list, watchOption, type Listed, type ListOptions } from "../listing.ts";
import { openToRead } from "../load.ts";
import * as options from "../options.ts";
import { faint, span, symbols, table } from "../style.ts";
import type { Cell, Line } from "../style.ts";
import { unknownNames } from "../unknown.ts";
import { flowText, messageWidth, quoted } from "../view.ts";

type DeadOptions = ListOptions & {
  readonly flow?: string;
  readonly job?: string;
  readonly queue?: string;
  readonly customer?: string;
  readonly since?: string;
  readonly limit: number;
};

export function deadCommand(act: (act: Act<DeadOptions>) => () => Promise<void>): Command {
  return new Command("dead")
    .summary("what is given up on in all runs, by kind")
    .description(
      "Groups what has failed for good by signature, in all runs that are not over: how many, in how many runs, and the command that runs them again " +
        "in the run with the most of them. --json names ten of the runs, each with some keys and its command.",
    )
    .option("--flow <name>", "of this flow")
    .option("--job <name>", "sub-jobs that run this job")
    .option("--queue <name>", "what goes through this queue")
    .option("--customer <name>", "of this customer")
    .option(
      "--since <when>",
      'in runs that are over, too, if they started since: "7d" ago, or a date and time',
    )
    .option("--limit <n>", "at most so many kinds", options.wholeNumber(1, 1_000), 20)
    .option(...watchOption)
    .option("--json", "print one JSON object a line; with --watch, one for the whole list")
    .addHelpText(
      "after",
      `
Examples:
  fanfold dead
  fanfold dead --watch
  fanfold dead --queue mail --since 7d
  fanfold dead --json | jq -r '.samples[] | .run'`,
    )
    .action(act(dead));
}

const dead: Act<DeadOptions> = async (context, wanted) => {
  const { flow, job, queue, customer, limit } = wanted;
  const { now } = context.clock;
  const { since: from } = wanted;
  const since = from === undefined ? undefined : options.instantBefore(from, now());
  const { app } = await openToRead(context, wanted);
  try {
    const query = options.given({ flow, job, queue, customer, since });
    const isFiltered = [flow, job, queue, customer].some((one) => one !== undefined);
    const isOver = since !== undefined;
    const unknown = unknownNames(app, options.given({ flow, job }));
    return await list(context, wanted, async () =>
      listed(await app.failures(query), { limit, isFiltered, unknown, isOver }, now()),
    );
  } finally {
    await app.close();
  }
};

const columns = [
  { title: "count", align: "right" },
  { title: "runs", align: "right" },
  { title: "step", max: 40 },
  { title: "signature", max: 24 },
  { title: "message", max: messageWidth },
  { title: "first – last" },
] as const;

type Asked = {
  readonly limit: number;
  readonly isFiltered: boolean;
  readonly isOver: boolean;
  readonly unknown: readonly Line[];
};

function listed(failures: Failures, asked: Asked, now: number): Listed {
  const { limit } = asked;
  const groups = failures.groups.slice(0, limit);
  const rest = failures.count - groups.reduce((sum, group) => sum + group.count, 0);
  const [titles = [], ...rows] = table(
    columns,
    groups.map((group) => cells(group, now)),
  );
  const lines = [titles, ...rows.flatMap((row, n) => [row, ...again(groups[n])])];
  const sum = `  ${count(failures.count)} failed in ${counted(failures.runs, "run")}`;
  const others = rest === 0 ? "" : `; ${count(rest)} of them are of other kinds: --limit`;
  const old: Line[] = failures.isAll
    ? []
    : [[faint("  more runs have ended since then than are looked at: only the newest were")]];
  return {
    of: "dead",
    lines: groups.length === 0 ? [] : [...lines, [], [faint(`${sum}${others}`)]],
    hints: [...(groups.length === 0 ? nothing(asked) : []), ...old],
    rows: groups.map((group) => ["dead", failedFields(group)]),
  };
}

function cells(group: FailedGroup, now: number): readonly Cell[] {
  const { flow, step, firstAt, lastAt } = group;
  const [first, last] = [firstAt, lastAt].map((at) => (at === undefined ? "" : instant(at, now)));
  return [
    span("failed", count(group.count)),
    count(group.runs),
    flow.startsWith(sentPrefix) ? flowText(flow) : `${flow}/${step}`,
    group.signature,
    group.message,
    first === last ? (first ?? "") : `${first} – ${last}`,
  ];
}

function again(group: FailedGroup | undefined): Line[] {
  const [most] = group?.samples ?? [];
  if (group === undefined || most === undefined) return [];
  const others = `   ${count(most.count)} of them; the others in ${counted(group.runs - 1, "other run")}`;
  return [
    [
      `         fanfold ${most.command.map(quoted).join(" ")}`,
      ...(group.runs > 1 ? [faint(others)] : []),
    ],
  ];
}

function nothing({ isFiltered, isOver, unknown }: Asked): Line[] {
  const what = isFiltered ? "nothing that has failed matches" : "nothing has failed";
  const where = isOver ? "" : " in runs that are not over";
  return [
    unknown.length > 0 ? [`  ${what}${where}`] : ["  ", span("ok", symbols.ok), ` ${what}${where}`],
    ...unknown,
    [
      isOver
        ? "    fanfold statistics"
        : "    fanfold dead --since 7d     those that are over, too",
    ],
  ];
}
