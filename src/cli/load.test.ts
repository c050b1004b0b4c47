import assert from "node:assert/strict";
import { test } from "node:test";

import { app } from "../app/app.ts";
import { memoryEngine } from "../engines/memory/engine.ts";
import { systemClock } from "../engines/system.ts";
import { elsewhere } from "./load.ts";

test("with --url, an app whose file turns its schedules off has them off, and logs where it did", () => {
  const say = (): void => undefined;
  const log = { debug: say, info: say, warn: say, error: say };
  const quiet = app({ name: "quiet", parts: [], schedules: false, log });
  const { definition } = elsewhere(quiet, { url: "memory:" });
  assert.deepEqual(definition, { name: "quiet", parts: [], schedules: false, log, url: "memory:" });
});

test("an address on the command line comes before an engine in the app's file; another change leaves both", () => {
  const engine = memoryEngine({ clock: systemClock() });
  const own = app({ name: "own", parts: [], engine, url: "memory:" });
  assert.deepEqual(elsewhere(own, { url: "sqlite::memory:" }).definition, {
    name: "own",
    parts: [],
    url: "sqlite::memory:",
  });
  assert.deepEqual(elsewhere(own, { schedules: false }).definition, {
    name: "own",
    parts: [],
    engine,
    url: "memory:",
    schedules: false,
  });
});
