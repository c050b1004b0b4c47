import { Command } from "commander";

import type { PartitionStatus } from "../../roles/standing.ts";
import type { Act } from "../context.ts";
import { count } from "../format.ts";
import { list, watchOption, type Listed, type ListOptions } from "../listing.ts";
import { openToRead } from "../load.ts";
import { table } from "../style.ts";
import type { Cell } from "../style.ts";

export function logCommand(act: (act: Act<ListOptions>) => () => Promise<void>): Command {
  return new Command("log")
    .summary("partitions of the log, who reads them, and how far behind")
    .description(
      "Shows each partition of the log: the offset of its next record, and for everybody who reads it the offset they read next, and their lag. The manager and the readers of events pass over what is not for them now and then only, so a lag of up to 1,000 is none.",
    )
    .option(...watchOption)
    .option("--json", "print one JSON object a line; with --watch, one for the whole list")
    .addHelpText(
      "after",
      `
Examples:
  fanfold log
  fanfold log --watch
  fanfold log --json | jq .end`,
    )
    .action(act(log));
}

const columns = [
  { title: "partition", align: "right" },
  { title: "end", align: "right" },
  { title: "reader" },
  { title: "offset", align: "right" },
  { title: "lag", align: "right" },
] as const;

const log: Act<ListOptions> = async (context, wanted) => {
  const { app } = await openToRead(context, wanted);
  try {
    return await list(context, wanted, async () => listed(await (await app.standing()).log()));
  } finally {
    await app.close();
  }
};

function listed(partitions: readonly PartitionStatus[]): Listed {
  const rows = partitions.flatMap(({ partition, end, readers }) =>
    readers.map(({ name, offset, lag }, n): readonly Cell[] => [
      n === 0 ? count(partition) : "",
      n === 0 ? count(end) : "",
      name,
      count(offset),
      count(lag),
    ]),
  );
  return {
    of: "log",
    lines: table(columns, rows),
    rows: partitions.map((one) => ["partition", one]),
  };
}
