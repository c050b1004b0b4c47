/**
 * What happens when work fails, and what a person does about it: look, redrive, skip, release.
 */
import { app, flow, job, type Run } from "../src/index.ts";
import { z } from "zod";

/** The mail server is ill: until somebody mends it, it refuses every tenth mail. */
let isIll = true;

const sendLetter = job("send-letter", {
  input: z.object({ customer: z.int(), address: z.string().nullable() }),
  retry: { attempts: 3, first: "10ms" },
  run({ customer, address }, ctx) {
    // No attempt will help.
    if (address === null) return ctx.fatal(`customer ${customer} has no address`);
    if (isIll && customer % 10 === 0) throw new MailError("451 mailbox busy, try later");
    return address;
  },
});

class MailError extends Error {
  readonly code = "smtp-451"; // Where an error has a code, it is its signature.
}

const letters = flow("letters", { input: z.object({ customers: z.int() }) })
  .fanOut("letters", sendLetter, {
    over: ({ input }) =>
      Array.from({ length: input.customers }, (_, n) => ({
        customer: n,
        address: n % 50 === 49 ? null : `${n} High Street`,
      })),
    key: ({ customer }) => `c-${customer}`,
    tolerate: "1%", // Beyond it the run is held: nothing is thrown away, a person decides.
    fold: (f) => f.count(),
  })
  .step(
    "report",
    ({ letters }) => `${letters.value} sent, ${letters.failed} failed, ${letters.skipped} skipped`,
  );

const post = app({ name: "post", url: "sqlite::memory:", parts: [letters, sendLetter] });
void post.work();

const run = await post.start(letters, { customers: 200 }, { id: "letters-2026-11" });
await untilHeld(run);

isIll = false; // Somebody has mended the mail server.
const redriven = await run.redrive({ signature: "smtp-451" });
console.log(`redriven: ${redriven.matched}`);
await untilHeld(run);

const record = await run.subJob("letters", "c-0");
console.log(
  "c-0:",
  record?.attempts.map(({ attempt, outcome }) => `${attempt} ${outcome}`),
);

const skipped = await run.skip("they moved, we asked", { keys: ["c-49", "c-99"] });
console.log(`skipped: ${skipped.matched}`);
console.log(await run.result());

isIll = true;
const other = await post.start(letters, { customers: 100 }, { id: "letters-2026-12" });
await untilHeld(other);
await other.release("the rest goes by post");
console.log(await other.result());
await post.close();

/** Waits until the run needs a person, and says why. */
async function untilHeld(run: Run): Promise<void> {
  for await (const { state, because, steps } of run.watch()) {
    if (state !== "held") continue;
    console.log(`${run.id} is held: ${because}`);
    for (const { signature, count, message } of steps[0]?.failures ?? [])
      console.log(`  ${count} × ${signature}: ${message}`);
    return;
  }
}
