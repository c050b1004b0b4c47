/** Redrives with corrected inputs: what is given, checked, shown and kept. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";
import { flow, job, UsageError, type Run } from "../../src/index.ts";
import { until } from "../until.ts";
import { given } from "./given.ts";

const mail = job("mail", {
  input: z.object({ id: z.string(), email: z.email(), card: z.string() }),
  retry: 1,
  redact: ["card"],
  run({ id, email, card }) {
    if (email.endsWith("@nowhere.test")) throw new Error(`no mailbox for ${email}`);
    return { id, email, card };
  },
});

/** The first `wrong` of four have an address that nobody has. */
const mails = flow("mails", { input: z.object({ wrong: z.number() }) })
  .fanOut("mail", mail, {
    over: ({ input }) =>
      Array.from({ length: 4 }, (_, n) => ({
        id: `c-${n}`,
        email: n < input.wrong ? `c-${n}@nowhere.test` : `c-${n}@example.com`,
        card: `4111-${n}`,
      })),
    key: ({ id }) => id,
    fold: (f) => ({ sent: f.list(10) }),
  })
  .step("report", ({ mail }) => mail.value.sent.toSorted((a, b) => (a.id < b.id ? -1 : 1)));

const parts = [mail, mails];

const held = (run: Pick<Run, "status">): Promise<unknown> =>
  until(async () => (await run.status()).state === "held");

type Item = { readonly id: string; readonly email: string; readonly card: string };
const to =
  (email: string) =>
  (input: unknown): object => ({ ...(input as Item), email });

test("a redrive corrects inputs: sub-jobs run with them, and say what was corrected, by whom and why", async (t) => {
  const { app, path, stop } = await given(t, parts);
  const run = await app.start(mails, { wrong: 2 }, { id: "r" });
  await held(run);
  const seen: unknown[] = [];
  const { matched } = await run.redrive(
    { signature: "no-mailbox-for" },
    {
      author: "anna",
      reason: "they have moved",
      edit(input, key) {
        seen.push(input);
        return key === "c-0" ? to("c-0@new.example.com")(input) : to("c-1@nowhere.test")(input);
      },
    },
  );
  assert.equal(matched, 2);
  // All of it: it is the program that asks.
  assert.deepEqual(
    seen,
    [0, 1].map((n) => ({ id: `c-${n}`, email: `c-${n}@nowhere.test`, card: `4111-${n}` })),
  );
  await held(run);
  await stop();
  await app.close();
  // What was corrected is kept over restarts and generations; what was not changed was not corrected.
  const again = await given(t, parts, { path });
  const same = await again.app.start(mails, { wrong: 2 }, { id: "r" });
  await same.redrive({}, { edit: to("c-1@new.example.com") });
  const sent = (await same.result({ timeout: "60s" })).map(({ email }) => email);
  const expected = ["c-0@new.example.com", "c-1@new.example.com"];
  assert.deepEqual(sent, [...expected, "c-2@example.com", "c-3@example.com"]);
  const known = [];
  for (const key of ["c-0", "c-1", "c-2"]) known.push(await same.subJob("mail", key));
  const card = "[redacted]";
  assert.deepEqual(
    known.map((record) => record?.input),
    [...expected, "c-2@example.com"].map((email, n) => ({ id: `c-${n}`, email, card })),
  );
  assert.deepEqual(
    known.map((record) => record?.edits.map((edit) => ({ ...edit, at: 0 }))),
    [
      [
        {
          at: 0,
          author: "anna",
          reason: "they have moved",
          before: { id: "c-0", email: "c-0@nowhere.test", card },
        },
      ],
      [
        {
          at: 0,
          author: "test",
          reason: undefined,
          before: { id: "c-1", email: "c-1@nowhere.test", card },
        },
      ],
      [],
    ],
  );
  const exported: unknown[] = [];
  for await (const { input } of same.export({ step: "mail" })) exported.push(input);
  assert.deepEqual(
    exported.slice(0, 3),
    known.map((record) => record?.input),
  );
});

test("what a job hides stays as it is, where the corrected input was made from what is shown", async (t) => {
  const { app } = await given(t, parts);
  const run = await app.start(mails, { wrong: 1 }, { id: "r" });
  await held(run);
  const shown = (await run.subJob("mail", "c-0"))?.input;
  await run.redrive({ keys: ["c-0"] }, { edit: () => to("new@example.com")(shown) });
  const [first] = await run.result({ timeout: "60s" });
  assert.deepEqual(first, { id: "c-0", email: "new@example.com", card: "4111-0" });
});

test("an input that the split would not have taken is refused, and so is another key; nothing is redriven then", async (t) => {
  const { app } = await given(t, parts);
  const run = await app.start(mails, { wrong: 2 }, { id: "r" });
  await held(run);
  for (const [edit, message] of [
    [to("nobody"), /^input of r\/mail\/c-0: \.email: Invalid email/],
    [(input: unknown) => ({ ...(input as Item), id: "c-9" }), /its key would be "c-9"/],
    [() => new Date(0), /expected plain JSON, got a Date/],
    [
      (input: unknown, key: string) => (key === "c-0" ? to("a@b.test")(input) : []),
      /^input of r\/mail\/c-1: /,
    ],
  ] as const)
    await assert.rejects(
      run.redrive({}, { edit }),
      (error) => error instanceof UsageError && message.test(error.message),
    );
  const selected = await run.select({});
  assert.equal(
    await selected.tryEdit((input, key) => (key === "c-1" ? to("a@b.test")(input) : input)),
    1,
  );
  assert.equal(await selected.tryEdit(() => undefined), 0);
  const { state, steps } = await run.status();
  assert.deepEqual([state, steps[0]?.failed, steps[0]?.generation], ["held", 2, 1]);
});

test("the input of a job by itself can be corrected, too", async (t) => {
  const { app } = await given(t, parts);
  const run = await app.send(mail, { id: "a", email: "a@nowhere.test", card: "1" }, { id: "one" });
  await until(async () => (await run.status()).state === "failed");
  await run.redrive({}, { edit: to("a@example.com") });
  assert.deepEqual(await run.result({ timeout: "60s" }), {
    id: "a",
    email: "a@example.com",
    card: "1",
  });
});
