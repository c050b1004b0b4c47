/** Who would serve partitions and who does, as the engine knows it. */
export type Attendance = {
  /** Those who would serve, this one among them if it attended. */
  readonly candidates: readonly string[];
  /** Per partition: who holds its claim; undefined where anybody may claim it. */
  readonly holders: readonly (string | undefined)[];
  /** In so many ms, the first of the others' claims or candidacies ends, if nothing is heard of them; Infinity where there is none. */
  readonly changesInMs: number;
};

/**
 * How the processes of an engine share its partitions. Of an engine that several processes manage; without it, the one that
 * manages serves them all.
 *
 * P1  who attends is a candidate until `forMs` have passed, or it attends with 0.
 * P2  attend resolves to who is a candidate and who holds which claim at that moment.
 *
 * What it says is advice: the claim alone says who may commit.
 */
export type Shares = {
  readonly attend: (holder: string, forMs: number) => Promise<Attendance>;
};
