/** A page's server: a real one, and a reader that comes back, as a browser does. */
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { test, type TestContext } from "node:test";
import { eventStream, flow, UsageError, type App } from "../../src/index.ts";
import { onLoopback } from "../servers/loopback.ts";
import { until } from "../until.ts";
import { given, opened, working } from "./given.ts";
import { anything, summing } from "./parts.ts";

/** Serves GET /<run> as somebody would without any framework. */
async function page(t: TestContext, app: App): Promise<{ url: string; open: () => number }> {
  let open = 0;
  const server = createServer((request, response) => {
    void (async () => {
      const left = new AbortController();
      response.once("close", () => {
        open -= 1;
        left.abort("left");
      });
      open += 1;
      const run = await app.run((request.url ?? "").slice(1));
      const asked = new Request(new URL(request.url ?? "", "http://page.example"), {
        headers: { "last-event-id": String(request.headers["last-event-id"] ?? "") },
        signal: left.signal,
      });
      const answer =
        run === undefined ? new Response("", { status: 404 }) : eventStream(run, asked);
      response.writeHead(answer.status, Object.fromEntries(answer.headers));
      response.flushHeaders();
      if (answer.body !== null) for await (const chunk of answer.body) response.write(chunk);
      response.end();
    })().catch(() => response.destroy());
  });
  return { url: await onLoopback(t, server), open: () => open };
}

type Message = {
  readonly event: string;
  readonly id: string | undefined;
  readonly data: Record<string, unknown>;
};

/** Reads messages until one is enough or the stream ends. */
async function read(
  url: string,
  lastId?: string,
  isEnough: (message: Message) => boolean = () => false,
  token = "",
) {
  const response = await fetch(url, {
    headers: {
      ...(lastId === undefined ? {} : { "last-event-id": lastId }),
      ...(token === "" ? {} : { authorization: `Bearer ${token}` }),
    },
  });
  assert.equal(response.headers.get("content-type"), "text/event-stream");
  const messages: Message[] = [];
  let rest = "";
  for await (const chunk of response.body ?? []) {
    const blocks = (rest + Buffer.from(chunk).toString()).split("\n\n");
    rest = blocks.pop() ?? "";
    for (const block of blocks) {
      const [, event] = /^event: (.+)$/m.exec(block) ?? [];
      const [, id] = /^id: (.+)$/m.exec(block) ?? [];
      const [, data] = /^data: (.+)$/m.exec(block) ?? [];
      if (event === undefined) continue;
      messages.push({ event, id, data: JSON.parse(data ?? "{}") as Message["data"] }); // oxlint-disable-line typescript/no-unsafe-type-assertion -- an object, by our own server
      if (isEnough({ event, id, data: {} })) return messages; // And leaves.
    }
  }
  return messages;
}

test("a page sees the status and every event of its run, and the end", async (t) => {
  let finish: () => void = () => undefined;
  const held = new Promise<void>((resolve) => (finish = resolve));
  const two = flow("two", { input: anything })
    .step("wait", () => held)
    .step("go", () => 1);
  const { app } = await given(t, [two]);
  const { url } = await page(t, app);
  await app.start(two, {}, { id: "r" });
  await app.start(two, {}, { id: "other" });
  const messages = await read(`${url}/r`, undefined, () => {
    finish(); // At the first status, from where on events are told.
    return false;
  });
  const [first] = messages;
  assert.deepEqual(
    [first?.event, first?.data["state"], first?.data["step"]],
    ["status", "running", "wait"],
  );
  const events = messages.filter(({ event }) => event !== "status");
  assert.deepEqual(
    events.map(({ event, data }) => [event, data["run"] ?? "", data["step"] ?? ""]),
    [
      ["step.ended", "r", "wait"],
      ["step.began", "r", "go"],
      ["step.ended", "r", "go"],
      ["run.ended", "r", ""],
      ["end", "", ""],
    ],
  );
  assert.equal(messages.findLast(({ event }) => event === "status")?.data["state"], "done");
});

