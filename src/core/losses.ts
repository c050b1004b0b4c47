/**
 * How often a sub-job's worker vanished, in one byte: crashes in its low half, kills from outside in its high half.
 *
 * A process that ends by itself was most likely ended by what ran in it. One that is killed says less: out of memory may be a
 * sub-job's doing, a deployment is not. So a kill weighs a third, and what ran in a few unlucky processes is not isolated, let
 * alone given up.
 */
import { limits } from "./limits.ts";

/** Why something comes back without an outcome: its worker crashed or was killed, or only the queue lost it. */
export type Loss = "crash" | "kill" | "queue";

const unit: Readonly<Record<Loss, number>> = { crash: 1, kill: 16, queue: 0 };

/** One more; what is poison is lost no more, so neither half overflows. */
export function add(losses: number, why: Loss): number {
  return losses + unit[why];
}

/** In crashes. */
export function weight(losses: number): number {
  return (losses & 15) + Math.floor((losses >> 4) / limits.killsPerCrash);
}

/** However they came about. */
export function times(losses: number): number {
  return (losses & 15) + (losses >> 4);
}
