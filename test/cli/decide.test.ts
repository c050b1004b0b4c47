/** What the command line says when people decide: redrive, skip, release, close, cancel, pause, resume, set; the whole output. */
import assert from "node:assert/strict";
import { userInfo } from "node:os";
import { test, type TestContext } from "node:test";
import { given, newPath, opened } from "../app/given.ts";
import { until } from "../until.ts";
import { fanfold, timeless } from "./given.ts";
import { mailFlow, parts } from "./know-app.ts";

const me = userInfo().username;

/** Without the first line of stderr, which names the connection. */
async function said(path: string, ...args: readonly string[]) {
  const { code, stdout, stderr } = await fanfold(
    ...args,
    "--app",
    "know-app.ts",
    "--url",
    `sqlite:${path}`,
  );
  return { code, stdout, talk: timeless(stderr).trimEnd().split("\n").slice(1) };
}

/** A file on which nobody works: a run of 8 of which 3 failed is held. */
async function held(t: TestContext): Promise<string> {
  const { app, path, stop } = await given(t, parts, { work: { concurrency: 4 } });
  const run = await app.start(mailFlow, { count: 8 }, { id: "october", customer: "acme" });
  await until(async () => (await run.status()).state === "held");
  await stop();
  await app.close();
  return path;
}

/** The same of a run that nobody has begun to work on. */
async function begun(t: TestContext): Promise<string> {
  const { app, path } = opened(t, parts, { path: newPath() });
  await app.start(mailFlow, { count: 8 }, { id: "october", customer: "acme" });
  await app.close();
  return path;
}

test("redrive says which they are before it asks, and is not done where nobody can be asked", async (t) => {
  const path = await held(t);
  assert.deepEqual(await said(path, "redrive", "october", "--group", "1", "--dry-run"), {
    code: 0,
    stdout: "",
    talk: [
      "  would retry 2 failed sub-jobs of invoices",
      "  c-2  c-3",
      "  nothing was done: this was a dry run",
    ],
  });
  assert.deepEqual(await said(path, "redrive", "october", "--all"), {
    code: 2,
    stdout: "",
    talk: [
      "  would retry 3 failed sub-jobs of invoices",
      "  c-1  c-2  c-3",
      "  ✗ retry 3? — nobody is there to be asked",
      "    fanfold redrive october … --yes",
    ],
  });
  assert.deepEqual(await said(path, "redrive", "october"), {
    code: 2,
    stdout: "",
    talk: [
      "  ✗ say which: --group, --keys, --step, or --all",
      "    fanfold failures october     shows the groups;   fanfold redrive october --all     takes all",
    ],
  });
});

test("redrive waits until they ran: success means that they passed", async (t) => {
  const path = await held(t);
  const { code, stdout, talk } = await said(
    path,
    "redrive",
    "october",
    "--group",
    "1",
    "--yes",
    "--json",
  );
  assert.equal(code, 1);
  assert.deepEqual(talk.slice(0, 3), [
    "  would retry 2 failed sub-jobs of invoices",
    "  c-2  c-3",
    "  ✓ retrying 2",
  ]);
  assert.deepEqual(talk.slice(-2), [
    "  2   ✓ 0   2 failed",
    "  2 still failing:  fanfold failures october",
  ]);
  assert.deepEqual(JSON.parse(stdout), {
    schema: "fanfold.redrive/1",
    run: "october",
    step: "invoices",
    selected: 2,
    failed: 2,
    failing: ["c-2", "c-3"],
  });
});