test("who comes back says where it was, and misses nothing, also after a restart", async (t) => {
  const { sums, parts } = summing((n, ctx) => (n === 0 ? ctx.fatal("no") : n), 3);
  const first = await given(t, parts);
  const one = await page(t, first.app);
  const run = await first.app.start(sums, {}, { id: "r" });
  await until(async () => (await run.status()).state === "held");
  const before = await read(`${one.url}/r`, "0", ({ event }) => event === "run.held");
  const lastId = before.at(-1)?.id;
  assert.deepEqual(
    before.filter(({ id }) => id !== undefined).map(({ event }) => event),
    ["run.began", "step.began", "run.held"],
  );
  await until(() => one.open() === 0, { what: "the page's server lets go of who left" });
  await run.release("fine");
  await run.result({ timeout: "60s" });
  await first.app.close();
  const second = opened(t, parts, { path: first.path });
  await working(second.app);
  const two = await page(t, second.app);
  const after = await read(`${two.url}/r`, lastId);
  assert.deepEqual(
    after.filter(({ event }) => event !== "status").map(({ event }) => event),
    ["run.resumed", "fan-out.joined", "step.ended", "run.ended", "end"],
  );
});

test("by default a page sees no values and nothing of failures, and `show` decides otherwise", async (t) => {
  const { sums, parts } = summing(
    (n) => (n === 0 ? Promise.reject(new Error("password 123")) : n),
    3,
    { tolerate: 1 },
  );
  const { app } = await given(t, parts);
  const run = await app.start(sums, {}, { id: "r" });
  await run.result({ timeout: "60s" });
  const shown = await new Response(
    eventStream(run, new Request("http://page.example/")).body,
  ).text();
  assert.match(shown, /"failed":1/);
  assert.ok(
    !shown.includes("password") && !shown.includes('"value"') && !shown.includes("k0"),
    shown,
  );
  const other = eventStream(run, new Request("http://page.example/"), {
    show: ({ done }) => ({ done }),
  });
  assert.match(await new Response(other.body).text(), /^event: status\ndata: \{"done":2\}$/m);
});

test("a Last-Event-ID that is none of ours is refused, and one from beyond the log is now", async (t) => {
  const { sums, parts } = summing((n) => n, 1);
  const { app } = await given(t, parts);
  const run = await app.start(sums, {}, { id: "r" });
  await run.result({ timeout: "60s" });
  const asked = (id: string) =>
    new Request("http://page.example/", { headers: { "last-event-id": id } });
  assert.throws(() => eventStream(run, asked("../1")), UsageError);
  assert.match(await new Response(eventStream(run, asked("999999")).body).text(), /event: end/);
});

test("the owner of a file lets a run be followed over HTTP, and resumed at Last-Event-ID", async (t) => {
  const { sums, parts } = summing((n) => n, 3);
  const { app, url, stop } = await given(t, parts, { work: { listen: 0 } });
  await (await app.start(sums, {}, { id: "r+1@2026" })).result();
  const path = `${url}/v1/runs/${encodeURIComponent("r+1@2026")}/events`;
  const all = await read(path, "0");
  const types = ({ event }: Message) => event;
  const events = all.filter(({ id }) => id !== undefined);
  assert.deepEqual(events.map(types), [
    "run.began",
    "step.began",
    "fan-out.joined",
    "step.ended",
    "run.ended",
  ]);
  assert.deepEqual(all.map(types).slice(-2), ["status", "end"]);
  const rest = await read(path, events[2]?.id);
  assert.deepEqual(
    rest.filter(({ id }) => id !== undefined).map(({ id }) => id),
    events.slice(3).map(({ id }) => id),
  );
  const answers = await Promise.all([
    fetch(`${url}/v1/runs/nobody/events`),
    fetch(path, { method: "POST" }),
    fetch(path, { headers: { "last-event-id": "soon" } }),
  ]);
  assert.deepEqual(
    answers.map(({ status }) => status),
    [404, 405, 400],
  );
  await stop();
});

test("who follows a run of the owner's is let go when it closes, and needs its token where it has one", async (t) => {
  const { sums, parts } = summing(() => new Promise<number>(() => undefined), 1);
  process.env["FANFOLD_TOKEN"] = "s3cret";
  t.after(() => delete process.env["FANFOLD_TOKEN"]);
  const { app, url, stop } = await given(t, parts, { work: { listen: 0, drain: "0s" } });
  await app.start(sums, {}, { id: "r" });
  const path = `${url}/v1/runs/r/events`;
  assert.equal((await fetch(path)).status, 401);
  const began = Promise.withResolvers<void>();
  const isEnough = (): boolean => {
    began.resolve();
    return false;
  };
  const reading = read(path, "0", isEnough, "s3cret");
  await began.promise;
  await stop();
  assert.ok((await reading).some(({ event }) => event === "status"));
});
