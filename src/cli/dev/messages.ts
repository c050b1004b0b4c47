/** What `fanfold dev` and the process that has the code say to each other. */
import type { Wishes } from "../print.ts";

/** What the process is started with, as JSON in its only argument. */
export type Order = {
  readonly app?: string;
  readonly url?: string;
  readonly port: number;
  readonly concurrency?: number;
  readonly workers?: number;
  readonly drain?: string;
  /** Somebody sits at the terminal, and single keys are heard. */
  readonly hasKeys: boolean;
  readonly wishes: Wishes;
};

/** Load is done without being told. `work` with `isFirst` introduces itself. */
export type ToChild =
  | { readonly say: "work"; readonly isFirst: boolean }
  | { readonly say: "runs" | "fire" | "stop" };

export type FromChild =
  /** The code is there, and waits to be told to work. */
  | { readonly say: "loaded"; readonly files: readonly string[]; readonly isEmbedded: boolean }
  /** It is not: it has been said why. */
  | { readonly say: "refused"; readonly files: readonly string[]; readonly code: number }
  | { readonly say: "ready" };

export function isFromChild(message: unknown): message is FromChild {
  return typeof message === "object" && message !== null && "say" in message;
}

export function isToChild(message: unknown): message is ToChild {
  return typeof message === "object" && message !== null && "say" in message;
}
