import assert from "node:assert/strict";
import { test } from "node:test";
import { limits } from "./limits.ts";
import { attempted, newNotice, redriven, type Answer, type Notice } from "./notice.ts";
import type { RunEvent } from "./run-event.ts";

const event: RunEvent = {
  type: "run.ended",
  run: "r",
  state: "done",
  flow: "f",
  id: "evt_0_7",
  at: 0,
  partition: 0,
  offset: 7,
};
const days3 = 3 * 86_400_000;
const answer = (at: number, more: Partial<Answer> = {}): Answer => ({ at, ms: 5, ...more });
const down = (at: number): Answer => answer(at, { error: "connect ECONNREFUSED" });

test("what is answered with 2xx is over, anything else is due again", () => {
  const notice = newNotice("ops", event, 1_000);
  for (const status of [200, 202, 204, 299])
    assert.equal(attempted(notice, answer(2_000, { status }), days3).state, "ok");
  for (const status of [100, 301, 302, 307, 400, 404, 429, 500, 503])
    assert.equal(attempted(notice, answer(2_000, { status }), days3).state, "waiting");
  assert.equal(attempted(notice, down(2_000), days3).state, "waiting");
});

test("it is tried for three days, some twenty times, later each time, and then given up with its last answers", () => {
  let notice: Notice = newNotice("ops", event, 0);
  const times: number[] = [];
  while (notice.state === "waiting") {
    times.push(notice.at);
    notice = attempted(notice, down(notice.at), days3);
  }
  assert.ok(times.length >= 15 && times.length <= 40, `${times.length} attempts`);
  assert.ok((times.at(-1) ?? 0) > 1.5 * 86_400_000, `the last after ${times.at(-1)} ms`);
  assert.ok(times.every((at) => at <= days3));
  assert.equal(notice.state, "failed");
  assert.equal(notice.answers.length, limits.noticeAnswers);
  assert.equal(notice.because, `not heard in ${times.length} attempts`);
});

test("two webhooks that fail together do not come back together", () => {
  const due = ["a", "b", "c", "d"].map(
    (name) => attempted({ ...newNotice(name, event, 0), attempts: 8 }, down(0), days3).at,
  );
  assert.equal(new Set(due).size, 4);
});

test("Retry-After is waited for, up to half a day", () => {
  const notice = newNotice("ops", event, 0);
  assert.ok(
    attempted(notice, answer(0, { status: 429, retryAfterMs: 3_600_000 }), days3).at >= 3_600_000,
  );
  assert.ok(
    attempted(notice, answer(0, { status: 429, retryAfterMs: 1e12 }), days3).at <= 43_200_000,
  );
});

test("410 ends it at once, and a redrive begins again and keeps what was answered", () => {
  const gone = attempted(newNotice("ops", event, 0), answer(10, { status: 410 }), days3);
  assert.deepEqual(
    [gone.state, gone.attempts, gone.because],
    ["cancelled", 1, "the webhook answered 410: it is gone"],
  );
  const again = redriven(gone, 99, { author: "ann" });
  assert.deepEqual(
    [again.state, again.attempts, again.since, again.at, again.because],
    ["waiting", 0, 99, 99, undefined],
  );
  assert.deepEqual(again.redriven, { at: 99, author: "ann" });
  assert.equal(again.answers.length, 1);
});
