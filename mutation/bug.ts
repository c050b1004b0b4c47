/** What a planted bug is: a search-and-replace on the sources, and a sentence about what it breaks. */
import type { NetName } from "./nets.ts";

/** In this file this text, which stands there so many times, becomes that. */
export type Edit = {
  readonly file: string;
  readonly find: string;
  readonly replace: string;
  readonly times: number;
};

export type Bug = {
  readonly name: string;
  readonly edits: readonly Edit[];
  /** Slow nets that must see it, too; they look at no other bugs, but at those that slipped through all of the quick ones, until one is caught. */
  readonly aimedAt: readonly NetName[];
};

type Change = readonly [file: string, find: string, replace: string, times?: number];

export function bug(name: string, ...edits: readonly Change[]): Bug {
  return bugFor([], name, ...edits);
}

export function bugFor(
  aimedAt: readonly NetName[],
  name: string,
  ...edits: readonly Change[]
): Bug {
  return {
    name,
    aimedAt,
    edits: edits.map(([file, find, replace, times = 1]) => ({ file, find, replace, times })),
  };
}
