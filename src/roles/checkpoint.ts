/** Where a reader of the log goes on. */
import { keys } from "../core/ids.ts";
import type { Engine } from "../ports/engine.ts";

export type Checkpoint = {
  /** Of the log, before anything of this was read. */
  readonly past: string;
  /** How far the store says that it has read; undefined where it has kept nothing yet. */
  readonly kept: number | undefined;
};

/**
 * How far this reader has read, and of which past of the log.
 *
 * The past is asked for first: of a log that is replaced between the two questions the checkpoint is read under a past that is gone,
 * so that whatever comes of it is refused (S8). The other way round, it would pass for one of the log that is there now.
 */
export async function checkpointOf(
  { log, store }: Pick<Engine, "log" | "store">,
  partition: number,
  reader: string,
): Promise<Checkpoint> {
  const past = await log.past(partition);
  const [checkpoint] = await store.load(partition, [keys.reader(reader)]);
  return { past, kept: checkpoint === undefined ? undefined : Number(checkpoint) };
}
