/** Starting runs: what is refused, in which words, and what an id means. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type } from "arktype";
import * as v from "valibot";
import { z } from "zod";
import { app, ConflictError, flow, job, UsageError } from "../../src/index.ts";
import { given, newPath, opened } from "./given.ts";
import { anything, summing } from "./parts.ts";

const refusal = (message: string) => (error: unknown) => {
  assert.ok(error instanceof UsageError, String(error));
  assert.equal(error.message, message);
  return true;
};

const noop = job("noop", { input: anything, run: () => 1 });
const hello = flow("hello", { input: anything }).step("greet", () => "hello");
const monthly = flow("monthly", { input: z.object({ month: z.string() }) }).step(
  "say",
  ({ input }) => input.month,
);

test("an unknown flow is refused with the names of those the app knows", async (t) => {
  const { app } = opened(t, [hello, monthly]);
  const invoises = flow("invoises", { input: anything }).step("x", () => 1);
  await assert.rejects(
    app.start(invoises, {}, { id: "r" }),
    refusal('unknown flow "invoises": this app knows "hello", "monthly"'),
  );
  const { app: empty } = opened(t, [noop]);
  await assert.rejects(
    empty.start(invoises, {}, { id: "r" }),
    refusal('unknown flow "invoises": this app has no flows in parts'),
  );
});

test("another flow of a known name is refused: this app would run its own", async (t) => {
  const { app } = opened(t, [hello]);
  const other = flow("hello", { input: anything }).step("part", () => "goodbye");
  await assert.rejects(
    app.start(other, {}, { id: "r" }),
    refusal('flow "hello" is not the one in app({ parts }), only called the same: start that one'),
  );
});

test("a job that is missing in parts is named, with the step that uses it", () => {
  const flows = flow("invoices", { input: anything }).fanOut("send", noop, {
    over: () => [],
    key: () => "",
  });
  assert.throws(
    () => app({ name: "test", parts: [flows] }),
    refusal("noop is used by invoices/send but is not in app({ parts }): add it"),
  );
});

test("two steps of one name, and two parts of one name, are refused", () => {
  const twice: string = "greet";
  assert.throws(
    () => hello.step(twice, () => 1),
    refusal('flow "hello" already has a step called "greet"'),
  );
  const other = job("noop", { input: anything, run: () => 2 });
  assert.throws(
    () => app({ name: "test", parts: [noop, other] }),
    refusal('app({ parts }) has two jobs called "noop": rename one'),
  );
});

test("an input that its schema refuses is told in the schema's own words, with the path", async (t) => {
  const byZod = flow("zod", {
    input: z.object({ month: z.string(), lines: z.array(z.object({ cents: z.number() })) }),
  });
  const byValibot = flow("valibot", {
    input: v.object({ month: v.string(), lines: v.array(v.object({ cents: v.number() })) }),
  });
  const byArktype = flow("arktype", {
    input: type({ month: "string", lines: type({ cents: "number" }).array() }),
  });
  const flows = [byZod, byValibot, byArktype].map((one) => one.step("x", () => 1));
  const { app } = opened(t, flows);
  const said: string[] = [];
  for (const one of flows) {
    const input = { month: 9, lines: [{ cents: 1 }, { cents: "2" }] };
    const error: unknown = await app
      .start(one, input as never, { id: "2026-09" })
      .catch((error: unknown) => error);
    assert.ok(error instanceof UsageError, String(error));
    said.push(error.message);
    assert.deepEqual(
      (error.details["issues"] as { path: string }[]).map(({ path }) => path).toSorted(),
      [".lines[1].cents", ".month"],
    );
  }
  assert.deepEqual(said, [
    'input of run "2026-09": .month: Invalid input: expected string, received number; .lines[1].cents: Invalid input: expected number, received string',
    'input of run "2026-09": .month: Invalid type: Expected string but received 9; .lines[1].cents: Invalid type: Expected number but received "2"',
    'input of run "2026-09": .lines[1].cents: lines[1].cents must be a number (was a string); .month: month must be a string (was a number)',
  ]);
  assert.deepEqual(await app.runs(), []);
});

test("an input that is not plain JSON, or too large, is refused before anything is written", async (t) => {
  const loose = flow("loose", { input: z.any() }).step("x", () => 1);
  const { app } = opened(t, [loose]);
  await assert.rejects(
    app.start(loose, { at: { day: new Date(0) } }, { id: "r" }),
    refusal(
      'input of run "r": expected plain JSON, got a Date at .at.day; return it as an ISO string',
    ),
  );
  await assert.rejects(
    app.start(loose, "x".repeat(1_048_577), { id: "r" }),
    refusal(
      'input of run "r": expected at most 1 MB (1048576 bytes) as JSON, got 1048579 bytes; keep it in a file or object store and pass its address',
    ),
  );
  assert.deepEqual(await app.runs(), []);
});

test("an id that cannot be typed or put into a URL is refused", async (t) => {
  const { app } = opened(t, [hello]);
  for (const id of ["", "a/b", "with space", "x".repeat(201)])
    await assert.rejects(app.start(hello, {}, { id }), /^UsageError: id of a run must be 1 to 200/);
  await assert.rejects(
    app.start(hello, {}, { id: "r", deadline: "soon" as "1h" }),
    /^UsageError: deadline of run "r" must be a duration .*got "soon"/,
  );
  await assert.rejects(
    app.start(hello, {}, { id: "r", priority: "asap" as "high" }),
    refusal('priority of run "r" must be one of "low", "normal", "high", "urgent", got "asap"'),
  );
});

test("an id reused with the same input joins, with another is refused by the first difference", async (t) => {
  const { app } = await given(t, [monthly, hello]);
  const first = await app.start(monthly, { month: "2026-09" }, { id: "m" });
  const second = await app.start(monthly, { month: "2026-09" }, { id: "m" });
  assert.deepEqual([first.created, second.created], [true, false]);
  assert.equal(await second.result(), "2026-09");
  await assert.rejects(app.start(monthly, { month: "2026-10" }, { id: "m" }), (error) => {
    assert.ok(error instanceof ConflictError);
    assert.equal(
      error.message,
      'run "m" exists with month "2026-09" (yours: "2026-10"): choose another id, or look at it with fanfold show m',
    );
    return true;
  });
  await assert.rejects(
    app.start(hello, {}, { id: "m" }),
    /^ConflictError: run "m" exists as a run of flow "monthly" \(yours: "hello"\): choose another id$/,
  );
  await assert.rejects(
    app.start(monthly, { month: "2026-09" }, { id: "m", ifExists: "reject" }),
    /^ConflictError: run "m" exists: it is done$/,
  );
});

test("C10 many starts of one id at once make one run, and one of them created it", async (t) => {
  const { sums, parts } = summing((n) => n, 10);
  const { app } = await given(t, parts);
  const runs = await Promise.all(
    Array.from({ length: 20 }, () => app.start(sums, {}, { id: "one" })),
  );
  assert.equal(runs.filter(({ created }) => created).length, 1);
  const results = await Promise.all(runs.map((run) => run.result()));
  assert.deepEqual(new Set(results.map(({ value }) => value.sum)), new Set([45]));
  assert.equal((await app.runs()).length, 1);
});

test("a run that is started before any worker waits for one", async (t) => {
  const { sums, parts } = summing((n) => n, 3);
  const { app, path } = opened(t, parts);
  const run = await app.start(sums, {}, { id: "early" });
  assert.equal((await run.status()).state, "running");
  await assert.rejects(
    run.result({ timeout: "20ms" }),
    /^UnavailableError: run "early" did not end in 20ms: it is running, and goes on$/,
  );
  await app.close();
  const later = await given(t, parts, { path });
  const same = await later.app.start(sums, {}, { id: "early" });
  const { value } = await same.result();
  assert.equal(value.sum, 3);
});

test("a run whose flow the program no longer has waits for one that has it, and stops nobody", async (t) => {
  const { app, path } = opened(t, [hello]);
  await app.start(hello, {}, { id: "old" });
  await app.close();
  const without = await given(t, [monthly], { path });
  const run = await without.app.start(monthly, { month: "2026-09" }, { id: "new" });
  assert.equal(await run.result({ timeout: "60s" }), "2026-09");
  assert.deepEqual(without.lines, [
    'warn manager 0: run "old" is under way, and this app does not know its flow "hello": add it to parts',
  ]);
  await without.app.close();
  const again = await given(t, [hello], { path });
  const old = await again.app.run("old");
  assert.equal(await old?.result({ timeout: "60s" }), "hello");
});

test("opening and closing again and again is no crash: nothing is given up for it", async (t) => {
  const { sums, parts } = summing((n) => n, 3);
  const path = newPath();
  for (let times = 0; times < 4; times += 1) {
    const { app } = opened(t, parts, { path });
    await app.start(sums, {}, { id: "r" });
    await app.close();
    await app.close();
  }
  const { app } = await given(t, parts, { path });
  const run = await app.start(sums, {}, { id: "r" });
  assert.equal((await run.result({ timeout: "60s" })).ok, 3);
});
