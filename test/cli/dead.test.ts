/** What is given up on in all runs: from code and from the command line, the whole output. */
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import type { Run } from "../../src/index.ts";
import { given } from "../app/given.ts";
import { until } from "../until.ts";
import { callJob, callsFlow, mailFlow, parts, reportFlow } from "./dead-app.ts";
import { fanfold, timeless } from "./given.ts";

/** Without the first line of stderr, which names the connection. */
async function said(path: string, ...args: readonly string[]) {
  const about = ["--app", "dead-app.ts", "--url", `sqlite:${path}`];
  const { code, stdout, stderr } = await fanfold(...args, ...about);
  const lines = (text: string): readonly string[] => timeless(text).trimEnd().split("\n");
  return { code, lines: lines(stdout), talk: lines(stderr).slice(1) };
}

/** Two runs that are held for the same, one for its split, one that failed and a job that was sent and failed. */
async function dead(t: TestContext) {
  const { app, path } = await given(t, parts, { work: { concurrency: 4 } });
  const runs: readonly Pick<Run, "status">[] = [
    await app.start(mailFlow, { count: 8 }, { id: "october", customer: "acme" }),
    await app.start(mailFlow, { count: 4 }, { id: "november" }),
    await app.start(callsFlow, {}, { id: "calls-1" }),
    await app.start(reportFlow, {}, { id: "report-1" }),
    await app.send(callJob, { number: "110" }, { id: "call-1" }),
  ];
  await until(async () => {
    const states = await Promise.all(runs.map(async (run) => (await run.status()).state));
    return states.join() === "held,held,held,failed,failed";
  });
  return { app, path };
}

/** The run whose split failed: of it as a whole, there are no keys, and it is run again by its step. */
const splitSample = {
  run: "calls-1",
  state: "held",
  count: 1,
  keys: [],
  command: ["redrive", "calls-1", "--step", "calls"],
};

test("failures of all runs that are not over, by kind and step, with runs, keys and the command", async (t) => {
  const { app } = await dead(t);
  const { groups, ...sums } = await app.failures();
  assert.deepEqual(sums, { count: 7, runs: 3, isAll: true });
  const mail = { flow: "mail", step: "invoices", job: "send", queue: "mail" };
  const busy = { signature: "mailbox-busy", message: "451 4.3.2 mailbox busy", attempts: 2 };
  const sample = (run: string, group: string, keys: readonly string[]) => {
    const command = ["redrive", run, "--group", group];
    return { run, state: "held", count: keys.length, keys, command };
  };
  const byRun = groups.map(({ firstAt = 0, lastAt = 0, samples, ...group }) => ({
    ...group,
    isSeen: firstAt > 0 && firstAt <= lastAt,
    samples: samples.toSorted((a, b) => (a.run < b.run ? -1 : 1)),
  }));
  assert.deepEqual(byRun, [
    {
      ...busy,
      ...mail,
      count: 4,
      runs: 2,
      isSeen: true,
      samples: ["november", "october"].map((run) => sample(run, "1", ["c-2", "c-3"])),
    },
    {
      signature: "customer-has-no-address",
      message: "customer has no address",
      ...mail,
      attempts: 1,
      count: 2,
      runs: 2,
      isSeen: true,
      samples: ["november", "october"].map((run) => sample(run, "2", ["c-1"])),
    },
    {
      signature: "no-list-of-numbers",
      message: "no list of numbers",
      flow: "calls",
      step: "calls",
      job: undefined,
      queue: "default",
      attempts: 1,
      count: 1,
      runs: 1,
      isSeen: false,
      samples: [splitSample],
    },
  ]);
});

test("failures by flow, customer, job and queue; since an instant, of runs that are over, too", async (t) => {
  const { app } = await dead(t);
  const counted = async (of: Parameters<typeof app.failures>[0]) => (await app.failures(of)).count;
  assert.equal(await counted({ flow: "mail" }), 6);
  assert.equal(await counted({ flow: "mail", customer: "acme" }), 3);
  assert.equal(await counted({ job: "send" }), 6);
  assert.equal(await counted({ queue: "default" }), 1);
  assert.equal(await counted({ queue: "phone" }), 0);
  assert.equal(await counted({ queue: "phone", since: 0 }), 1);
  assert.equal(await counted({ since: 0 }), 9);
  assert.equal(await counted({ since: Date.now() + 60_000 }), 7);
  await (await app.run("october"))?.release("fine");
  await until(async () => (await counted({ customer: "acme" })) === 0);
  assert.equal(await counted({ customer: "acme", since: 0 }), 3);
  await (await app.run("november"))?.cancel("never mind");
  await until(async () => (await counted({ since: 0 })) === 6);
});

test("dead prints a line and a command for each kind; as JSON, with the runs", async (t) => {
  const { path } = await dead(t);
  const since = await said(path, "dead", "--since", "1d", "--queue", "phone");
  assert.deepEqual(since.lines, [
    "  count  runs  step      signature          message                first – last",
    "      1     1  job call  nobody-answers-at  nobody answers at 110  hh:mm",
    "         fanfold redrive call-1 --group 1",
    "",
    "  1 failed in 1 run",
  ]);
  const [, busy, again, ...rest] = (await said(path, "dead", "--limit", "1")).lines;
  assert.match(
    busy ?? "",
    /^ {6}4 {5}2 {2}mail\/invoices {2}mailbox-busy {2}451 4.3.2 mailbox busy /,
  );
  assert.match(
    again ?? "",
    /^ {9}fanfold redrive (october|november) --group 1 {3}2 of them; the others in 1 other run$/,
  );
  assert.deepEqual(rest, ["", "  7 failed in 3 runs; 3 of them are of other kinds: --limit"]);
  const none = await said(path, "dead", "--customer", "nobody");
  assert.deepEqual(
    [none.code, none.lines, none.talk],
    [
      0,
      [""],
      [
        "  ✓ nothing that has failed matches in runs that are not over",
        "    fanfold dead --since 7d     those that are over, too",
      ],
    ],
  );
  const json = (await said(path, "dead", "--json", "--flow", "calls")).lines;
  assert.deepEqual(
    json.map((line): unknown => JSON.parse(line)),
    [
      {
        schema: "fanfold.dead/1",
        signature: "no-list-of-numbers",
        message: "no list of numbers",
        flow: "calls",
        step: "calls",
        count: 1,
        runs: 1,
        firstAt: null,
        lastAt: null,
        job: null,
        queue: "default",
        attempts: 1,
        samples: [splitSample],
      },
    ],
  );
});

test("a split that failed is among the failures of its run, and is redriven by its number as by its step", async (t) => {
  const { app, path } = await dead(t);
  await app.close();
  const { lines } = await said(path, "failures", "calls-1");
  assert.deepEqual(lines, [
    "  calls-1 · calls",
    "",
    "  #  count  step   signature           message             first – last  attempts",
    "  1      1  calls  no-list-of-numbers  no list of numbers                       1",
    "",
    "  those again:   fanfold redrive calls-1 --group 1",
  ]);
  for (const which of [["--group", "1"], ["--step", "calls"], ["--all"], []]) {
    const { code, talk } = await said(path, "redrive", "calls-1", ...which, "--dry-run");
    assert.deepEqual(
      [code, talk],
      [0, ["  would run the split of calls again", "  nothing was done: this was a dry run"]],
    );
  }
});
