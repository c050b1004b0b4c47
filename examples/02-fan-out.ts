/**
 * Where items come from, and what is kept of the results.
 *
 * An import in two fan-outs: rows of a file, read as a stream, are checked; then every customer of a table, read page by page,
 * gets a score. No more than a page of items is in memory, however many there are.
 */
import { createReadStream, writeFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { app, flow, job, paged } from "../src/index.ts";
import { z } from "zod";

const countries = ["DE", "FR", "NL"];
writeFileSync(
  "contacts.csv",
  Array.from({ length: 3_000 }, (_, n) => `c-${n},${countries[n % 3]},${n % 90}\n`).join(""),
);

/** An async generator: a stream, a database cursor, an API that is asked again and again. */
async function* rows(file: string) {
  for await (const line of createInterface({ input: createReadStream(file) })) {
    const [id = "", country = "", age = ""] = line.split(",");
    yield { id, country, age: Number(age) };
  }
}

const importContact = job("import-contact", {
  input: z.object({ id: z.string(), country: z.string(), age: z.int() }),
  run({ id, country, age }, ctx) {
    if (age < 18) return ctx.skip("a minor");
    return { id, country, age };
  },
});

/** A page of the table, from this id on. */
function customersAfter(last: number, limit: number): number[] {
  return Array.from({ length: limit }, (_, n) => last + n + 1).filter((id) => id <= 2_500);
}

const scoreCustomer = job("score-customer", {
  input: z.int(),
  run: (id) => ({ id, score: (id * 7_919) % 1_000 }),
});

const onboarding = flow("onboarding", { input: z.object({ file: z.string() }) })
  .fanOut("contacts", importContact, {
    over: ({ input }) => rows(input.file),
    key: ({ id }) => id,
    fold: (f) => ({
      perCountry: f.countBy(({ country }) => country),
      youngest: f.min(({ age }) => age),
      oldest: f.max(({ age }) => age),
      firstThree: f.list(3),
    }),
  })
  .fanOut("scores", scoreCustomer, {
    // A split that dies goes on at the page it was at: the cursor is on the log, beside the page.
    over: paged((_, last: number = 0) => {
      const items = customersAfter(last, 500);
      const end = items.at(-1);
      return end === undefined ? { items } : { items, next: end };
    }),
    key: (id) => `customer-${id}`,
    fold: (f) => ({
      customers: f.count(),
      good: f.count(({ score }) => score >= 500),
      total: f.sum(({ score }) => score),
      best: f.top(
        3,
        ({ score }) => score,
        ({ id }) => id,
      ),
      // Your own: how to begin, how to add a result, how to put two parts together, in any order.
      perHundred: f.custom<number[]>({
        zero: [],
        add: (bars, { score }) => added(bars, Math.floor(score / 100), 1),
        merge: (a, b) => b.reduce((bars, count, at) => added(bars, at, count), a),
      }),
    }),
  })
  .step("report", ({ contacts, scores }) => ({
    read: contacts.total,
    skipped: contacts.skipped,
    ...contacts.value,
    ...scores.value,
  }));

function added(bars: readonly number[], at: number, count: number): number[] {
  return Array.from({ length: 10 }, (_, n) => (bars[n] ?? 0) + (n === at ? count : 0));
}

const crm = app({
  name: "crm",
  url: process.env["FANFOLD_URL"] ?? "sqlite::memory:",
  parts: [onboarding, importContact, scoreCustomer],
});
const run = await crm.start(onboarding, { file: "contacts.csv" }, { id: "onboarding-2026-11" });
void crm.work();
console.log(await run.result());
await crm.close();
