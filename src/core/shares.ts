/** Which partitions a process serves: pure, so that all of them come to the same answer from the same facts. */

export type Share = {
  /** Of those it serves: to be given to others. */
  readonly give: readonly number[];
  /** Of those nobody serves: to be claimed. */
  readonly take: readonly number[];
};

/**
 * What `me` should give and take, where `candidates` would serve and `holders` do, by partition.
 *
 * Fair: nobody ends with two more than another. With little movement: who has most already keeps what is left over by the
 * division. Who is no candidate serves where there is none.
 */
export function shareOf(
  me: string,
  candidates: readonly string[],
  holders: readonly (string | undefined)[],
): Share {
  const mine = partitionsOf(holders, me);
  const free = partitionsOf(holders, undefined);
  const quota = candidates.length === 0 ? holders.length : quotaOf(me, candidates, holders);
  const count = Math.max(0, Math.min(free.length, quota - mine.length));
  // Each begins elsewhere, so that those who come at once seldom want the same.
  const start = Math.floor(
    (free.length * Math.max(0, candidates.indexOf(me))) / Math.max(1, candidates.length),
  );
  return {
    give: mine.slice(quota),
    take: [...free.slice(start), ...free.slice(0, start)].slice(0, count),
  };
}

function quotaOf(
  me: string,
  candidates: readonly string[],
  holders: readonly (string | undefined)[],
): number {
  const held = (name: string): number => partitionsOf(holders, name).length;
  const ranked = candidates.toSorted(
    (left, right) => held(right) - held(left) || (left < right ? -1 : 1),
  );
  const rank = ranked.indexOf(me);
  if (rank === -1) return 0;
  return (
    Math.floor(holders.length / candidates.length) +
    (rank < holders.length % candidates.length ? 1 : 0)
  );
}

function partitionsOf(
  holders: readonly (string | undefined)[],
  name: string | undefined,
): readonly number[] {
  return holders.flatMap((holder, partition) => (holder === name ? [partition] : []));
}
