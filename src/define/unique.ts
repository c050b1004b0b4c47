import { named } from "./work.ts";

/**
 * An id for the rare run that nothing makes *this* run: `adhoc-3b241101-e2bb-4255-8caf-4136c566a962`.
 *
 * Starting again with a new one starts another run; prefer an id that says what the run is about.
 */
export function unique(prefix = "run"): string {
  return `${named(prefix, "prefix of an id")}-${globalThis.crypto.randomUUID()}`;
}
