/** Events of all runs as one sequence: from an offset, since an instant, from now on. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { RunEvent, Tailing, App } from "../../src/index.ts";
import { until } from "../until.ts";
import { given, newPath } from "./given.ts";
import { summing } from "./parts.ts";

async function all(app: App, tailing: Tailing): Promise<readonly RunEvent[]> {
  const events: RunEvent[] = [];
  for await (const event of app.events({ ...tailing, follow: false })) events.push(event);
  return events;
}

const said = (events: readonly RunEvent[]): readonly string[] =>
  events.map(({ type, run }) => `${type} ${run}`);

test("events of several partitions come in the order of time, since an instant or from an offset", async (t) => {
  const { sums, parts } = summing((n) => n, 2);
  const { app } = await given(t, parts, { path: `${newPath()}?partitions=3` });
  const ids = ["a", "b", "c", "d", "e"];
  for (const id of ids) await (await app.start(sums, {}, { id })).result();
  const events = await all(app, { from: 0 });
  assert.deepEqual(
    said(events).filter((line) => /^run\.(began|ended)/.test(line)),
    ids.flatMap((id) => [`run.began ${id}`, `run.ended ${id}`]),
  );
  assert.ok(new Set(events.map(({ partition }) => partition)).size > 1);
  assert.deepEqual(
    events.map(({ at }) => at),
    events.map(({ at }) => at).toSorted((a, b) => a - b),
  );
  const third = events.find(({ type, run }) => type === "run.began" && run === "c");
  const since = new Date(third?.at ?? 0);
  assert.deepEqual(
    await all(app, { since }),
    events.filter(({ at }) => at >= since.getTime()),
  );
  assert.deepEqual(await all(app, { since: new Date(Date.now() + 60_000) }), []);
  assert.deepEqual(await all(app, {}), []);
  const from = events.at(-1)?.offset ?? 0;
  assert.deepEqual(
    await all(app, { from }),
    events.filter(({ offset }) => offset >= from),
  );
});

test("events from now on begin where they are said to, go on until they are ended, and repeat nothing", async (t) => {
  const { sums, parts } = summing((n) => n, 2);
  const { app } = await given(t, parts);
  await (await app.start(sums, {}, { id: "before" })).result();
  const stop = new AbortController();
  const heard: string[] = [];
  const ready = Promise.withResolvers<void>();
  const listening = (async () => {
    const tailing = { signal: stop.signal, onReady: () => ready.resolve() };
    for await (const { type, run } of app.events(tailing)) heard.push(`${type} ${run}`);
  })();
  await ready.promise;
  for (const id of ["x", "y"]) await (await app.start(sums, {}, { id })).result();
  await until(() => heard.includes("run.ended y"));
  stop.abort();
  await listening;
  const expected = ["run.began", "step.began", "fan-out.joined", "step.ended", "run.ended"];
  assert.deepEqual(
    heard.filter((line) => line.endsWith(" x")),
    expected.map((type) => `${type} x`),
  );
  assert.deepEqual([heard.length, heard.some((line) => line.endsWith("before"))], [10, false]);
});

test("a beginning that cannot be meant is refused", async (t) => {
  const { app } = await given(t, summing((n) => n, 1).parts);
  const refused = (tailing: object, why: RegExp) => assert.rejects(all(app, tailing), why);
  await refused({ from: 0, since: new Date() }, /since an instant or from an offset, not both/);
  await refused({ from: -1 }, /from of events must be an offset, an integer from 0, got -1/);
  await refused({ since: new Date("?") }, /since of events must be a Date that is one/);
});
