/**
 * Records put inside a transaction of the user's, and appended to the log after it. Of an engine in a database that users have, too.
 *
 * O1  what was put is appended once, after its transaction has committed; never if it is rolled back.
 * O2  put waits for nobody, and nobody waits for the transaction it is in.
 */
export type Outbox = {
  /** The statement that puts a record for a partition, for somebody's transaction. Values are numbers and texts. */
  readonly put: (
    partition: number,
    text: string,
  ) => { readonly text: string; readonly values: readonly (number | string)[] };
  /** Appends what was committed; resolves to how many. Several may relay at once. */
  readonly relay: (partition: number) => Promise<number>;
};
