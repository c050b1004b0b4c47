import assert from "node:assert/strict";
import { test } from "node:test";
import { virtualClock } from "../contract/given.ts";
import { encode } from "../core/event.ts";
import { memoryEngine } from "../engines/memory/engine.ts";
import { historyOf } from "./history.ts";

test("of a log that is trimmed while somebody reads it, the rest follows", async () => {
  const clock = virtualClock();
  const startedAt = clock.now();
  const { log } = memoryEngine({ clock });
  const asked = (run: string, author: string): string =>
    encode({ type: "pause.asked", run, request: author, author });
  const portion = 1_000;
  const others = Array.from({ length: 2 * portion }, () => asked("april", "eve"));
  await log.append(0, [asked("march", "ann"), ...others, asked("march", "ben")]);

  const found: unknown[] = [];
  for await (const event of historyOf(log, 0, { run: "march", startedAt })) {
    found.push("author" in event && event.author);
    await log.trim(0, portion + 500, await log.past(0));
  }
  assert.deepEqual(found, ["ann", "ben"]);
});
