/**
 * Waits for what a condition returns to be true, and resolves to it; says what it saw last when the time is over.
 *
 *   await until(() => run.status().then(({ state }) => state === "held"), { what: "the run is held" })
 */
export async function until<T>(
  look: () => T | Promise<T>,
  { withinMs = 60_000, what = "what was waited for" }: { withinMs?: number; what?: string } = {},
): Promise<Exclude<T, undefined | null | false>> {
  const end = performance.now() + withinMs;
  for (;;) {
    const seen = await look();
    if (isThere(seen)) return seen;
    if (performance.now() > end)
      throw new Error(`${what}: not within ${withinMs} ms, saw ${String(seen)} last`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

function isThere<T>(seen: T): seen is Exclude<T, undefined | null | false> {
  return seen !== undefined && seen !== null && seen !== false;
}
