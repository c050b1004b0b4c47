import type { Engine, Hint } from "../../ports/engine.ts";

export type Hints = {
  /** Tells every listener at once, in this turn. Listeners do not throw. */
  readonly hint: (hint: Hint, partition?: number) => void;
  readonly onHint: Engine["onHint"];
};

export function hintList(): Hints {
  const listeners = new Set<(hint: Hint, partition?: number) => void>();
  return {
    hint(hint, partition) {
      for (const listener of listeners) listener(hint, partition);
    },
    onHint(listener) {
      // A wrapper of its own, so that the same function may listen twice and stop once.
      const own = (hint: Hint, partition?: number): void => listener(hint, partition);
      listeners.add(own);
      return () => void listeners.delete(own);
    },
  };
}
