import { Command } from "commander";

import type { Act } from "../context.ts";
import { exitCodes } from "../exit.ts";
import { count } from "../format.ts";
import { jsonLine } from "../json.ts";
import { limitFields, limitLines } from "../limits.ts";
import { openToRead } from "../load.ts";
import { span, table } from "../style.ts";
import type { Cell } from "../style.ts";

type QueuesOptions = { readonly json?: boolean };

export function queuesCommand(act: (act: Act<QueuesOptions>) => () => Promise<void>): Command {
  return new Command("queues")
    .summary("what there is to do, and who serves it")
    .description(
      "Lists the queues of the app's flows: what waits over all runs under way, who serves it, and under which limits. Of keys that were told " +
        "to come back later, a thousand are looked at in each partition.",
    )
    .option("--json", "print one JSON object a line")
    .addHelpText(
      "after",
      `
Examples:
  fanfold queues
  fanfold queues --json | jq 'select(.workers == 0)'`,
    )
    .action(act(queues));
}

const columns = [
  { title: "queue" },
  { title: "waiting", align: "right" },
  { title: "in flight", align: "right" },
  { title: "retrying", align: "right" },
  { title: "runs", align: "right" },
  { title: "workers", align: "right" },
  { title: "slots", align: "right" },
] as const;

const queues: Act<QueuesOptions> = async (context, { json, ...options }) => {
  const { data } = context;
  const { app } = await openToRead(context, options);
  try {
    const all = await (await app.standing()).queues();
    if (json === true)
      for (const { limits, ...one } of all)
        data.write(jsonLine("queue", { ...one, limits: limits.map(limitFields) }));
    else
      data.say(
        ...table(
          columns,
          all.map((one): readonly Cell[] => [
            one.queue,
            count(one.waiting),
            count(one.inFlight),
            count(one.retrying),
            count(one.runs),
            one.workers === 0 && one.waiting + one.inFlight > 0
              ? span("failed", "none")
              : count(one.workers),
            count(one.slots),
          ]),
        ),
        ...limitLines(
          all.flatMap(({ queue, limits }) => limits.map((one) => ({ ...one, before: queue }))),
          context.clock.now(),
          "queue",
        ),
      );
    return exitCodes.ok;
  } finally {
    await app.close();
  }
};
