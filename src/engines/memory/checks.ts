/** What every engine refuses at its border, in the same words. */
import { ConflictError, UsageError } from "../../errors.ts";

export function checkPartition(partition: number, partitions: number): void {
  if (!Number.isInteger(partition) || partition < 0 || partition >= partitions)
    throw new UsageError(
      `partition must be an integer from 0 to ${partitions - 1}, got ${partition}`,
    );
}

/** Half of a surrogate pair would come back from a disk as another character. */
export function checkText(text: string): void {
  if (!text.isWellFormed())
    throw new UsageError("a record or value must be well-formed Unicode: it has half a character");
}

export function checkFrom(from: number, end: number): void {
  if (!Number.isInteger(from) || from < 0 || from > end)
    throw new UsageError(`offset must be an integer from 0 to the end, ${end}, got ${from}`);
}

/** By L7, S8 and V4. */
export function checkPast(partition: number, past: string | undefined, current: string): void {
  if (past !== undefined && past !== current)
    throw new ConflictError(
      `the log of partition ${partition} has another past than what was read of it: the store may have lost its last commits; read again from the checkpoint`,
      { details: { partition, past, current } },
    );
}

/** How many partitions an engine may have: a log id is partition * 2^40 + offset, and a safe integer. */
export function checkPartitions(partitions: number): void {
  if (!Number.isInteger(partitions) || partitions < 1 || partitions > 1_024)
    throw new UsageError(`partitions must be an integer from 1 to 1024, got ${partitions}`);
}
