/** Handlers that take their process with them, and processes that are told to stop. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { app, type SubJobRecord } from "../../src/index.ts";
import { until } from "../until.ts";
import { newFile, start } from "./child.ts";

/** Starts the program again and again, as a supervisor does, until it says how the run stands; returns how often it died. */
async function supervised(
  scenario: string,
  file: string,
  count: number,
): Promise<{ deaths: string[]; held: string }> {
  const deaths: string[] = [];
  for (;;) {
    const owner = start([scenario, file, String(count)]);
    const held = await until(() => owner.last("held") ?? owner.isOver());
    if (held === true) {
      deaths.push(await owner.ended());
      assert.ok(deaths.length < 20, "it never learns");
      continue;
    }
    owner.kill("SIGTERM");
    assert.equal(await owner.ended(), "0");
    return { deaths, held };
  }
}

async function recordOf(file: string, key: string): Promise<SubJobRecord | undefined> {
  const reading = app({ name: "reader", parts: [], url: `sqlite:${file}` });
  try {
    return await (await reading.run("r"))?.subJob("add", key);
  } finally {
    await reading.close();
  }
}

for (const [scenario, death, most] of [
  ["exits", "9", 3],
  ["exits-later", "9", 3],
  ["throws", "1", 3],
  ["dies", "SIGKILL", 9],
] as const)
  test(`a handler that takes its process down (${scenario}) is poison after ${most} times, and nobody with it`, async () => {
    const file = newFile();
    const { deaths, held } = await supervised(scenario, file, 100);
    assert.equal(held, "1 of 100 failed, 0 tolerated");
    assert.deepEqual(deaths, Array(most).fill(death));
    assert.equal((await recordOf(file, "k13"))?.state, "poison");
    assert.equal((await recordOf(file, "k12"))?.state, "ok");
  });

test("SIGTERM lets what runs finish, gives the rest back, and nothing counts as a crash", async () => {
  const file = newFile();
  const finished = new Set<string>();
  for (let times = 0; ; times += 1) {
    const owner = start(["slow", file, "100"]);
    const begun = (): number => owner.lines.filter((line) => line.startsWith("begun ")).length;
    await until(() => (times < 3 && begun() >= 10) || owner.last("done"));
    owner.kill("SIGTERM");
    assert.equal(await owner.ended(), "0");
    assert.equal(owner.last("stopped"), "");
    assert.deepEqual(owner.errors, []);
    for (const line of owner.lines.filter((line) => line.startsWith("begun "))) {
      assert.ok(!finished.has(line), `${line} once more: it had been let finish`);
      finished.add(line);
    }
    const done = owner.last("done");
    if (done !== undefined) {
      assert.equal(done, "4950 100");
      assert.ok(times >= 2, `it was stopped ${times} times`);
      break;
    }
  }
  assert.equal(finished.size, 100);
});

test("SIGINT twice ends at once, and blames nobody for it", async () => {
  const file = newFile();
  for (let times = 0; times < 4; times += 1) {
    const owner = start(["stuck", file, "1"]);
    await owner.said("begun");
    owner.kill("SIGINT");
    // Two at once may arrive as one: impatient people press it again.
    await until(() => owner.isOver() || (owner.kill("SIGINT"), false));
    assert.equal(await owner.ended(), "130");
    assert.equal(owner.last("held"), undefined);
  }
});
