/** Starting runs inside the user's own transaction: what is rolled back was never started. */
import { partitionOf } from "../core/ids.ts";
import type { Flow } from "../define/flow.ts";
import type { Job } from "../define/job.ts";
import { uniqueId } from "../engines/system.ts";
import { UsageError } from "../errors.ts";
import type { Node } from "./node.ts";
import type { Asked, Start } from "./starting.ts";
import type { TracedStart } from "./tracing.ts";

/** A transaction that is open: of `pg` a client; of others, see fanfold/pg. */
export type SqlTransaction = {
  readonly query: (text: string, values: unknown[]) => Promise<unknown>;
};

/** created: there is no run of this id yet. Who commits first starts it; a start that comes second joins. */
export type StartedWithin = { readonly id: string; readonly created: boolean };

/** There is no result to wait for: before the transaction commits, nothing was started. */
export type Within = {
  readonly start: <I, S, R>(
    flow: Flow<string, I, S, R>,
    input: NoInfer<I>,
    options: Start,
  ) => Promise<StartedWithin>;
  readonly send: <I, R>(
    job: Job<string, I, R>,
    input: NoInfer<I>,
    options: Start,
  ) => Promise<StartedWithin>;
};

export async function startWithin(
  { engine, reader, clock }: Node,
  transaction: SqlTransaction,
  { id, event, join }: Asked,
  traced: TracedStart,
): Promise<StartedWithin> {
  const { outbox } = engine;
  if (outbox === undefined)
    throw new UsageError(
      `within() needs an engine in the database of your transaction, and ${engine.name} is none: set FANFOLD_URL=postgres://…`,
    );
  const run = await reader.run(id);
  if (run !== undefined) {
    join(run);
    return { id, created: false };
  }
  const partition = partitionOf(id, engine.partitions);
  await traced(clock, async (trace) => {
    const { text, values } = outbox.put(partition, event(uniqueId(), clock.now(), trace));
    await transaction.query(text, [...values]);
  });
  return { id, created: true };
}
