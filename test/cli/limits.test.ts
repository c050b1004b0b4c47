/** What the command line says of limits that hold, and of jobs and keys that were told to come back later: the whole output. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { given } from "../app/given.ts";
import { until } from "../until.ts";
import { fanfold, timeless } from "./given.ts";
import { mailFlow, parts, phoneFlow } from "./limits-app.ts";

test("queues and show: the limits of jobs, those they share, and who was told to come back later", async (t) => {
  const { app, path } = await given(t, parts, { work: { concurrency: 4 } });
  const run = await app.start(mailFlow, {}, { id: "october" });
  await app.start(phoneFlow, {}, { id: "calls-1" });
  await until(async () => {
    const queues = await (await app.standing()).queues();
    const limits = queues.flatMap((queue) => queue.limits);
    const keys = limits.find(({ of }) => of === "key")?.keys;
    const isHeld = limits.some(({ heldUntil }) => heldUntil !== undefined);
    const [step] = (await run.status()).steps;
    return keys?.held === 2 && isHeld && step?.ok === 2 && step.inFlight === 0;
  });
  const said = async (...args: readonly string[]): Promise<string> => {
    const about = ["--app", "limits-app.ts", "--url", `sqlite:${path}`];
    const { code, stdout, stderr } = await fanfold(...args, ...about);
    assert.equal(code, 0, stderr);
    // Which of them was told first is chance.
    return timeless(stdout).replace(": full, busy", ": busy, full");
  };
  assert.deepEqual((await said("queues")).split("\n"), [
    "  queue    waiting  in flight  retrying  runs  workers  slots",
    "  calls          0          0         1     1        1      4",
    "  default        0          0         0     0        1      4",
    "  mail           2          0         2     1        1      4",
    "",
    "  queue  limit     holds                           in flight  told to come back later",
    "  calls  job call                                          0  ‖ until hh:mm",
    "  mail   job send  at most 200 at once and 1000/s          0",
    "  mail   smtp      at most 3 at once                       0",
    "  mail   hosts     at most 1 at once for each key          0  ‖ 2 keys, the last until hh:mm: busy, full",
    "",
  ]);
  const shown = (await said("show", "october")).split("\n");
  const from = shown.findIndex((line) => line.startsWith("  limit "));
  assert.deepEqual(shown.slice(from, from + 6), [
    "  limit       holds                           in flight  told to come back later",
    "  step mails  at most 50 at once                      0",
    "  job send    at most 200 at once and 1000/s",
    "  smtp        at most 3 at once",
    "  hosts       at most 1 at once for each key             ‖ 2 keys, the last until hh:mm: busy, full",
    "",
  ]);
  assert.match(
    await said("show", "october/mails"),
    /\n {2}hosts +at most 1 at once for each key +‖ 2/,
  );
  const [queue] = (await said("queues", "--json")).split("\n");
  assert.deepEqual((JSON.parse(queue ?? "") as { limits: unknown }).limits, [
    {
      of: "job",
      name: "call",
      concurrency: null,
      rate: null,
      inFlight: 0,
      heldUntil: "yyyy-mm-ddThh:mmZ",
      keys: null,
    },
  ]);
  const { limits } = JSON.parse(await said("show", "october/mails", "--json")) as {
    readonly limits: readonly { readonly keys: { readonly first: readonly { key: string }[] } }[];
  };
  const { keys, ...hosts } = limits.at(-1) ?? {};
  assert.deepEqual(hosts, {
    of: "key",
    name: "hosts",
    concurrency: 1,
    rate: null,
    inFlight: null,
    heldUntil: null,
  });
  const when = "yyyy-mm-ddThh:mmZ";
  const byName = keys?.first.toSorted((a, b) => (a.key < b.key ? -1 : 1));
  assert.deepEqual(
    [{ ...keys, first: byName }],
    [
      {
        held: 2,
        until: when,
        first: [
          { key: "busy", until: when },
          { key: "full", until: when },
        ],
      },
    ],
  );
  const why = (await said("why", "october")).split("\n").toSorted();
  for (const [n, key] of ["busy", "full"].entries())
    assert.match(
      why.filter((line) => line.includes("limit"))[n] ?? "",
      new RegExp(
        `^  1 sub-job waits for key "${key}" of limit "hosts": it was told to come back later   at hh:mm`,
      ),
    );
  await run.cancel("enough");
  await until(async () => (await run.status()).state === "cancelled");
  assert.deepEqual((await run.status()).steps[0]?.limits, []);
});
