/** Who is told of events in a simulated world, and whether they were: a listener, and the receivers of webhooks. */
import type { Entry } from "../core/event.ts";
import { scheduleOf } from "../core/ids.ts";
import { headlineIn, wholeOf, type RunEvent } from "../core/run-event.ts";
import { courierName, hasReceivers, judgeReceived } from "./receivers.ts";
import type { Users } from "./program.ts";

/** Under which name the processes tell their one listener. */
export const listenerName = "listener-sim";

/** From which offset on a reader is told; undefined where it never stood. */
export type Begun = (reader: string) => number | undefined;

/** What was heard, word for word; what was said beside it of the run, its reader has looked up. */
export function heardAs(event: RunEvent): string {
  const { flow: _, customer: __, tags: ___, ...said } = event;
  return JSON.stringify(said);
}

/** What the log of one partition says, and who did not hear it. What a schedule has started may be under way. */
export function judgeTelling(
  entries: readonly Entry[],
  partition: number,
  begun: Begun,
  { draw, witness, calm }: Pick<Users, "draw" | "witness" | "calm">,
): readonly string[] {
  const from = (reader: string): readonly RunEvent[] =>
    entries
      .slice(begun(reader) ?? 0)
      .map(headlineIn)
      .filter((headline) => headline !== undefined)
      .map((headline) => wholeOf(headline, partition, { flow: "" }))
      .filter(({ run }) => scheduleOf(run) === undefined);
  const heard = from(listenerName).flatMap((event) => {
    const { id } = event;
    const times = witness.ended(heardAs(event));
    if (times === 0) return [`the listener never heard ${id} as the log has it`];
    return calm && times > 1 ? [`without a fault ${id} was told twice`] : [];
  });
  if (!hasReceivers(draw)) return heard;
  return [...heard, ...judgeReceived(from(courierName), witness, calm)];
}
