import assert from "node:assert/strict";
import { test } from "node:test";

import type { Status, StepStatus } from "../views/status.ts";
import type { Terminal } from "./print.ts";
import { progress } from "./progress.ts";
import { paint } from "./style.ts";

/** Keeps what is said, and repaints nothing. */
function plain(): Terminal & { readonly lines: string[] } {
  const lines: string[] = [];
  return {
    lines,
    isLive: false,
    hasColour: false,
    columns: () => Infinity,
    write: (text) => void lines.push(text),
    say: (...more) => void lines.push(...more.map((line) => paint(line, Infinity, false))),
    show: () => assert.fail("nothing can be repainted here"),
    keep: () => assert.fail("nothing was painted here"),
  };
}

const status = (at: number, ok: number, more: Partial<Status> = {}): Status => {
  const step = {
    name: "invoices",
    kind: "fan-out",
    state: "running",
    generation: 1,
    total: 1_000,
    size: 1_000,
    ok,
    failed: 0,
    skipped: 0,
    cancelled: 0,
    retrying: 0,
    failures: [],
  };
  return {
    run: "r",
    flow: "f",
    state: "running",
    customer: undefined,
    priority: "normal",
    tags: {},
    step: "invoices",
    done: ok,
    failed: 0,
    total: 1_000,
    steps: [step as unknown as StepStatus],
    startedAt: 0,
    endedAt: undefined,
    deadlineAt: undefined,
    because: undefined,
    paused: [],
    asOf: 0,
    at,
    ...more,
  };
};

const said = (out: { readonly lines: readonly string[] }): (string | undefined)[] =>
  out.lines.map((line) => /([\d,]+) \/ 1,000/.exec(line)?.[1]);

test("without a terminal there is a line per 5 %", () => {
  const out = plain();
  const { update } = progress(out);
  for (let ok = 0; ok <= 200; ok += 10) update(status(ok, ok));
  assert.deepEqual(said(out), ["0", "50", "100", "150", "200"]);
});

test("and one per 10 s where nothing moves", () => {
  const out = plain();
  const { update } = progress(out);
  for (let second = 0; second <= 30; second += 1) update(status(second * 1_000, 7));
  assert.equal(out.lines.length, 4);
});

test("in a time that runs faster, ten seconds are longer", () => {
  const out = plain();
  const { update } = progress(out, 100);
  for (let second = 0; second <= 30; second += 1) update(status(second * 1_000, 7));
  assert.equal(out.lines.length, 1);
});

test("a change of state is said at once", () => {
  const out = plain();
  const { update } = progress(out);
  update(status(0, 500));
  update(status(1, 500, { state: "held" }));
  assert.match(out.lines[1] ?? "", /held$/);
});
