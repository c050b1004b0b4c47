/** What the compiler infers and what it refuses: api.md, section 2. Never run; `tsc` is the test. */
import { type } from "arktype";
import * as v from "valibot";
import { z } from "zod";
import type { Ctx } from "./ctx.ts";
import type { Folds } from "./folds.ts";
import { flow, type Flow, type Joined, paged, type StepName } from "./flow.ts";
import { job } from "./job.ts";

// oxlint-disable typescript/no-unnecessary-type-parameters -- how one asks the compiler whether two types are the same
type Same<A, B> =
  (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
// oxlint-enable typescript/no-unnecessary-type-parameters
declare function same<A, B>(
  ..._: Same<A, B> extends true ? [] : ["these types differ", A, B]
): void;

type Customer = { customerId: string; email: string; month: string; name?: string };
type Invoice = { customerId: string; cents: number; issued: string };
declare const db: {
  totals(month: string): Promise<{ count: number; cents: number }>;
  customers(month: string): AsyncGenerator<Customer>;
  customersAfter(month: string, row: number): Promise<{ items: Customer[]; next?: number }>;
  orm(): Promise<{ id: string; save(): void }>;
};

// ---- jobs

const sendInvoice = job("send-invoice", {
  input: z.object({ customerId: z.string(), email: z.string(), month: z.string() }),
  timeout: "5m",
  retry: { attempts: 5, backoff: "exponential", max: "10m" },
  estimate: "1m",
  async run({ customerId, email }, ctx) {
    same<typeof ctx, Ctx>();
    if (email === "") ctx.fatal("no address");
    const issued: string = await Promise.resolve("2026-10-31T00:00:00Z");
    return { customerId, cents: 990, issued };
  },
});

const viaValibot = job("v", { input: v.object({ a: v.string() }), run: ({ a }) => a.length });
const viaArktype = job("a", {
  input: type({ a: "string", "b?": "number" }),
  run: ({ a, b }) => a + (b ?? 0),
});
same<
  NonNullable<(typeof viaValibot)["~types"]>,
  { readonly input: { a: string }; readonly result: number }
>();
same<NonNullable<(typeof viaArktype)["~types"]>["result"], string>();

const transformed = job("t", {
  input: z.object({ at: z.string().transform((text) => new Date(text)) }),
  run: ({ at }) => at.toISOString(),
});
same<NonNullable<(typeof transformed)["~types"]>["input"], { at: string }>();

declare class Money {
  readonly cents: number;
  plus(other: Money): Money;
}
const none = z.object({});
// @ts-expect-error -- a Date
job("date", { input: none, run: () => ({ issued: new Date(0) }) });
// @ts-expect-error -- a class with methods
job("class", { input: none, run: (): Money => new Money() });
// @ts-expect-error -- a Map, deep inside, late
job("map", { input: none, run: async () => ({ a: [{ b: new Map<string, string>() }] }) });
// @ts-expect-error -- a bigint
job("bigint", { input: none, run: () => 10n });
// @ts-expect-error -- an ORM row
job("orm", { input: none, run: () => db.orm() });
// @ts-expect-error -- what is stored is the input, and a Date cannot be
job("date-in", { input: z.object({ at: z.date() }), run: () => 1 });
// @ts-expect-error -- not a duration
job("timeout", { input: none, timeout: "5 minutes", run: () => 1 });
job("nothing", { input: none, run: () => {} });
job("untyped", { input: none, run: (): any => 1 }); // oxlint-disable-line typescript/no-explicit-any -- the case that is tested
job("optional", { input: none, run: (): { a?: string; b: null | number[] } => ({ b: null }) });

// ---- flows

const month = z.object({ month: z.string() });
const monthlyInvoices = flow("monthly-invoices", { input: month, deadline: "90m" })
  .step("check", ({ input }) => db.totals(input.month))
  .fanOut("invoices", sendInvoice, {
    over: ({ input }) => db.customers(input.month),
    key: (c) => c.customerId,
    concurrency: 400,
    tolerate: "1%",
    fold: (f) => ({
      sent: f.count(),
      cents: f.sum((i) => i.cents),
      biggest: f.top(10, (i) => i.cents),
    }),
  })
  .step(
    "report",
    ({ input, check, invoices }) => {
      same<typeof input, { month: string }>();
      same<typeof check, { count: number; cents: number }>();
      same<typeof invoices, Joined<{ sent: number; cents: number; biggest: Invoice[] }>>();
      return `${check.count} ${invoices.failed} ${invoices.value.cents}`;
    },
    { retry: 3, timeout: "30s" },
  );

const f = flow("f", { input: month });
const one = f.step("one", () => 1);
// @ts-expect-error -- this flow already has a step called 'one'
one.step("one", () => 2);
// @ts-expect-error -- 'input' is reserved
f.step("input", () => 2);
// @ts-expect-error -- there is no such step yet
f.step("early", ({ one: later }) => later);
// @ts-expect-error -- a Date
f.step("date", () => ({ at: new Date(0) }));
// @ts-expect-error -- a class with methods
f.step("class", async () => new Money());
// @ts-expect-error -- an ORM row
f.step("orm", () => db.orm());
// @ts-expect-error -- a forgotten await
f.step("promise", () => ({ totals: db.totals("x") }));

// ---- over, key and folds

const over = (): Customer[] => [];
const key = (c: { customerId: string }): string => c.customerId;
f.fanOut("x", sendInvoice, { over, key: (c) => c.email });
f.fanOut("x", sendInvoice, { over: async () => over(), key });
f.fanOut("x", sendInvoice, {
  *over() {
    yield* over();
  },
  key,
});
f.fanOut("x", sendInvoice, {
  async *over() {
    yield* over();
  },
  key,
});
f.fanOut("x", sendInvoice, {
  over: paged(({ input }, row: number | undefined, ctx) => {
    same<typeof input, { month: string }>();
    same<typeof ctx, Ctx>();
    return db.customersAfter(input.month, row ?? 0);
  }),
  key: (c) => c.email,
});
// @ts-expect-error -- email and month are missing
f.fanOut("x", sendInvoice, { over: () => [{ customerId: "a" }], key });
// @ts-expect-error -- no such field
f.fanOut("x", sendInvoice, { over, key: (c) => c.id });
// @ts-expect-error -- the key is missing
f.fanOut("x", sendInvoice, { over });
// @ts-expect-error -- not a percentage
f.fanOut("x", sendInvoice, { over, key, tolerate: "few" });

declare const folds: Folds<Invoice>;
// @ts-expect-error -- list demands a bound
folds.list();
// @ts-expect-error -- custom demands a merge
folds.custom({ zero: 0, add: (a: number, i) => a + i.cents });
// @ts-expect-error -- an accumulator must be plain JSON
folds.custom({ zero: new Date(0), add: (a) => a, merge: (a) => a });
// @ts-expect-error -- sum needs numbers
folds.sum((i) => i.issued);
// @ts-expect-error -- min needs numbers or strings
folds.min((i) => i.cents > 0);
// @ts-expect-error -- sumBy needs numbers, too
folds.sumBy(key, (i) => i.issued);
// @ts-expect-error -- and names
folds.sumBy((i) => i.cents, key);
const when = (i: Invoice): Date => new Date(i.issued);
const cents = (i: Invoice): number => i.cents;
// @ts-expect-error -- what is kept must be plain JSON
folds.top(3, cents, when);
// @ts-expect-error -- a fold makes folds, not results
f.fanOut("x", sendInvoice, { over, key, fold: () => ({ sent: 3 }) });

f.fanOut("x", sendInvoice, {
  over,
  key,
  fold: (g) => ({
    good: g.count((i) => i.cents > 0),
    first: g.min((i) => i.issued),
    names: g.top(
      3,
      (i) => i.cents,
      (i) => i.customerId,
    ),
    days: g.countBy((i) => i.issued.slice(0, 10)),
    turnover: g.sumBy(key, cents),
    some: g.list(100),
    mean: g.custom({
      zero: { n: 0, cents: 0 },
      add: (a, i) => ({ n: a.n + 1, cents: a.cents + i.cents }),
      merge: (a, b) => ({ n: a.n + b.n, cents: a.cents + b.cents }),
    }),
  }),
}).step("y", ({ x }) => {
  same<
    typeof x.value,
    {
      good: number;
      first: string | undefined;
      names: string[];
      days: Record<string, number>;
      turnover: Record<string, number>;
      some: Invoice[];
      mean: { n: number; cents: number };
    }
  >();
});
f.fanOut("x", sendInvoice, { over, key, fold: (g) => g.max((i) => i.cents) }).step("y", ({ x }) => {
  same<typeof x.value, number | undefined>();
});
f.fanOut("x", sendInvoice, { over, key }).step("y", ({ x }) => {
  same<typeof x.value, undefined>();
});

// ---- what an app makes of it

type Run<S, R> = {
  result(): Promise<R>;
  redrive(where?: { step?: StepName<S>; signature?: string }): Promise<void>;
};
declare function start<I, S, R>(
  flow: Flow<string, I, S, R>,
  input: NoInfer<I>,
  options: { id: string },
): Promise<Run<S, R>>;

const parts: readonly Flow[] = [monthlyInvoices, f];
const run = await start(monthlyInvoices, { month: "2026-10" }, { id: "invoices-2026-10" });
same<Awaited<ReturnType<typeof run.result>>, string>();
await run.redrive({ step: "invoices", signature: "smtp-451" });
// @ts-expect-error -- did you mean 'invoices'?
await run.redrive({ step: "invoicez" });
// @ts-expect-error -- did you mean 'month'?
await start(monthlyInvoices, { mnth: "2026-10" }, { id: "x" });
// @ts-expect-error -- the id is missing
await start(monthlyInvoices, { month: "2026-10" }, {});
same<(typeof parts)[number], Flow>();

// ---- a long chain stays cheap: the state is a flat intersection, flattened only in the callback's parameter

flow("long", { input: month })
  .step("s0", ({ input }) => ({ at: input.month, n: 0 }))
  .step("s1", ({ s0 }) => ({ at: s0.at, n: 1 }))
  .step("s2", ({ s1 }) => ({ at: s1.at, n: 2 }))
  .step("s3", ({ s2 }) => ({ at: s2.at, n: 3 }))
  .step("s4", ({ s3 }) => ({ at: s3.at, n: 4 }))
  .step("s5", ({ s4 }) => ({ at: s4.at, n: 5 }))
  .step("s6", ({ s5 }) => ({ at: s5.at, n: 6 }))
  .step("s7", ({ s6 }) => ({ at: s6.at, n: 7 }))
  .step("s8", ({ s7 }) => ({ at: s7.at, n: 8 }))
  .step("s9", ({ s8 }) => ({ at: s8.at, n: 9 }))
  .step("s10", ({ s9 }) => ({ at: s9.at, n: 10 }))
  .step("s11", ({ s10 }) => ({ at: s10.at, n: 11 }))
  .step("s12", ({ s11 }) => ({ at: s11.at, n: 12 }))
  .step("s13", ({ s12 }) => ({ at: s12.at, n: 13 }))
  .step("s14", ({ s13 }) => ({ at: s13.at, n: 14 }))
  .step("s15", ({ s14 }) => ({ at: s14.at, n: 15 }))
  .step("s16", ({ s15 }) => ({ at: s15.at, n: 16 }))
  .step("s17", ({ s16 }) => ({ at: s16.at, n: 17 }))
  .step("s18", ({ s17 }) => ({ at: s17.at, n: 18 }))
  .step("s19", ({ s18 }) => ({ at: s18.at, n: 19 }))
  .step("s20", ({ s19 }) => ({ at: s19.at, n: 20 }))
  .step("s21", ({ s20 }) => ({ at: s20.at, n: 21 }))
  .step("s22", ({ s21 }) => ({ at: s21.at, n: 22 }))
  .step("s23", ({ s22 }) => ({ at: s22.at, n: 23 }))
  .step("s24", ({ s23 }) => ({ at: s23.at, n: 24 }))
  .step("s25", ({ s24 }) => ({ at: s24.at, n: 25 }))
  .step("s26", ({ s25 }) => ({ at: s25.at, n: 26 }))
  .step("s27", ({ s26 }) => ({ at: s26.at, n: 27 }))
  .step("s28", ({ s27 }) => ({ at: s27.at, n: 28 }))
  .step("s29", ({ s28 }) => ({ at: s28.at, n: 29 }))
  .step("s30", ({ s29 }) => ({ at: s29.at, n: 30 }))
  .step("s31", ({ s30 }) => ({ at: s30.at, n: 31 }))
  .step("s32", ({ s31 }) => ({ at: s31.at, n: 32 }))
  .step("s33", ({ s32 }) => ({ at: s32.at, n: 33 }))
  .step("s34", ({ s33 }) => ({ at: s33.at, n: 34 }))
  .step("s35", ({ s34 }) => ({ at: s34.at, n: 35 }))
  .step("s36", ({ s35 }) => ({ at: s35.at, n: 36 }))
  .step("s37", ({ s36 }) => ({ at: s36.at, n: 37 }))
  .step("s38", ({ s37 }) => ({ at: s37.at, n: 38 }))
  .step("s39", ({ s38 }) => ({ at: s38.at, n: 39 }))
  .step("s40", ({ s39 }) => ({ at: s39.at, n: 40 }))
  .step("s41", ({ s40 }) => ({ at: s40.at, n: 41 }))
  .step("s42", ({ s41 }) => ({ at: s41.at, n: 42 }))
  .step("s43", ({ s42 }) => ({ at: s42.at, n: 43 }))
  .step("s44", ({ s43 }) => ({ at: s43.at, n: 44 }))
  .step("s45", ({ s44 }) => ({ at: s44.at, n: 45 }))
  .step("s46", ({ s45 }) => ({ at: s45.at, n: 46 }))
  .step("s47", ({ s46 }) => ({ at: s46.at, n: 47 }))
  .step("s48", ({ s47 }) => ({ at: s47.at, n: 48 }))
  .step("s49", ({ s48 }) => ({ at: s48.at, n: 49 }))
  .step("s50", ({ s49 }) => ({ at: s49.at, n: 50 }))
  .step("s51", ({ s50 }) => ({ at: s50.at, n: 51 }))
  .step("s52", ({ s51 }) => ({ at: s51.at, n: 52 }))
  .step("s53", ({ s52 }) => ({ at: s52.at, n: 53 }))
  .step("s54", ({ s53 }) => ({ at: s53.at, n: 54 }))
  .step("s55", ({ s54 }) => ({ at: s54.at, n: 55 }))
  .step("s56", ({ s55 }) => ({ at: s55.at, n: 56 }))
  .step("s57", ({ s56 }) => ({ at: s56.at, n: 57 }))
  .step("s58", ({ s57 }) => ({ at: s57.at, n: 58 }))
  .step("s59", ({ s58 }) => ({ at: s58.at, n: 59 }))
  .step("last", (all) => {
    same<keyof typeof all extends `s${number}` | "input" ? true : false, true>();
    same<typeof all.s59, { at: string; n: number }>();
  });
