/** How often a failed attempt is followed by another, and when. `attempts: 5` means five in all. */
export type RetryPolicy = {
  readonly attempts: number;
  readonly backoff: "exponential" | "linear" | "fixed";
  readonly firstMs: number;
  readonly maxMs: number;
  /** Errors that no attempt will help; asked on the worker, where the error is. */
  readonly unless?: (error: unknown) => boolean;
};

/**
 * Delay before the next attempt: grows by the policy, capped, with full jitter.
 *
 * attempt is the one that just failed, 1-based; random is in [0, 1), from `chance`, so that deciding again decides the same.
 * Returns ms, an integer from 0 to maxMs. `fixed` has no jitter: it is for those who want to know when.
 *
 * Full jitter, because what fails together would otherwise come back together: of the known ways it asks least of the thing
 * that is ill, and ends about as soon. Source: "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
 */
export function backoffMs(attempt: number, policy: RetryPolicy, random: number): number {
  const longest = Math.floor(Math.min(policy.maxMs, grownMs(attempt, policy)));
  return policy.backoff === "fixed" ? longest : Math.floor(random * (longest + 1));
}

function grownMs(attempt: number, { backoff, firstMs }: RetryPolicy): number {
  switch (backoff) {
    case "exponential":
      return firstMs * 2 ** Math.min(attempt - 1, 60); // Beyond, 0 * Infinity would be NaN.
    case "linear":
      return firstMs * attempt;
    case "fixed":
      return firstMs;
  }
}