test("redrive with corrected inputs: of one key, or the lines that export prints; show says who and why", async (t) => {
  const path = await held(t);
  const one = '{"id":"c-2","email":"c-2@example.org"}';
  const redrive = ["redrive", "october", "--yes", "--reason", "they moved", "--edit"];
  assert.deepEqual(await said(path, ...redrive, '{"id":"c-2"}', "--keys", "c-2"), {
    code: 2,
    stdout: "",
    talk: [
      "  ✗ input of october/invoices/c-2: .email: Invalid input: expected string, received undefined",
      "    fanfold redrive --help",
    ],
  });
  assert.deepEqual(await said(path, ...redrive, one), {
    code: 2,
    stdout: "",
    talk: [
      '  ✗ line 1 of input has not a key and an input, as {"key":"c-00013","input":{…}}; of one sub-job, name it with --keys',
      "    fanfold redrive october …",
    ],
  });
  const { code, talk } = await said(path, ...redrive, one, "--keys", "c-2");
  assert.equal(code, 0);
  assert.deepEqual(talk.slice(0, 3), [
    "  would retry 1 failed sub-job of invoices, 1 of them with another input",
    "  c-2",
    "  ✓ retrying 1",
  ]);
  const exported = (await said(path, "export", "october", "--only", "failed")).stdout;
  const lines = exported
    .split("\n")
    .filter((line) => line.includes('"c-3"'))
    .map((line) => line.replace(/"input":\{[^}]*\}/, '"input":{"id":"c-3","email":"new@b.org"}'));
  assert.equal(lines.length, 1);
  const dry = await said(path, "redrive", "october", "--dry-run", "--edit", lines.join("\n"));
  assert.deepEqual(dry.talk.slice(0, 2), [
    "  would retry 1 failed sub-job of invoices, 1 of them with another input",
    "  c-3",
  ]);
  const shown = timeless((await said(path, "show", "october/invoices/c-2")).stdout);
  assert.match(shown, new RegExp(`^  input corrected by ${me} at hh:mm: they moved$`, "m"));
  const asJson = (await said(path, "show", "october/invoices/c-2", "--payload", "--json")).stdout;
  const { input, edits } = JSON.parse(asJson) as { input: unknown; edits: readonly object[] };
  assert.deepEqual(input, { id: "c-2", email: "[redacted]" });
  assert.deepEqual(
    edits.map((edit) => ({ ...edit, at: "" })),
    [{ at: "", author: me, reason: "they moved", before: { id: "c-2", email: "[redacted]" } }],
  );
});

test("skip wants a reason, and lets the run go on that was held for them", async (t) => {
  const path = await held(t);
  assert.deepEqual(await said(path, "skip", "october", "--group", "1", "--yes"), {
    code: 2,
    stdout: "",
    talk: ["  ✗ say why: it is kept with the decision", '    fanfold skip october … --reason "…"'],
  });
  const skip = ["skip", "october", "--keys", "c-2,c-3", "--reason", "they moved", "--yes"];
  assert.deepEqual(await said(path, ...skip), {
    code: 0,
    stdout: "",
    talk: ["  would skip 2 failed sub-jobs of invoices", "  c-2  c-3", "  ✓ skipped 2"],
  });
  assert.deepEqual(await said(path, ...skip), {
    code: 6,
    stdout: "",
    talk: ["  nothing that has failed matches", "    fanfold failures october"],
  });
  assert.equal((await said(path, "redrive", "october", "--keys", "c-77", "--yes")).code, 2);
});

test("release, close and cancel say what follows in numbers; of a run that ended they are refused", async (t) => {
  const path = await held(t);
  assert.deepEqual(await said(path, "release", "october", "--reason", "by post", "--yes"), {
    code: 0,
    stdout: "",
    talk: [
      "  would release october: it goes on with 3 failed of 8",
      "  ✓ released   fanfold show october",
    ],
  });
  assert.deepEqual(await said(path, "release", "october", "--reason", "by post", "--yes"), {
    code: 5,
    stdout: "",
    talk: [
      "  would release october: it is running",
      '  ✗ run "october" is not held: it is running',
      "    fanfold show october",
    ],
  });
  assert.deepEqual(await said(path, "cancel", "october", "--reason", "wrong month", "--yes"), {
    code: 0,
    stdout: "",
    talk: [
      "  would cancel october: it is running, 0 open sub-jobs are cancelled",
      "  ✓ cancelled   fanfold show october",
    ],
  });
  const again = await said(path, "close", "october", "--reason", "enough", "--yes");
  assert.deepEqual(
    [again.code, again.talk.at(-2)],
    [5, '  ✗ run "october" has ended: it is cancelled'],
  );
});

