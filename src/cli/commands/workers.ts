import { Command } from "commander";

import type { WorkerStatus } from "../../roles/standing.ts";
import type { Act } from "../context.ts";
import { count, counted } from "../format.ts";
import { workerFields } from "../json.ts";
import { list, watchOption, type Listed, type ListOptions } from "../listing.ts";
import { openToRead } from "../load.ts";
import { faint, table } from "../style.ts";

export function workersCommand(act: (act: Act<ListOptions>) => () => Promise<void>): Command {
  return new Command("workers")
    .summary("who works, on which queues")
    .description("Lists the workers that have said lately that they are there.")
    .option(...watchOption)
    .option("--json", "print one JSON object a line; with --watch, one for the whole list")
    .addHelpText(
      "after",
      `
Examples:
  fanfold workers
  fanfold workers --watch
  fanfold workers --json | jq -r .worker`,
    )
    .action(act(workers));
}

const workers: Act<ListOptions> = async (context, wanted) => {
  const { app } = await openToRead(context, wanted);
  try {
    return await list(context, wanted, async () => listed(await (await app.standing()).workers()));
  } finally {
    await app.close();
  }
};

const columns = [
  { title: "worker" },
  { title: "slots", align: "right" },
  { title: "queues" },
] as const;

function listed(all: readonly WorkerStatus[]): Listed {
  const slots = all.reduce((sum, one) => sum + one.slots, 0);
  const rows = all.map(({ worker, slots, queues }) => [worker, count(slots), queues.join(", ")]);
  const sums = `  ${counted(all.length, "worker")}, ${counted(slots, "slot")}`;
  return {
    of: "workers",
    lines: all.length === 0 ? [] : [...table(columns, rows), [], [faint(sums)]],
    hints: all.length === 0 ? [["  nobody works"], ["    fanfold worker"]] : [],
    rows: all.map((one) => ["worker", workerFields(one)]),
  };
}
