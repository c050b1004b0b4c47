/**
 * Who may commit to a partition, and from where: the fence of S1 and S3, where one process owns the store.
 *
 * The offset is the fence; the epoch only makes the loser stop sooner.
 */
import { assert, ConflictError } from "../../errors.ts";
import type { Claim, Commit } from "../../ports/store.ts";

export type Seat = {
  readonly partition: number;
  readonly epoch: number;
  readonly holder: string | undefined;
  /** Epoch ms; from then on another holder may take over. */
  readonly until: number;
  readonly claimMs: number;
  readonly offset: number;
  readonly wakeAt: number | undefined;
};

export function emptySeat(partition: number): Seat {
  const nobody = { epoch: 0, holder: undefined, until: 0, claimMs: 0 };
  return { partition, ...nobody, offset: 0, wakeAt: undefined };
}

/** The seat with this holder in it; undefined while somebody else has it. */
export function claimed(
  seat: Seat,
  holder: string,
  claimMs: number,
  now: number,
): Seat | undefined {
  const until = now + claimMs;
  if (seat.holder === holder) return { ...seat, until, claimMs };
  if (seat.holder !== undefined && now < seat.until) return undefined;
  return { ...seat, epoch: seat.epoch + 1, holder, until, claimMs };
}

/** The seat left empty; as it is when the claim had ended already. */
export function resigned(seat: Seat, claim: Claim, holder: string): Seat {
  if (seat.holder !== holder || seat.epoch !== claim.epoch) return seat;
  return { ...seat, holder: undefined, until: 0 };
}

/** The seat after this commit, its claim extended. Throws ConflictError when the claim ended or its offset is passed. */
export function committed(
  seat: Seat,
  claim: Claim,
  commit: Commit,
  end: number,
  now: number,
): Seat {
  if (seat.holder === undefined || seat.epoch !== claim.epoch)
    throw new ConflictError(
      `the claim on partition ${seat.partition} has ended: epoch ${claim.epoch}, now ${seat.epoch}`,
      { details: { partition: seat.partition, epoch: claim.epoch, current: seat.epoch } },
    );
  if (seat.offset !== claim.offset)
    throw new ConflictError(
      `offset ${claim.offset} of partition ${seat.partition} is passed: the next is ${seat.offset}`,
      { details: { partition: seat.partition, offset: claim.offset, current: seat.offset } },
    );
  assert(commit.to >= seat.offset, `a commit goes back from ${seat.offset} to ${commit.to}`);
  assert(commit.to <= end, `a commit consumes up to ${commit.to}, the log ends at ${end}`);
  return { ...seat, offset: commit.to, wakeAt: commit.wakeAt, until: now + seat.claimMs };
}

/** The seat as it was. No epoch that was given out since is given again: whoever still believes in it is fenced. */
export function takenBack(was: Seat, is: Seat): Seat {
  return was.epoch === is.epoch
    ? was
    : { ...was, epoch: is.epoch + 1, holder: undefined, until: 0 };
}

export function claimOf(seat: Seat): Claim {
  return { partition: seat.partition, epoch: seat.epoch, offset: seat.offset };
}
