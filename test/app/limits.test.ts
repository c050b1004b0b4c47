/** Limits of a job over all of its runs: how many at once, how many per time; on a file, and over its partitions. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";
import {
  app,
  flow,
  job,
  limit,
  type Ctx,
  type Limit,
  type Flow,
  type Part,
} from "../../src/index.ts";
import { until } from "../until.ts";
import { given, newPath } from "./given.ts";
import { anything, numbered, numbers } from "./parts.ts";

function counting(limit: { concurrency?: number; rate?: `${number}/s` }) {
  const seen = { running: 0, most: 0, begun: [] as number[] };
  const add = job("add", {
    input: numbered,
    ...limit,
    async run() {
      seen.running += 1;
      seen.begun.push(performance.now());
      seen.most = Math.max(seen.most, seen.running);
      await new Promise((resolve) => setTimeout(resolve, 3));
      seen.running -= 1;
    },
  });
  const all = flow("all", { input: anything }).fanOut("add", add, {
    over: () => numbers(12),
    key: ({ n }) => `k${n}`,
  });
  return { seen, all: all as Flow<"all", object>, parts: [add, all] as readonly Part[] };
}

test("at most so many of a job run at once, whatever the number of runs", async (t) => {
  const { seen, all, parts } = counting({ concurrency: 3 });
  const { app } = await given(t, parts);
  const ids = ["a", "b", "c", "d"];
  const runs = await Promise.all(ids.map((id) => app.start(all, {}, { id })));
  await Promise.all(runs.map((run) => run.result({ timeout: "60s" })));
  assert.deepEqual([seen.begun.length, seen.most], [48, 3]);
});

test("partitions share the limit, and every run gets through", async (t) => {
  const { seen, all, parts } = counting({ concurrency: 5 });
  const { app } = await given(t, parts, { path: `${newPath()}?partitions=4` });
  const ids = Array.from({ length: 12 }, (_, n) => `run-${n}`);
  const runs = await Promise.all(ids.map((id) => app.start(all, {}, { id })));
  await Promise.all(runs.map((run) => run.result({ timeout: "60s" })));
  assert.equal(seen.begun.length, 144);
  assert.ok(seen.most <= 5, `${seen.most} at once`);
});

test("jobs that share a limit keep it together", async (t) => {
  const seen = { running: 0, most: 0 };
  const both = limit("both", { concurrency: 3 });
  const parts = ["one", "two"].flatMap((name): Part[] => {
    const work = job(name, {
      input: numbered,
      limits: [both],
      async run() {
        seen.running += 1;
        seen.most = Math.max(seen.most, seen.running);
        await new Promise((resolve) => setTimeout(resolve, 1));
        seen.running -= 1;
      },
    });
    const all = flow(`all-${name}`, { input: anything }).fanOut("each", work, {
      over: () => numbers(12),
      key: ({ n }) => `k${n}`,
    });
    return [work, all];
  });
  const { app } = await given(t, parts);
  const runs = await Promise.all(
    parts
      .filter((part) => part.kind === "flow")
      .map((part) => app.start(part as Flow<"", object>, {}, { id: part.name })),
  );
  await Promise.all(runs.map((run) => run.result({ timeout: "60s" })));
  assert.equal(seen.most, 3);
});

type Mail = { readonly n: number; readonly host: string };
const mailSchema = z.object({ n: z.number(), host: z.string() });

/** Mails to hosts, as many of each, in turns; `send` hears of each. */
function mailing(
  limits: readonly Limit<Mail>[],
  hosts: readonly string[],
  send: (mail: Mail, ctx: Ctx) => unknown,
) {
  const mail = job("mail", { input: mailSchema, limits, retry: 1, run: send as () => number }); // oxlint-disable-line typescript/no-unsafe-type-assertion -- what it returns is a number, or nothing
  const all = flow("all", { input: anything }).fanOut("mail", mail, {
    over: () => Array.from({ length: 24 }, (_, n) => ({ n, host: hosts[n % hosts.length] ?? "" })),
    key: ({ n }) => `k${n}`,
  });
  return { all, parts: [mail, all] as readonly Part[] };
}

