/** Spans by OpenTelemetry: of starts, runs, steps and what workers run, linked by the trace that travels with the run. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { context, SpanKind, trace, TraceFlags } from "@opentelemetry/api";
import { flow, job } from "../../src/index.ts";
import { openTelemetry } from "../../src/opentelemetry.ts";
import { until } from "../until.ts";
import { given, opened, working } from "./given.ts";
import { anything, numbered, numbers, summing } from "./parts.ts";
import { recorded } from "./spans.ts";

const spans = recorded();
const tracer = trace.getTracer("test");
const all = { tracing: openTelemetry({ subJobs: "100%" }) };
const none = { tracing: openTelemetry({ subJobs: "0%" }) };

/** What code that runs now would record, if it recorded anything. */
const active = () => trace.getActiveSpan()?.spanContext();

test("a run that is started inside a span belongs to its trace, with its steps and sub-jobs", async (t) => {
  spans.clear();
  const { sums, parts } = summing((n) => n, 3);
  const { app } = await given(t, parts, all);
  await tracer.startActiveSpan("request", async (request) => {
    await app.start(sums, {}, { id: "r1", customer: "acme" });
    request.end();
  });
  const run = await app.run("r1");
  await run?.result();
  const [whole] = await until(
    () => spans.named("run sums").length === 1 && spans.named("run sums"),
  );
  const [request] = spans.named("request");
  const [started] = spans.named("start sums");
  const [step] = spans.named("step sums/add");
  const [split] = spans.named("split sums/add");
  const processed = spans.named("process add");
  assert.deepEqual(new Set(spans.all().map((span) => span.trace)).size, 1);
  assert.equal(started?.parent, request?.id);
  assert.equal(started?.kind, SpanKind.PRODUCER);
  assert.equal(whole?.parent, started?.id);
  assert.equal(step?.parent, whole?.id);
  assert.equal(split?.parent, started?.id);
  assert.equal(processed.length, 3);
  for (const span of processed) {
    assert.equal(span.parent, started?.id);
    assert.equal(span.kind, SpanKind.CONSUMER);
    assert.equal(span.failed, undefined);
  }
  const one = processed.find((span) => span.attributes["messaging.message.id"] === "r1/add/k1");
  assert.deepEqual(
    { ...one?.attributes, "messaging.client.id": "a worker" },
    {
      "messaging.system": "fanfold",
      "messaging.operation.type": "process",
      "messaging.operation.name": "process",
      "messaging.destination.name": "default",
      "messaging.message.id": "r1/add/k1",
      "messaging.message.conversation_id": "r1",
      "messaging.client.id": "a worker",
      "fanfold.flow": "sums",
      "fanfold.run": "r1",
      "fanfold.step": "add",
      "fanfold.job": "add",
      "fanfold.attempt": 1,
      "fanfold.outcome": "ok",
    },
  );
  const status = await run?.status();
  assert.equal(whole?.startedAt, status?.startedAt);
  assert.equal(whole?.endedAt, status?.endedAt);
  assert.equal(step?.attributes["fanfold.sub_jobs.ok"], 3);
  assert.equal(whole?.attributes["fanfold.customer"], "acme");
});

test("a handler runs inside its span, so that what it calls belongs to it; of the others, to the run's trace, unsampled", async (t) => {
  for (const [more, isSampled] of [
    [all, true],
    [none, false],
  ] as const) {
    spans.clear();
    const { sums, parts } = summing(async (n) => {
      await Promise.resolve();
      tracer.startSpan(`call ${n}`).end();
      assert.equal(active()?.traceFlags, isSampled ? 1 : 0);
      return n;
    }, 2);
    const { app, stop } = await given(t, parts, more);
    const run = await app.start(sums, {}, { id: "r" });
    assert.deepEqual((await run.result()).value, { sum: 1, count: 2 });
    await stop();
    await app.close();
    const [started] = spans.named("start sums");
    assert.equal(spans.named("process add").length, isSampled ? 2 : 0);
    assert.equal(spans.named("call 1").length, isSampled ? 1 : 0);
    for (const call of spans.named("call 1")) {
      assert.equal(call.trace, started?.trace);
      assert.ok(spans.named("process add").some(({ id }) => id === call.parent));
    }
  }
});

test("the share is of sub-jobs, not of attempts: all attempts of one have spans, each linked to the one before", async (t) => {
  spans.clear();
  const { sums, parts } = summing(
    (n, { attempt }) => {
      if (attempt < 3) throw new Error(`not yet, ${n}`);
      return n;
    },
    40,
    { retry: 3 },
  );
  const { app } = await given(t, parts, { tracing: openTelemetry({ subJobs: "50%" }) });
  await (await app.start(sums, {}, { id: "shared" })).result();
  await app.close();
  const byKey = Map.groupBy(spans.named("process add"), (span) =>
    String(span.attributes["messaging.message.id"]),
  );
  const whole = [...byKey.values()].filter((attempts) => attempts.length === 3);
  const failedOnly = [...byKey.values()].filter((attempts) => attempts.length === 2);
  assert.equal(whole.length + failedOnly.length, 40, "what failed has a span in any case");
  assert.ok(whole.length > 5 && whole.length < 35, `${whole.length} of 40`);
  for (const [first, second, third] of whole) {
    assert.deepEqual(first?.links, []);
    assert.deepEqual(second?.links, [first?.id]);
    assert.deepEqual(third?.links, [second?.id]);
    assert.match(first?.failed ?? "", /^not yet/);
    assert.equal(first?.attributes["error.type"], "Error");
    assert.equal(third?.failed, undefined);
  }
});