test("show --events: what people asked for, and what followed; of a sub-job with its attempts", async (t) => {
  const path = await held(t);
  await said(path, "skip", "october", "--keys", "c-2,c-3", "--reason", "they moved", "--yes");
  const lines = (text: string) =>
    timeless(text)
      .split("\n")
      .map((line) => line.replaceAll(/ {2,}/g, "  "));
  assert.deepEqual(lines((await said(path, "show", "october", "--events")).stdout), [
    "  at  event  step  about",
    "  hh:mm  run.started  mail",
    "  hh:mm  run.began  mail",
    "  hh:mm  step.began  invoices",
    "  hh:mm  run.held  invoices  3 of 8 failed, 1 tolerated",
    `  hh:mm  skip.asked  invoices  by ${me}: they moved`,
    "  hh:mm  run.resumed  invoices",
    "  hh:mm  fan-out.joined  invoices  4 ok of 8, 1 failed",
    "  hh:mm  step.ended  invoices  ok",
    "  hh:mm  step.began  report",
    "",
  ]);
  assert.deepEqual(lines((await said(path, "show", "october/invoices/c-2", "--events")).stdout), [
    "  at  event  step  about",
    "  hh:mm  sub-job.tried  attempt 1: failed: 451 4.3.2 mailbox busy  1 s",
    "  hh:mm  sub-job.tried  attempt 2: failed: 451 4.3.2 mailbox busy  1 s",
    `  hh:mm  skip.asked  invoices  by ${me}: they moved`,
    "",
  ]);
  const json = (await said(path, "show", "october/report", "--events", "--json")).stdout;
  const types = json.split("\n").filter(Boolean);
  assert.deepEqual(
    types.map((line) => {
      const { schema, type } = JSON.parse(line) as { schema: string; type: string };
      return [schema, type];
    }),
    [["fanfold.event/1", "step.began"]],
  );
});

test("reopen takes a cancel back, and nothing else", async (t) => {
  const path = await begun(t);
  const reopen = ["reopen", "october", "--reason", "it was right", "--yes"];
  assert.deepEqual(await said(path, ...reopen), {
    code: 5,
    stdout: "",
    talk: [
      "  would reopen october: it is running, 0 cancelled sub-jobs are open again",
      '  ✗ run "october" is not cancelled: it is running',
      "    fanfold show october",
    ],
  });
  await said(path, "cancel", "october", "--reason", "wrong month", "--yes");
  assert.deepEqual(await said(path, ...reopen), {
    code: 0,
    stdout: "",
    talk: [
      "  would reopen october: it is cancelled, 0 cancelled sub-jobs are open again",
      "  ✓ reopened   fanfold show october",
    ],
  });
  assert.equal(
    (JSON.parse((await said(path, "show", "october", "--json")).stdout) as { state: string }).state,
    "running",
  );
});

