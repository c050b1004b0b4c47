/** One bounded piece of work at a time. Whoever calls it owns the loop: the host in production, the simulator in the simulator. */
export type Role = {
  readonly name: string;
  /** Says how many things it handled; 0 means idle. What it throws means: not now, call again a little later. */
  readonly tick: () => Promise<number>;
  /** When it wants to be called although nothing happened, in epoch ms. */
  readonly wakeAt?: () => number | undefined;
  /** It is not called before this, in epoch ms, whatever happens: what comes meanwhile is done together. */
  readonly restsUntil?: () => number | undefined;
  /** The hints it should be called at. */
  readonly hints: readonly ("log" | "state" | "queue" | "seat" | "outbox")[];
  /** Hints of other partitions are not for it. */
  readonly partition?: number;
  /** Hands the role a way to ask for a call. */
  readonly onWake?: (wake: () => void) => void;
};
