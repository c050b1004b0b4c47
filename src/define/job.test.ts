import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";
import { job, type JobDefinition } from "./job.ts";

const input = z.object({ email: z.string() });
const run = (): number => 1;

test("a job is data: a plan with every default filled in, and its functions", () => {
  const plain = job("send-invoice", { input, run });
  assert.deepEqual(plain, {
    kind: "job",
    name: "send-invoice",
    plan: {
      name: "send-invoice",
      queue: "default",
      retry: { attempts: 3, backoff: "exponential", firstMs: 1_000, maxMs: 60_000 },
      timeoutMs: 300_000,
    },
    input,
    run,
  });
});

test("what is said replaces the defaults", () => {
  const unless = (error: unknown): boolean => error instanceof RangeError;
  const { plan } = job("j", {
    input,
    run,
    queue: "mail",
    timeout: "30s",
    estimate: "1m",
    retry: { attempts: 5, backoff: "linear", first: "2s", max: "10m", unless },
  });
  assert.deepEqual(plan, {
    name: "j",
    queue: "mail",
    retry: { attempts: 5, backoff: "linear", firstMs: 2_000, maxMs: 600_000, unless },
    timeoutMs: 30_000,
    estimateMs: 60_000,
  });
});

test("a number of retries is the number of attempts, in all", () => {
  assert.equal(job("j", { input, run, retry: 1 }).plan.retry.attempts, 1);
});

test("a short maximum shortens the default first delay", () => {
  assert.equal(job("j", { input, run, retry: { max: "100ms" } }).plan.retry.firstMs, 100);
});

test("what cannot be meant is refused, with what was expected", () => {
  type Given = Partial<Record<keyof JobDefinition<typeof input, number>, unknown>>;
  const wrong: readonly (readonly [Given, string])[] = [
    [
      { input: undefined },
      'input of job "j" must be a Standard Schema (zod, valibot, arktype …), got undefined',
    ],
    [{ run: undefined }, 'run of job "j" must be a function, got undefined'],
    [{ retry: 0 }, 'attempts of job "j" must be an integer from 1 to 100, got 0'],
    [{ retry: { attempts: 2.5 } }, 'attempts of job "j" must be an integer from 1 to 100, got 2.5'],
    [
      { retry: { backoff: "quick" } },
      'backoff of job "j" must be one of "exponential", "linear", "fixed", got "quick"',
    ],
    [
      { retry: { first: "2m" } },
      'retry.first of job "j" must not be longer than retry.max, got 120000 ms and 60000 ms',
    ],
    [{ retry: { unless: "never" } }, 'retry.unless of job "j" must be a function, got "never"'],
    [{ timeout: "0s" }, 'timeout of job "j" must be at least "1ms", got "0s"'],
    [
      { queue: "a b" },
      'queue of job "j" must be 1 to 64 letters, digits, dots, dashes or underscores, beginning with a letter or digit, got "a b"',
    ],
  ];
  for (const [given, message] of wrong) {
    const definition = { input, run, ...given } as JobDefinition<typeof input, number>; // oxlint-disable-line typescript/no-unsafe-type-assertion -- what a caller without a compiler may do
    assert.throws(() => job("j", definition), { name: "UsageError", message });
  }
});

test("names are short and typable", () => {
  for (const name of ["", "a/b", "-x", "a b", "é", "x".repeat(65), "__proto__"])
    assert.throws(
      () => job(name, { input, run }),
      /^UsageError: name of a job must be 1 to 64 letters/,
    );
  for (const name of ["a", "A.b_c-9", "x".repeat(64)])
    assert.equal(job(name, { input, run }).name, name);
});
