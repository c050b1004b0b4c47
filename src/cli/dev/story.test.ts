import assert from "node:assert/strict";
import { test } from "node:test";
import type { RunEvent } from "../../core/run-event.ts";
import { flow } from "../../define/flow.ts";
import { job } from "../../define/job.ts";
import { paint } from "../style.ts";
import { story } from "./story.ts";

const anything = {
  "~standard": { version: 1, vendor: "test", validate: (value: unknown) => ({ value }) },
} as const;
const send = job("send", { input: anything, run: () => undefined });
const mail = flow("mail", { input: anything }).fanOut("all", send, { over: () => [], key: String });

/** What is told of these, without the time of day. */
function told(...events: readonly object[]): readonly (string | undefined)[] {
  const tell = story(new Map([["mail", mail]]));
  const of = { run: "r", flow: "mail", partition: 0, offset: 1, id: "1" };
  return events.map((event, n) => {
    const line = tell({ ...of, at: 1_000 * n, ...event } as unknown as RunEvent); // oxlint-disable-line typescript/no-unsafe-type-assertion -- as far as it is told
    return line === undefined ? undefined : paint(line, Infinity, false).replace(/^ +[\d:]+ +/, "");
  });
}

test("a fan-out that has joined is well, whatever failed in it: what was too much held it, and somebody let it go on", () => {
  const step = { step: "all", generation: 1 };
  assert.deepEqual(
    told(
      { type: "step.began", ...step },
      { type: "run.held", because: "3 of 8 failed" },
      { type: "run.resumed" },
      { type: "fan-out.joined", ...step, ok: 5, failed: 3, skipped: 1 },
      { type: "step.ended", ...step, outcome: "ok" },
      { type: "run.ended", state: "done" },
    ),
    [
      "⑂ r/all   sub-jobs of send",
      "‖ r   3 of 8 failed   fanfold failures r",
      "▶ r   goes on",
      "✓ r/all   5 ok · 3 failed · 1 skipped   3.0 s",
      undefined,
      "✓ r   done",
    ],
  );
});