test("pause and resume: a run, a step, a customer, a job; show says who and why", async (t) => {
  const path = await begun(t);
  assert.deepEqual(await said(path, "pause", "october", "--reason", "wrong letterhead"), {
    code: 0,
    stdout: "",
    talk: ["  ✓ paused   fanfold resume october"],
  });
  const shown = (await said(path, "show", "october")).stdout;
  assert.match(shown, new RegExp(`‖ run "october" is paused by ${me}: wrong letterhead\\n`));
  assert.deepEqual(await said(path, "pause", "october", "--reason", "me too"), {
    code: 5,
    stdout: "",
    talk: [`  ✗ run "october" is paused by ${me}: wrong letterhead`, "    fanfold show october"],
  });
  assert.deepEqual((await said(path, "resume", "october")).talk, ["  ✓ resumed   fanfold runs"]);
  for (const what of [
    ["october/report"],
    ["--customer", "acme"],
    ["--job", "send"],
    ["--flow", "mail"],
    ["--queue", "mail"],
  ]) {
    const paused = await said(path, "pause", ...what, "--reason", "why");
    assert.deepEqual(
      [paused.code, paused.talk],
      [0, [`  ✓ paused   fanfold resume ${what.join(" ")}`]],
    );
    assert.equal((await said(path, "resume", ...what)).code, 0);
  }
  assert.deepEqual((await said(path, "resume", "--job", "send")).talk, [
    '  ✗ job "send" is not paused',
    "    fanfold runs",
  ]);
  assert.equal((await said(path, "pause", "--job", "sned", "--reason", "why")).code, 2);
  assert.deepEqual(await said(path, "pause", "--flow", "mial", "--reason", "why"), {
    code: 2,
    stdout: "",
    talk: ['  ✗ unknown flow "mial": this app knows "mail", "evils"', "    fanfold pause --help"],
  });
  await said(path, "pause", "--flow", "mail", "--reason", "the template is wrong");
  const why = (await said(path, "why", "october")).stdout;
  assert.match(why, new RegExp(`flow "mail" is paused by ${me}: the template is wrong`));
  assert.match(why, /^ {6}fanfold resume --flow mail$/m);
  assert.match((await said(path, "runs", "--state", "paused")).stdout, /october/);
  await said(path, "resume", "--flow", "mail");
  assert.equal((await said(path, "pause", "october/nothing", "--reason", "why")).code, 2);
  assert.deepEqual(await fanfold("pause", "--reason", "why"), {
    code: 2,
    stdout: "",
    stderr:
      "  ✗ say one of a run, --customer, --job, --flow, --queue and --schedule, got none\n    fanfold pause --help\n",
  });
});

test("set changes a run that is under way, and says why it cannot", async (t) => {
  const path = await begun(t);
  const set = (...more: readonly string[]) =>
    said(path, "set", "october", ...more, "--reason", "month-end");
  assert.deepEqual(
    await set(
      "--concurrency",
      "20",
      "--tolerate",
      "2%",
      "--priority",
      "urgent",
      "--deadline",
      "2h",
    ),
    { code: 0, stdout: "", talk: ["  ✓ set   fanfold show october"] },
  );
  const { priority, deadline } = JSON.parse(
    (await said(path, "show", "october", "--json")).stdout,
  ) as {
    priority: string;
    deadline: string;
  };
  assert.equal(priority, "urgent");
  assert.ok(Date.parse(deadline) > Date.now());
  assert.equal((await set("--deadline", "none", "--concurrency", "none")).code, 0);
  assert.equal((await set("--rate", "10/s")).code, 0);
  assert.deepEqual((await set("--concurrency", "0")).code, 2);
  assert.deepEqual((await set("--rate", "0/s")).code, 2);
  assert.equal((await set()).code, 2);
  assert.equal((await said(path, "set", "october", "--priority", "low")).code, 2);
});

test("pause and resume of a schedule, with a reason; the list says it", async () => {
  const path = newPath();
  const on = async (...args: readonly string[]) => {
    const about = ["--app", "schedules-app.ts", "--url", `sqlite:${path}`];
    const { code, stderr, stdout } = await fanfold(...args, ...about);
    return { code, stdout, talk: stderr.trimEnd().split("\n").slice(1) };
  };
  assert.deepEqual(await on("pause", "--schedule", "leap", "--reason", "audit"), {
    code: 0,
    stdout: "",
    talk: ["  ✓ paused   fanfold resume --schedule leap"],
  });
  assert.match((await on("schedules")).stdout, /leap .*paused: audit/);
  assert.deepEqual(await on("resume", "--schedule", "leap"), {
    code: 2,
    stdout: "",
    talk: [
      "  ✗ say why: it is kept with the decision",
      '    fanfold resume --schedule leap --reason "…"',
    ],
  });
  assert.deepEqual((await on("resume", "--schedule", "leap", "--reason", "over")).talk, [
    "  ✓ resumed   fanfold schedules",
  ]);
  assert.doesNotMatch((await on("schedules")).stdout, /paused/);
  assert.equal((await on("pause", "--schedule", "laep", "--reason", "audit")).code, 2);
});