test("a limit by key holds for each key by itself, over all runs, and a restart changes nothing", async (t) => {
  const path = newPath();
  const running = new Map<string, number>();
  let most = 0;
  let together = 0;
  const hosts = limit("hosts", { key: ({ host }: Mail) => host, concurrency: 2 });
  const { all, parts } = mailing([hosts], ["a", "b", "c"], async ({ host }) => {
    running.set(host, (running.get(host) ?? 0) + 1);
    most = Math.max(most, running.get(host) ?? 0);
    together = Math.max(
      together,
      [...running.values()].reduce((sum, n) => sum + n, 0),
    );
    await new Promise((resolve) => setTimeout(resolve, 2));
    running.set(host, (running.get(host) ?? 0) - 1);
  });
  const first = await given(t, parts, { path });
  for (const id of ["one", "two"]) await first.app.start(all, {}, { id });
  await until(async () => ((await (await first.app.run("one"))?.status())?.steps[0]?.ok ?? 0) > 3);
  await first.stop();
  await first.app.close();
  const second = await given(t, parts, { path });
  for (const id of ["one", "two"]) {
    const run = await second.app.run(id);
    assert.ok(run !== undefined);
    await run.result({ timeout: "60s" });
    assert.equal((await run.status()).steps[0]?.ok, 24);
  }
  assert.deepEqual([most, together > 2], [2, true]);
});

test("who is told to come back later holds what has the same key, and nothing else", async (t) => {
  const held = new Set<string>();
  let early = 0;
  const hosts = limit("hosts", { key: ({ host }: Mail) => host, concurrency: 1 });
  const { all, parts } = mailing([hosts], ["a", "b"], ({ host }, ctx) => {
    if (host === "b") return 1;
    if (held.size > 0) early += 1;
    held.add(host);
    return ctx.retryLater("1h", "429 Retry-After", { of: "key" });
  });
  const { app } = await given(t, parts);
  const run = await app.start(all, {}, { id: "r" });
  await until(async () => (await run.status()).steps[0]?.ok === 12);
  assert.deepEqual([early, (await run.status()).steps[0]?.failed], [0, 0]);
  const { causes } = await run.why();
  assert.match(
    causes.map(({ because }) => because).join(", "),
    /for key "a" of limit "hosts": it was told/,
  );
  const [cause] = (await run.why("mail", "k2")).causes;
  assert.match(cause?.because ?? "", /^it waits because key "a" was told to come back/);
  assert.ok((cause?.at ?? 0) > Date.now());
});

test("why names the keys that have no room, and none that the job hides", async (t) => {
  let release = (): void => undefined;
  const released = new Promise<void>((resolve) => (release = resolve));
  t.after(release);
  const one = { key: ({ host }: Mail) => host, concurrency: 1 };
  const slow = { key: ({ host }: Mail) => host, rate: "1/h" } as const;
  const mail = (name: string, by: Limit<Mail>, more: { redact?: ["host"] } = {}) => {
    const run = async (): Promise<number> => released.then(() => 1);
    const one = job(name, { input: mailSchema, limits: [by], retry: 1, run, ...more });
    const all = flow(`all-${name}`, { input: anything }).fanOut("mail", one, {
      over: () => ["a", "a", "a", "b", "b"].map((host, n) => ({ n, host })),
      key: ({ n }) => `k${n}`,
    });
    return [one, all] as const;
  };
  const [busy, ofBusy] = mail("busy", limit("one", one));
  const [slowed, ofSlowed] = mail("slowed", limit("slow", slow));
  const [shy, ofShy] = mail("shy", limit("hidden", one), { redact: ["host"] });
  const { app } = await given(t, [busy, ofBusy, slowed, ofSlowed, shy, ofShy]);
  const causes = async (of: Flow<string, object>): Promise<readonly string[]> => {
    const run = await app.start(of, {}, { id: of.name });
    await until(async () => (await run.status()).steps[0]?.inFlight === 2);
    await until(async () => (await run.status()).steps[0]?.total === 5);
    const why = await run.why();
    const ofLimit = why.causes.filter(({ cause }) => cause === "limit");
    for (const { at } of ofLimit) assert.equal(of === ofSlowed, (at ?? 0) > Date.now() + 3_000_000);
    return ofLimit.map(({ because }) => because);
  };
  const full = "at most 1 at once may be in flight of it";
  assert.deepEqual(await causes(ofBusy), [
    `2 sub-jobs wait for key "a" of limit "one": ${full}`,
    `1 sub-job waits for key "b" of limit "one": ${full}`,
  ]);
  assert.deepEqual(await causes(ofSlowed), [
    '2 sub-jobs wait for key "a" of limit "slow": 1/h of it may be begun',
    '1 sub-job waits for key "b" of limit "slow": 1/h of it may be begun',
  ]);
  assert.deepEqual(await causes(ofShy), [
    `2 sub-jobs wait for one key of limit "hidden": ${full}`,
    `1 sub-job waits for one key of limit "hidden": ${full}`,
  ]);
});

