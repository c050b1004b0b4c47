/** What the command line says of a run that is held, one that is under way and one that nobody works on: the whole output. */
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { given, opened } from "../app/given.ts";
import { until } from "../until.ts";
import { fanfold, timeless } from "./given.ts";
import { evilFlow, mailFlow, parts } from "./know-app.ts";

/** Without the first line of stderr, which names the connection. */
async function said(path: string, ...args: readonly string[]) {
  const { code, stdout, stderr } = await fanfold(
    ...args,
    "--app",
    "know-app.ts",
    "--url",
    `sqlite:${path}`,
  );
  return { code, text: timeless(stdout), stderr };
}

/** A run of 8 that is held: one failed for good, two after all attempts, one skipped. */
async function held(t: TestContext) {
  const { app, path, stop } = await given(t, parts, { work: { concurrency: 4 } });
  const run = await app.start(mailFlow, { count: 8 }, { id: "october", customer: "acme" });
  await until(async () => (await run.status()).state === "held");
  return { app, path, run, stop };
}

test("why of a held run, its last step and a failed sub-job", async (t) => {
  const { path } = await held(t);
  assert.deepEqual((await said(path, "why", "october")).text.split("\n"), [
    "  october   ‖ held",
    "",
    "  it waits for a person: 3 of 8 failed, 1 tolerated",
    "      fanfold redrive october",
    "",
  ]);
  assert.deepEqual((await said(path, "why", "october/report")).text.split("\n"), [
    "  october/report   ○ waiting",
    "",
    "  it waits for a person: 3 of 8 failed, 1 tolerated",
    "      fanfold redrive october",
    "",
  ]);
  const { text, code } = await said(path, "why", "october/invoices/c-1");
  assert.equal(code, 0);
  assert.deepEqual(text.split("\n"), [
    "  october/invoices/c-1   ✗ failed",
    "",
    "  it is given up on, failed: customer has no address   hh:mm",
    "      fanfold redrive october --step invoices --keys c-1",
    "",
  ]);
});

test("failures of a held run by kind, one kind, and as JSON", async (t) => {
  const { path } = await held(t);
  assert.deepEqual((await said(path, "failures", "october")).text.split("\n"), [
    "  october · mail · acme",
    "",
    "  #  count  step      signature                message                  first – last   attempts",
    "  1      2  invoices  mailbox-busy             451 4.3.2 mailbox busy   hh:mm  2 of 2",
    "  2      1  invoices  customer-has-no-address  customer has no address  hh:mm  1 (fatal)",
    "",
    "  3 of 8 of invoices failed (37 %)",
    "  one of them:   fanfold show october/invoices/c-2",
    "  those again:   fanfold redrive october --group 1",
    "",
  ]);
  const one = await said(path, "failures", "october", "--group", "1");
  assert.deepEqual(one.text.split("\n").slice(-5), [
    "",
    "  fanfold show october/invoices/c-2",
    "  fanfold show october/invoices/c-3",
    "  those again:   fanfold redrive october --group 1",
    "",
  ]);
  const keys = await said(path, "failures", "october", "--keys");
  assert.equal(keys.text, "c-2\nc-3\nc-1\n");
  assert.equal((await said(path, "failures", "october", "--group", "2", "--keys")).text, "c-1\n");
  const json = await said(path, "failures", "october", "--json", "--step", "invoices");
  const lines = json.text
    .trim()
    .split("\n")
    .map((line): unknown => JSON.parse(line));
  assert.deepEqual(lines[1], {
    schema: "fanfold.failures/1",
    run: "october",
    signature: "customer-has-no-address",
    message: "customer has no address",
    count: 1,
    keys: ["c-1"],
    firstAt: "yyyy-mm-ddThh:mmZ",
    lastAt: "yyyy-mm-ddThh:mmZ",
    attempts: 1,
    step: "invoices",
    number: 2,
  });
  const none = await said(path, "failures", "october", "--group", "3");
  assert.equal(none.code, 2);
  assert.match(none.stderr, /"october" has no group 3 of failures: there are 2/);
});

