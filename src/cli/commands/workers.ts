import { Command } from "commander";

import type { Act } from "../context.ts";
import { exitCodes } from "../exit.ts";
import { count, counted } from "../format.ts";
import { jsonLine, workerFields } from "../json.ts";
import { openToRead } from "../load.ts";
import { faint, table } from "../style.ts";

type WorkersOptions = { readonly json?: boolean };

export function workersCommand(act: (act: Act<WorkersOptions>) => () => Promise<void>): Command {
  return new Command("workers")
    .summary("who works, on which queues")
    .description("Lists the workers that have said lately that they are there.")
    .option("--json", "print one JSON object a line")
    .addHelpText(
      "after",
      `
Examples:
  fanfold workers
  fanfold workers --json | jq -r .worker`,
    )
    .action(act(workers));
}

const workers: Act<WorkersOptions> = async (context, { json, ...options }) => {
  const { data, talk } = context;
  const { app } = await openToRead(context, options);
  try {
    const all = await (await app.standing()).workers();
    if (json === true) for (const one of all) data.write(jsonLine("worker", workerFields(one)));
    else if (all.length === 0) talk.say(["  nobody works"], ["    fanfold worker"]);
    else {
      const rows = all.map(({ worker, slots, queues }) => [
        worker,
        count(slots),
        queues.join(", "),
      ]);
      const slots = all.reduce((sum, one) => sum + one.slots, 0);
      data.say(
        ...table(
          [{ title: "worker" }, { title: "slots", align: "right" }, { title: "queues" }],
          rows,
        ),
        [],
        [faint(`  ${counted(all.length, "worker")}, ${counted(slots, "slot")}`)],
      );
    }
    return exitCodes.ok;
  } finally {
    await app.close();
  }
};
