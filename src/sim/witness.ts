/** What really happened outside: every execution of user code, noted by the code itself. It outlives every process. */
export type Witness = {
  /** An execution begins; returns which one it is, from 1. */
  readonly begin: (key: string) => number;
  /** It came to its end, and is about to return. */
  readonly end: (key: string) => void;
  readonly begun: (key: string) => number;
  readonly ended: (key: string) => number;
  readonly executions: () => number;
  /** How often each was begun. */
  readonly ran: ReadonlyMap<string, number>;
  /** Runs whose causes of failure somebody has looked at. */
  readonly mended: Set<string>;
};

export function newWitness(): Witness {
  const begun = new Map<string, number>();
  const ended = new Map<string, number>();
  let executions = 0;
  return {
    begin(key) {
      executions += 1;
      const times = (begun.get(key) ?? 0) + 1;
      begun.set(key, times);
      return times;
    },
    end: (key) => void ended.set(key, (ended.get(key) ?? 0) + 1),
    begun: (key) => begun.get(key) ?? 0,
    ended: (key) => ended.get(key) ?? 0,
    executions: () => executions,
    ran: begun,
    mended: new Set(),
  };
}