test("a step's body runs inside its span, and each attempt is linked to the one before", async (t) => {
  spans.clear();
  let attempts = 0;
  const plain = flow("plain", { input: anything }).step(
    "charge",
    async () => {
      tracer.startSpan("call").end();
      attempts += 1;
      if (attempts < 3) throw new Error("declined");
    },
    { retry: { attempts: 3, backoff: "fixed", first: "0ms" } },
  );
  const { app } = await given(t, [plain], none);
  await (await app.start(plain, {}, { id: "r" })).result();
  await app.close();
  const [first, second, third] = spans.named("process plain/charge");
  assert.deepEqual([second?.links, third?.links], [[first?.id], [second?.id]]);
  assert.deepEqual(
    [first, second, third].map((span) => span?.failed),
    ["declined", "declined", undefined],
  );
  const calls = spans.named("call").map(({ parent }) => parent);
  assert.deepEqual(calls, [first?.id, second?.id, third?.id]);
});

test("what fails has a span whatever the share, at most a hundred a second", async (t) => {
  spans.clear();
  const fail = (): never => {
    throw new TypeError("no address");
  };
  const { sums, parts } = summing(fail, 400, { tolerate: 400 });
  const { app } = await given(t, parts, none);
  await (await app.start(sums, {}, { id: "r" })).result();
  await app.close();
  const failures = spans.named("process add");
  const seconds = new Set(failures.map(({ endedAt }) => Math.floor(endedAt / 1_000))).size;
  assert.ok(failures.length >= 100 && failures.length <= seconds * 100, `${failures.length}`);
  assert.equal(failures[0]?.attributes["error.type"], "TypeError");
  assert.equal(spans.named("run sums").length, 1);
});

test("what takes too long, or is dropped with its run, has a span that ends", async (t) => {
  spans.clear();
  let dropped: () => void = () => undefined;
  const wait = job("wait", {
    input: numbered,
    timeout: "50ms",
    retry: 1,
    run: ({ n }, { signal }) =>
      n === 0
        ? new Promise(() => undefined)
        : new Promise((_, reject) =>
            signal.addEventListener("abort", () => reject(new Error("stop"))),
          ),
  });
  const long = job("long", {
    input: numbered,
    run: (_, { signal }) =>
      new Promise((resolve) => {
        dropped();
        signal.addEventListener("abort", resolve);
      }),
  });
  const waits = flow("waits", { input: anything })
    .fanOut("wait", wait, { over: () => [...numbers(2)], key: ({ n }) => `k${n}`, tolerate: 2 })
    .fanOut("long", long, { over: () => [...numbers(1)], key: ({ n }) => `k${n}` });
  const { app } = await given(t, [waits, wait, long], all);
  const began = new Promise<void>((resolve) => (dropped = resolve));
  const run = await app.start(waits, {}, { id: "r" });
  await began;
  await run.cancel("enough");
  await until(() => spans.named("process long").length === 1);
  assert.deepEqual(
    spans.named("process wait").map((span) => span.attributes["fanfold.outcome"]),
    ["timed-out", "timed-out"],
  );
  assert.equal(spans.named("process long")[0]?.attributes["fanfold.outcome"], undefined);
  await until(() => spans.named("run waits").length === 1);
  assert.equal(spans.named("run waits")[0]?.attributes["fanfold.state"], "cancelled");
});

test("what a start in a trace that is not sampled begins is not sampled either", async (t) => {
  spans.clear();
  const { sums, parts } = summing((n) => n, 2);
  const { app } = await given(t, parts, all);
  const unsampled = {
    traceId: "1".repeat(32),
    spanId: "2".repeat(16),
    traceFlags: TraceFlags.NONE,
  };
  const around = trace.setSpanContext(context.active(), unsampled);
  const run = await context.with(around, () => app.start(sums, {}, { id: "r" }));
  await run.result();
  await app.close();
  assert.deepEqual(spans.all(), []);
});

test("the trace of a run survives whoever started it, and the start that came first decides", async (t) => {
  spans.clear();
  const { sums, parts } = summing((n) => n, 1);
  const { app: before, path } = opened(t, parts, all);
  await before.start(sums, {}, { id: "r" });
  await before.start(sums, {}, { id: "r" });
  await before.close();
  const { app } = opened(t, parts, { ...all, path });
  await working(app);
  await (await app.run("r"))?.result();
  await app.close();
  const [started, ...more] = spans.named("start sums");
  assert.deepEqual(more, []);
  assert.equal(spans.named("process add")[0]?.parent, started?.id);
  assert.equal(spans.named("run sums")[0]?.parent, started?.id);
});

test("a program without tracing works on what was started with it, and the reverse", async (t) => {
  for (const [first, second] of [
    [all, {}],
    [{}, all],
  ]) {
    spans.clear();
    const { sums, parts } = summing((n) => n, 2);
    const { app: before, path } = opened(t, parts, first);
    await before.start(sums, {}, { id: "r" });
    await before.close();
    const { app } = opened(t, parts, { ...second, path });
    await working(app);
    await (await app.run("r"))?.result();
    await app.close();
    // Without a start that was traced, a run and each of its attempts begins a trace of its own.
    const roots = spans.all().filter(({ parent }) => parent === undefined);
    assert.deepEqual(
      roots.map(({ name }) => name).toSorted(),
      second === all
        ? ["process add", "process add", "run sums", "split sums/add"]
        : ["start sums"],
    );
  }
});

test("a share is from 0% to 100%", () => {
  for (const wrong of ["101%", "1", "-1%"] as const)
    assert.throws(() => openTelemetry({ subJobs: wrong as "1%" }), /subJobs of openTelemetry/);
});