test("export as JSONL and as CSV, and some of it", async (t) => {
  const { path } = await held(t);
  const jsonl = await said(path, "export", "october");
  const rows = jsonl.text
    .trimEnd()
    .split("\n")
    .map((line): unknown => JSON.parse(line.replaceAll(/"ms":\d+/g, '"ms":1')));
  assert.equal(rows.length, 8);
  const common = { schema: "fanfold.exported-sub-job/1", ms: 1, at: "yyyy-mm-ddThh:mmZ" };
  const [, failed] = rows;
  assert.deepEqual(rows[0], {
    ...common,
    index: 0,
    key: "c-0",
    state: "ok",
    input: { id: "c-0", email: "[redacted]" },
    attempts: 1,
    result: { id: "c-0", cents: 990 },
    error: null,
  });
  assert.match(JSON.stringify(failed), /"state":"failed".*"error":\{.*customer has no address/);
  const csv = await said(path, "export", "october", "--only", "failed", "--format", "csv");
  const input = (key: string): string => `"{""id"":""${key}"",""email"":""[redacted]""}"`;
  assert.deepEqual(
    csv.text.split("\n").map((line) => line.replace(/Z,\d+,/, "Z,1,")),
    [
      "index,key,state,attempts,at,ms,error,input,result",
      `1,c-1,failed,1,yyyy-mm-ddThh:mmZ,1,FatalError: customer has no address,${input("c-1")},`,
      `2,c-2,failed,2,yyyy-mm-ddThh:mmZ,1,Error: 451 4.3.2 mailbox busy,${input("c-2")},`,
      `3,c-3,failed,2,yyyy-mm-ddThh:mmZ,1,Error: 451 4.3.2 mailbox busy,${input("c-3")},`,
      "",
    ],
  );
  const rest = await said(path, "export", "october", "--format", "csv", "--from", "7");
  assert.match(rest.text, /^7,c-7,ok,1,[^\n]*\n$/);
  const none = await said(path, "export", "october", "--only", "cancelled");
  assert.deepEqual([none.code, none.text], [6, ""]);
});

test("what begins like a formula is text in CSV, and lines and quotes stay in their cell", async (t) => {
  const { app, path } = await given(t, parts);
  const run = await app.start(evilFlow, {}, { id: "evil" });
  await until(async () => (await run.status()).state === "held");
  const csv = await said(path, "export", "evil", "--format", "csv");
  assert.equal(
    csv.text
      .replaceAll(/Z,\d+,/g, "Z,1,")
      .split("\n")
      .slice(1)
      .join("\n"),
    `0,'=HYPERLINK(1),failed,1,yyyy-mm-ddThh:mmZ,1,"Error: two
lines, ""quoted""","{""id"":""=HYPERLINK(1)""}",
1,'@sum(A1),ok,1,yyyy-mm-ddThh:mmZ,1,,"{""id"":""@sum(A1)""}",'-5
`,
  );
});

test("watch: to the hold, past it to the end, and not longer than it is told", async (t) => {
  const { path, run } = await held(t);
  const still = await said(path, "watch", "october");
  assert.equal(still.code, 3);
  assert.equal(still.text, "");
  assert.match(
    timeless(still.stderr),
    /october · mail · acme\n[^]*‖ held after 1 s[^]*3 of 8 failed/,
  );
  const late = await said(path, "watch", "october", "--until", "done", "--timeout", "50ms");
  assert.equal(late.code, 8);
  assert.match(late.stderr, /not within 50ms; the run goes on\n {4}fanfold why october\n$/);
  const following = said(path, "watch", "october", "--until", "done");
  await run.release("fine");
  const { code, text } = await following;
  assert.equal(code, 0);
  assert.deepEqual(JSON.parse(text), { sent: 4, cents: 3_960 });
  assert.equal((await said(path, "watch", "november")).code, 2);
});

test("workers, queues and log say how things stand", async (t) => {
  const { app, path } = await given(t, parts, { work: { concurrency: 2, drain: "0ms" } });
  const run = await app.start(mailFlow, { count: 12 }, { id: "november" });
  await until(async () => {
    const [step] = (await run.status()).steps;
    return step?.retrying === 1 && step.ok === 6 && step.failed === 3;
  });
  await until(async () => (await (await app.standing()).workers()).length === 1);
  const workers = await said(path, "workers");
  assert.match(
    workers.text,
    /^ {2}worker +slots {2}queues\n {2}\S+ +2 {2}default, mail\n\n {2}1 worker, 2 slots\n$/,
  );
  const queues = await said(path, "queues");
  assert.deepEqual(queues.text.split("\n"), [
    "  queue    waiting  in flight  retrying  runs  workers  slots",
    "  default        0          0         0     0        1      2",
    "  mail           0          1         1     1        1      2",
    "",
  ]);
  const log = await said(path, "log", "--json");
  const lines = log.text
    .trimEnd()
    .split("\n")
    .map((line): unknown => JSON.parse(line));
  const shown = lines as readonly {
    end: number;
    readers: readonly { name: string; lag: number }[];
  }[];
  assert.deepEqual(
    shown[0]?.readers.slice(0, 2).map(({ name }) => name),
    ["manager", "runs"],
  );
  assert.ok(shown.every(({ end, readers }) => readers.every(({ lag }) => lag >= 0 && lag <= end)));
  const people = await said(path, "log");
  assert.match(
    people.text,
    /^ {2}partition +end {2}reader +offset +lag\n +0 +\d+ {2}manager +\d+ +\d+\n/,
  );
});

test("statistics of flows, steps and jobs, for people and as JSON", async (t) => {
  const { app, path } = await given(t, parts, { work: { concurrency: 4 } });
  const run = await app.start(mailFlow, { count: 3 }, { id: "small" });
  await until(async () => (await run.status()).state === "held");
  await run.release("fine");
  await run.result({ timeout: "60s" });
  await until(async () => (await app.statistics({ flow: "mail" })).statistics[0]?.runs.done === 1);
  const people = await said(path, "statistics");
  // Durations are as wide as they happen to be.
  const rows = people.text.split("\n").map((line) => line.trim().split(/ {2,}| +(?=1 s)/));
  assert.deepEqual(
    rows.map((cells) => cells.filter((cell) => cell !== "1 s")),
    [
      ["name", "ok", "failed", "share", "retries", "half ≤", "99 of 100 ≤", "work", "cost"],
      ["flow", "mail", "1", "1"],
      ["job", "send", "1", "2", "66 %", "1"],
      ["step", "mail/invoices", "1", "2", "66 %", "1"],
      ["step", "mail/report", "1"],
      [""],
    ],
  );
  const json = await said(path, "statistics", "--job", "send", "--json");
  const one: unknown = JSON.parse(json.text);
  assert.deepEqual((one as { retries: unknown }).retries, {
    failed: 1,
    "timed-out": 0,
    later: 0,
    lost: 0,
  });
  assert.equal((await said(path, "statistics", "--flow", "none")).code, 6);
});

test("why of a run under way names each thing it waits for, the same in code", async (t) => {
  const { app, path } = await given(t, parts, { work: { concurrency: 2, drain: "0ms" } });
  const run = await app.start(mailFlow, { count: 10 }, { id: "november" });
  await until(async () => {
    const [step] = (await run.status()).steps;
    return step?.retrying === 1 && step.inFlight + step.waiting + step.retrying === 2;
  });
  const { causes } = await run.why();
  assert.deepEqual(
    causes.map(({ cause }) => cause),
    ["in-flight", "retry"],
  );
  const lines = (await said(path, "why", "november")).text.split("\n");
  assert.deepEqual(lines.slice(0, 4), [
    "  november   ▶ running",
    "",
    "  1 sub-job is in flight: c-9",
    "      fanfold show november/invoices/c-9",
  ]);
  assert.match(lines[4] ?? "", /^ {2}1 sub-job waits for its next attempt {3}at hh:mm, in 1 s$/);
  const json: unknown = JSON.parse((await said(path, "why", "november", "--json")).text);
  assert.deepEqual(Object.keys(json as object), ["schema", "run", "state", "causes", "asOf"]);
});

test("why of a run that nobody works on, and of what is not there", async (t) => {
  const { app, path } = opened(t, parts);
  await app.start(mailFlow, { count: 2 }, { id: "december" });
  assert.deepEqual((await said(path, "why", "december")).text.split("\n").slice(2), [
    '  its split waits: no worker serves queue "default"',
    "      fanfold worker --queues default",
    "",
  ]);
  const nobody = await said(path, "why", "january");
  assert.equal(nobody.code, 2);
  assert.match(nobody.stderr, /there is no run "january"; the latest are "december"/);
  assert.match(
    (await said(path, "why", "december/invoice")).stderr,
    /its steps are invoices, report/,
  );
  assert.match(
    (await said(path, "why", "december/invoices/c-7")).stderr,
    /step "invoices" of "december" has no sub-job "c-7"/,
  );
});

test("runs: what is late, paused or at risk beside its state, and in which order", async (t) => {
  const { app, path } = opened(t, parts);
  const begin = (id: string, more: object = {}) =>
    app.start(mailFlow, { count: 8 }, { id, ...more });
  await begin("plain");
  const late = await begin("late", { deadline: "1ms" });
  await (await begin("stopped", { deadline: "2h" })).pause("why");
  await begin("acme-1", { customer: "acme", deadline: "1h" });
  await app.pause({ customer: "acme" }, "has not paid");
  await until(async () => (await late.status()).lateAt !== undefined);
  await until(async () => (await app.runs()).length === 4);
  await app.close();
  const ids = async (...args: readonly string[]): Promise<string> => {
    const about = ["--app", "know-app.ts", "--url", `sqlite:${path}`];
    const { code, stdout } = await fanfold("runs", "--json", ...args, ...about);
    assert.equal(code, 0);
    return [...stdout.matchAll(/"id":"([^"]+)"/g)].map(([, id]) => id).join(" ");
  };
  assert.equal(await ids("--state", "late"), "late");
  assert.equal(await ids("--state", "paused", "--sort", "deadline"), "acme-1 stopped");
  assert.equal(await ids("--state", "paused,late", "--sort", "deadline"), "late acme-1 stopped");
  assert.equal(await ids("--state", "at-risk"), "");
  assert.equal(await ids("--sort", "deadline"), "late acme-1 stopped plain");
  assert.equal(await ids("--sort", "deadline", "--limit", "1", "--customer", "acme"), "acme-1");
  assert.equal(await ids("--sort", "took", "--limit", "1"), "plain");
});

test("check says how much it has looked at, of one thing as of one", async (t) => {
  const { app, path } = opened(t, parts);
  await app.start(mailFlow, { count: 1 }, { id: "one" });
  await app.close();
  const { code, stdout } = await fanfold("check", `sqlite:${path}`);
  assert.equal(code, 0);
  assert.match(stdout, /(?: {2}|· )1 run(?: ·|$)/m);
});
