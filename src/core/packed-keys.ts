/** The keys of a page, as they stand in its record. */
/** Between keys stands the first of these that is in none of them. No key has the last (ids.ts). */
const signs = [",", "\n", "\0"];

/**
 * The keys of a page as one text, `,c1,c2`, which begins with the sign between them. A list is longer, and V8 enters each short
 * text of it in its table of unique texts: of a million keys that was 20 MB, and as much again in old space.
 */
export function packedKeys(keys: unknown): unknown {
  if (!Array.isArray(keys) || !keys.every((key) => typeof key === "string")) return keys; // Not sound: who reads it says so.
  const sign = signs.find((one) => !keys.some((key) => key.includes(one))) ?? "\0";
  return keys.length === 0 ? "" : `${sign}${keys.join(sign)}`;
}

/** What packedKeys made. It was a list until 22 November 2026, and that is read too. */
export function unpackedKeys(keys: unknown): unknown {
  return typeof keys === "string" ? keys.split(keys.charAt(0)).slice(1) : keys;
}
