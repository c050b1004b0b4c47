/** Small jobs and flows that many tests need. */
import { z } from "zod";
import { flow, job, type Ctx, type Flow, type Joined, type Part } from "../../src/index.ts";

/** What most sub-jobs of the tests are given. */
export const numbered: z.ZodObject<{ n: z.ZodNumber }> = z.object({ n: z.number() });
export type Numbered = { n: number };

/** For flows and jobs whose input is of no interest. */
export const anything: z.ZodObject<{ note: z.ZodOptional<z.ZodString> }> = z.object({
  note: z.string().optional(),
});

export type Summed = Joined<{ sum: number; count: number }>;
export type Summing = {
  readonly sums: Flow<"sums", { note?: string | undefined }, { readonly add: Summed }, Summed>;
  readonly parts: readonly Part[];
};

/** Items n = 0 … count - 1. */
export function* numbers(count: number): Generator<Numbered> {
  for (let n = 0; n < count; n += 1) yield { n };
}

/** One fan-out over `count` numbers, folded to their sum and count; what `run` returns is what is summed. */
export function summing(
  run: (n: number, ctx: Ctx) => number | Promise<number>,
  count: number,
  more: {
    readonly retry?: number;
    readonly timeout?: "50ms" | "200ms" | "1s" | "1m";
    readonly tolerate?: number;
    readonly concurrency?: number;
    readonly beyond?: "hold" | "fail";
  } = {},
): Summing {
  const { retry = 1, timeout = "1m", ...options } = more;
  const add = job("add", {
    input: numbered,
    retry: { attempts: retry, backoff: "fixed", first: "0ms" },
    timeout,
    run: ({ n }, ctx) => run(n, ctx),
  });
  const sums = flow("sums", { input: anything }).fanOut("add", add, {
    over: () => numbers(count),
    key: ({ n }) => `k${n}`,
    ...options,
    fold: (f) => ({ sum: f.sum((n) => n), count: f.count() }),
  });
  return { sums, parts: [add, sums] };
}
