/** What is alive, in bytes, once the garbage is gone: Node runs with --expose-gc. */
export function alive(): number {
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
