/** The URL as people may see it: passwords, tokens and keys as ***. */
export function maskUrl(url: string): string {
  return url
    .replace(/(:\/\/[^/?#@:]*):[^/?#]*@/, "$1:***@")
    .replace(/([?&][^=&#]*(?:password|token|secret|key)[^=&#]*=)[^&#]*/gi, "$1***");
}
