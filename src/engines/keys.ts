/**
 * Keys as a database sorts them: text there is compared as UTF-8, by code point, and half of a surrogate pair cannot be stored;
 * S5 wants the order of code units, and any text. So a code unit from D800 on becomes two: E000, and how far it is beyond.
 *
 *   "run/1" → "run/1"     "🎈" (D83C DF88) → E000 003D E000 0789
 *
 * Order and prefixes are kept, and nearly every key stays as it is.
 */
const high = /[\uD800-\uFFFF]/g;
const escaped = /\uE000([\s\S])/g;
const first = 0xd800;

export function encodeKey(key: string): string {
  return key.replace(
    high,
    (unit) => `\uE000${String.fromCharCode(unit.charCodeAt(0) - first + 1)}`,
  );
}

export function decodeKey(text: string): string {
  return text.replace(escaped, (_, unit: string) =>
    String.fromCharCode(unit.charCodeAt(0) + first - 1),
  );
}

/** Sorts after every key with this prefix, and before every other key that sorts after them. */
export function prefixEnd(prefix: string): string {
  return `${encodeKey(prefix)}\uE001`;
}
