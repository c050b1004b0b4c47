/** Characters of what was given that a message repeats. */
const shownLength = 200;

/** The URL as people may see it: passwords, tokens and keys as ***, and not endless. */
export function maskUrl(url: string): string {
  const masked = url
    .replace(/(:\/\/[^/?#@:]*):[^/?#]*@/, "$1:***@")
    .replace(/([?&][^=&#]*(?:password|token|secret|key)[^=&#]*=)[^&#]*/gi, "$1***");
  return short(masked);
}

/** For "…, got ‹this›". */
export function short(text: string): string {
  return text.length > shownLength ? `${text.slice(0, shownLength).toWellFormed()}…` : text;
}
