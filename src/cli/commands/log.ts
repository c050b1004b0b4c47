import { Command } from "commander";

import type { Act } from "../context.ts";
import { exitCodes } from "../exit.ts";
import { count } from "../format.ts";
import { jsonLine } from "../json.ts";
import { openToRead } from "../load.ts";
import { table } from "../style.ts";
import type { Cell } from "../style.ts";

type LogOptions = { readonly json?: boolean };

export function logCommand(act: (act: Act<LogOptions>) => () => Promise<void>): Command {
  return new Command("log")
    .summary("partitions of the log, who reads them, and how far behind")
    .description(
      "Shows each partition of the log: the offset of its next record, and for everybody who reads it the offset they read next, and their lag. The manager and the readers of events pass over what is not for them now and then only, so a lag of up to 1,000 is none.",
    )
    .option("--json", "print one JSON object a line")
    .addHelpText(
      "after",
      `
Examples:
  fanfold log
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

const log: Act<LogOptions> = async (context, { json, ...options }) => {
  const { data } = context;
  const { app } = await openToRead(context, options);
  try {
    const partitions = await (await app.standing()).log();
    if (json === true) for (const one of partitions) data.write(jsonLine("partition", { ...one }));
    else
      data.say(
        ...table(
          columns,
          partitions.flatMap(({ partition, end, readers }) =>
            readers.map(({ name, offset, lag }, n): readonly Cell[] => [
              n === 0 ? count(partition) : "",
              n === 0 ? count(end) : "",
              name,
              count(offset),
              count(lag),
            ]),
          ),
        ),
      );
    return exitCodes.ok;
  } finally {
    await app.close();
  }
};
