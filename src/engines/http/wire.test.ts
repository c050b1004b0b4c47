import assert from "node:assert/strict";
import { getEventListeners, once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { test, type TestContext } from "node:test";
import { virtualClock } from "../../contract/given.ts";
import { UnavailableError, UsageError } from "../../errors.ts";
import { hints } from "./hints.ts";
import { wire } from "./wire.ts";

/** A wire to a server that answers so, on a clock that says who sleeps, and for how long they ever have. */
async function given(t: TestContext, answer: RequestListener) {
  let requests = 0;
  const server = createServer((request, response) => {
    requests += 1;
    answer(request, response);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo; // oxlint-disable-line typescript/no-unsafe-type-assertion -- it listens on TCP
  const clock = virtualClock();
  const slept: number[] = [];
  let sleeping = 0;
  const sleep: typeof clock.sleep = async (ms, signal) => {
    slept.push(ms);
    sleeping += 1;
    await clock.sleep(ms, signal);
    sleeping -= 1;
  };
  const line = wire(new URL(`http://127.0.0.1:${port}`), { ...clock, sleep }, undefined);
  t.after(() => {
    line.close();
    server.closeAllConnections();
    server.close();
  });
  return {
    line,
    clock: { ...clock, sleep },
    advance: clock.advance,
    slept,
    requests: () => requests,
    sleeping: () => sleeping,
  };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

test("what was answered is waited for no more: nothing keeps the process", async (t) => {
  const { line, sleeping } = await given(t, (_, response) => response.end("1"));
  assert.equal(await line.call("/"), 1);
  for (let turns = 0; sleeping() > 0 && turns < 100_000; turns += 1) await turn();
  assert.equal(sleeping(), 0);
});

test("a stream that is over leaves nothing at the signal that would have cut it", async (t) => {
  const { line } = await given(t, (_, response) => response.end("data: log\n"));
  const { signal } = new AbortController();
  const stream = await line.stream("/", signal);
  for await (const _ of stream);
  for (let turns = 0; getEventListeners(signal, "abort").length > 0 && turns < 100_000; turns += 1)
    await turn();
  assert.equal(getEventListeners(signal, "abort").length, 0);
});

test("a stream that is refused is an error, and no stream of what the refusal says", async (t) => {
  const { line } = await given(t, (_, response) =>
    response.writeHead(401).end(JSON.stringify({ code: "unauthorized" })),
  );
  await assert.rejects(line.stream("/", new AbortController().signal), (error) => {
    assert.ok(error instanceof UsageError);
    assert.match(error.message, /wants a token, and not this one: set FANFOLD_TOKEN/);
    return true;
  });
});

test("what is closed asks nobody anything", async (t) => {
  const { line, requests } = await given(t, (_, response) => response.end("1"));
  line.close();
  await assert.rejects(line.call("/"), UnavailableError);
  assert.equal(requests(), 0);
});

test("hints that break off are asked for again at once, also after they were not to be had for long", async (t) => {
  let isThere = false;
  const { line, clock, advance, slept } = await given(t, (_, response) =>
    isThere ? response.end("data: log\n") : response.destroy(),
  );
  const heard: string[] = [];
  const { onHint, close } = hints((signal) => line.stream("/", signal), clock);
  onHint((hint) => heard.push(hint));
  const backoffs = (): readonly number[] => slept.filter((ms) => ms < 10_000);
  const untilBackoff = async (count: number): Promise<void> => {
    for (let turns = 0; backoffs().length < count && turns < 100_000; turns += 1) await turn();
  };
  for (let n = 1; n <= 5; n += 1) {
    await untilBackoff(n);
    if (n === 5) isThere = true;
    advance(2_000);
  }
  await untilBackoff(6);
  assert.deepEqual(backoffs(), [20, 40, 80, 160, 320, 20]);
  assert.deepEqual(heard, ["log", "state", "queue", "log"]);
  await close();
});