test("a job that is sent by itself has a key, too", async (t) => {
  const seen = { running: 0, most: 0 };
  const hosts = limit("hosts", { key: ({ host }: Mail) => host, concurrency: 1 });
  const mail = job("mail", {
    input: mailSchema,
    limits: [hosts],
    async run() {
      seen.running += 1;
      seen.most = Math.max(seen.most, seen.running);
      await new Promise((resolve) => setTimeout(resolve, 1));
      seen.running -= 1;
    },
  });
  const { app } = await given(t, [mail]);
  const ids = ["x", "y", "z"];
  const sent = await Promise.all(ids.map((id, n) => app.send(mail, { n, host: "a" }, { id })));
  await until(
    async () =>
      (await Promise.all(sent.map(({ id }) => app.run(id)))).every(Boolean) &&
      (await app.runs({ states: ["done"] })).length === 3,
  );
  assert.equal(seen.most, 1);
});

test("at most so many of a job begin per second", async (t) => {
  const { seen, all, parts } = counting({ rate: "40/s" });
  const { app } = await given(t, parts);
  // From the start: the first may stand in the queue for a while when those after it are paced already.
  const from = performance.now();
  const runs = await Promise.all(["a", "b"].map((id) => app.start(all, {}, { id })));
  await Promise.all(runs.map((run) => run.result({ timeout: "60s" })));
  const took = (seen.begun.at(-1) ?? 0) - from;
  assert.equal(seen.begun.length, 24);
  // 24 less a burst of 4, at 40 a second.
  assert.ok(took >= 490, `24 began within ${Math.round(took)} ms`);
});

test("a handler that was told to come back later holds its job, in all runs, and no attempt is spent", async (t) => {
  const begun: number[] = [];
  let refused = 0;
  const mail = job("mail", {
    input: numbered,
    retry: 1,
    run(_, ctx) {
      begun.push(performance.now());
      // The first is refused; those that stand in the queue already may still come.
      if (begun.length > 1) return 1;
      refused = performance.now();
      return ctx.retryLater("400ms", "429 Retry-After", { of: "job" });
    },
  });
  const all = flow("all", { input: anything }).fanOut("mail", mail, {
    over: () => numbers(40),
    key: ({ n }) => `k${n}`,
    concurrency: 1,
  });
  const { app } = await given(t, [mail, all]);
  const runs = await Promise.all(["a", "b"].map((id) => app.start(all, {}, { id })));
  for (const run of runs) assert.equal((await run.result({ timeout: "60s" })).ok, 40);
  const early = begun.filter((at) => at > refused && at < refused + 350).length;
  assert.ok(early <= 2, `${early} began although the job was to wait`);
});

test("a limit that cannot be meant is refused where it is written", () => {
  const wrong = (limit: object) => () => job("add", { input: numbered, ...limit, run: () => 1 });
  assert.throws(wrong({ concurrency: 0 }), /concurrency of job "add" must be an integer from 1/);
  assert.throws(
    wrong({ rate: "fast" }),
    /rate of job "add" must be such as "50\/s", "100\/m" or "1000\/h", got "fast"/,
  );
  assert.throws(() => limit("smtp", {}), /limit "smtp" limits nothing: give it concurrency, rate/);
  assert.throws(
    wrong({ limits: [{ concurrency: 1 }] }),
    /limits of job "add" must be a list of what limit\(…\) returned/,
  );
  const smtp = limit("smtp", { concurrency: 1 });
  const keyed = ["a", "b"].map((name) => limit(name, { concurrency: 1, key: () => "" }));
  assert.throws(wrong({ limits: keyed }), /limits of job "add" has more than one with a key/);
  assert.throws(
    () => limit("a", { concurrency: 1, key: "host" as unknown as () => string }),
    /key of limit "a" must be a function, got "host"/,
  );
  assert.throws(wrong({ limits: [smtp, smtp] }), /limits of job "add" has one of them twice/);
  const jobs = [smtp, limit("smtp", { concurrency: 2 })].map((one, n) =>
    job(`job-${n}`, { input: numbered, limits: [one], run: () => 1 }),
  );
  assert.throws(
    () => app({ name: "two", parts: jobs, url: ":memory:" }),
    /limit "smtp" of job "job-1" is not that of job "job-0": define it once/,
  );
});
