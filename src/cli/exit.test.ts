import assert from "node:assert/strict";
import { test } from "node:test";

import { explained } from "../engines/postgres/problems.ts";
import * as errors from "../errors.ts";
import { exitCodes, exitOfError, exitOfRun } from "./exit.ts";
import { failureLines } from "./failure.ts";
import { paint } from "./style.ts";

test("the state of a run is the exit code, so that a script need not read", () => {
  assert.equal(exitOfRun({ state: "done", endedAt: 5 }), 0);
  assert.equal(exitOfRun({ state: "done", endedAt: 5, deadlineAt: 5 }), 0);
  assert.equal(exitOfRun({ state: "done", endedAt: 6, deadlineAt: 5 }), 4);
  assert.equal(exitOfRun({ state: "failed", endedAt: 6, deadlineAt: 5 }), 1);
  assert.equal(exitOfRun({ state: "cancelled" }), 1);
  assert.equal(exitOfRun({ state: "held" }), 3);
  assert.equal(exitOfRun({ state: "running" }), 0);
});

test("every class of error has its exit code; what is not ours is a bug", () => {
  assert.equal(exitOfError(new errors.UsageError("x")), 2);
  assert.equal(exitOfError(new errors.NotFoundError("x")), 2);
  assert.equal(exitOfError(new errors.ConflictError("x")), 5);
  assert.equal(exitOfError(new errors.UnavailableError("x")), 7);
  assert.equal(exitOfError(new errors.RunEndedError("x")), 1);
  assert.equal(exitOfError(new errors.CorruptError("x")), 70);
  assert.equal(exitOfError(new TypeError("x")), 70);
  assert.equal(exitOfError("thrown"), 70);
});

test("a database that refuses is one that cannot be used, and no wrong usage of a command", () => {
  for (const code of ["28P01", "28000", "3D000", "42501"]) {
    const error = explained(Object.assign(new Error("no"), { code }), "postgres://db/billing");
    assert.ok(error instanceof errors.UsageError);
    assert.equal(exitOfError(error), 7, code);
    assert.equal(told(error, "runs").at(-1), "    fanfold doctor");
  }
});

test("an error of another copy of Fanfold is known by its code", () => {
  assert.equal(
    exitOfError(Object.assign(new Error("x"), { code: "conflict" })),
    exitCodes.conflict,
  );
});

const told = (error: unknown, verb?: string): string[] =>
  failureLines(error, { argv: ["runs", "--json"], verb, version: "0.1.0" }).map((line) =>
    paint(line, Infinity, false),
  );

test("an error ends with the next command: its own, its owner's, or the help of its verb", () => {
  const inUse = { path: "dev.db", pid: 7, url: "http://127.0.0.1:4400" };
  assert.equal(
    told(new errors.UsageError("x", { details: { next: "npm i" } })).at(-1),
    "    npm i",
  );
  assert.equal(told(new errors.UsageError("x"), "start").at(-1), "    fanfold start --help");
  assert.equal(told(new errors.UsageError("x")).at(-1), "    fanfold --help");
  assert.equal(
    told(new errors.ConflictError("x", { details: inUse })).at(-1),
    "    fanfold runs --url http://127.0.0.1:4400",
  );
  assert.equal(told(new errors.UnavailableError("x")).at(-1), "    fanfold doctor");
});

test("a bug prints what a report needs: versions, the command, the stack and its cause", () => {
  const report = told(new Error("broken", { cause: new Error("deeper") })).join("\n");
  assert.match(report, /✗ broken/);
  assert.match(report, /fanfold 0\.1\.0, node \d+/);
  assert.match(report, /fanfold runs --json/);
  assert.match(report, /exit\.test\.ts/);
  assert.match(report, /caused by Error: deeper/);
});
