import { Command } from "commander";

import type { QueueStatus } from "../../roles/standing.ts";
import type { Act } from "../context.ts";
import { count } from "../format.ts";
import { limitFields, limitLines } from "../limits.ts";
import { list, watchOption, type Listed, type ListOptions } from "../listing.ts";
import { openToRead } from "../load.ts";
import { span, table } from "../style.ts";
import type { Cell } from "../style.ts";

export function queuesCommand(act: (act: Act<ListOptions>) => () => Promise<void>): Command {
  return new Command("queues")
    .summary("what there is to do, and who serves it")
    .description(
      "Lists the queues of the app's flows: what waits over all runs under way, who serves it, and under which limits. Of keys that were told " +
        "to come back later, a thousand are looked at in each partition, and five are named.",
    )
    .option(...watchOption)
    .option("--json", "print one JSON object a line; with --watch, one for the whole list")
    .addHelpText(
      "after",
      `
Examples:
  fanfold queues
  fanfold queues --watch
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

const queues: Act<ListOptions> = async (context, wanted) => {
  const { app } = await openToRead(context, wanted);
  try {
    return await list(context, wanted, async () =>
      listed(await (await app.standing()).queues(), context.clock.now()),
    );
  } finally {
    await app.close();
  }
};

function listed(all: readonly QueueStatus[], now: number): Listed {
  const limits = all.flatMap((one) => one.limits.map((limit) => ({ ...limit, before: one.queue })));
  return {
    of: "queues",
    lines: [...table(columns, all.map(cells)), ...limitLines(limits, now, "queue")],
    rows: all.map(({ limits, ...one }) => ["queue", { ...one, limits: limits.map(limitFields) }]),
  };
}

function cells(one: QueueStatus): readonly Cell[] {
  const isServed = one.workers > 0 || one.waiting + one.inFlight === 0;
  return [
    one.queue,
    count(one.waiting),
    count(one.inFlight),
    count(one.retrying),
    count(one.runs),
    isServed ? count(one.workers) : span("failed", "none"),
    count(one.slots),
  ];
}
