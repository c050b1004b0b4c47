/**
 * Texts as a database keeps them: without NUL, which PostgreSQL refuses, and at which Node 22 ends a text that it reads from SQLite.
 *
 * NUL becomes 01 01, and 01 becomes 01 02: the order of texts and their prefixes stay. Records are JSON, which has neither.
 */
export function encodeText(text: string): string {
  if (!text.includes(nul) && !text.includes(escape)) return text;
  return text.replaceAll(escape, `${escape}\u0002`).replaceAll(nul, escape + escape);
}

export function decodeText(text: string): string {
  if (!text.includes(escape)) return text;
  let decoded = "";
  let at = 0;
  for (let next = text.indexOf(escape); next !== -1; next = text.indexOf(escape, at)) {
    decoded += text.slice(at, next) + (text[next + 1] === escape ? nul : escape);
    at = next + 2;
  }
  return decoded + text.slice(at);
}

const nul = "\0";
const escape = "\u0001";
