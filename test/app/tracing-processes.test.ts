/** One trace over several processes: who starts, who manages, who works. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { newDatabase, skip } from "../servers/databases.ts";
import { newPath } from "./given.ts";
import type { Told } from "./spans.ts";

type Line = Told & { readonly pid: number };

async function spansOf(url: string): Promise<readonly Line[]> {
  const program = join(import.meta.dirname, "tracing-program.ts");
  const child = spawn(process.execPath, [program, url], {
    env: { ...process.env, NODE_NO_WARNINGS: "1" },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const spans: Line[] = [];
  createInterface(child.stdout).on("line", (line) => {
    if (line.startsWith("span ")) spans.push(JSON.parse(line.slice(5)) as Line);
  });
  const [code] = (await once(child, "close")) as [number | null];
  assert.equal(code, 0);
  return spans;
}

function check(spans: readonly Line[]): void {
  const named = (name: string) => spans.filter((span) => span.name === name);
  const [started] = named("start sums");
  assert.ok(started !== undefined);
  for (const { name, trace } of spans) assert.equal(trace, started.trace, name);
  const processed = named("process add");
  assert.equal(processed.length, 21);
  assert.ok(processed.every(({ pid, parent }) => pid !== started.pid && parent === started.id));
  assert.deepEqual([named("run sums").length, named("step sums/add").length], [1, 1]);
  // What a handler calls belongs to the attempt, in whichever process that is.
  const [first, second] = named("call 0").map((call) =>
    processed.find(({ id }) => id === call.parent),
  );
  assert.equal(first?.failed, "not yet");
  assert.deepEqual(second?.links, [first?.id]);
}

test("the processes of an SQLite file write one trace", async () => {
  check(await spansOf(`sqlite:${newPath()}`));
});

test("the processes of a PostgreSQL database write one trace", { skip }, async () => {
  check(await spansOf(await newDatabase()));
});
