import assert from "node:assert/strict";
import { test } from "node:test";
import { app } from "../app/app.ts";
import { flow } from "../define/flow.ts";
import { job } from "../define/job.ts";
import { unknownNames } from "./unknown.ts";

const anything = {
  "~standard": { version: 1, vendor: "test", validate: (value: unknown) => ({ value }) },
} as const;
const send = job("send", { input: anything, run: () => undefined });
const mail = flow("mail", { input: anything }).step("one", () => 1);
const bills = flow("bills", { input: anything }).step("one", () => 1);
const billing = app({ name: "billing", url: "memory:", parts: [send, mail, bills] });

test("a name that the app has is no news; one that it has not is named, with those of its kind that it has", () => {
  assert.deepEqual(unknownNames(billing, { flow: "mail", job: "send" }), []);
  assert.deepEqual(unknownNames(billing, {}), []);
  assert.deepEqual(unknownNames(billing, { flow: "send", job: "send", webhook: "ops" }), [
    [`  this app has no flow "send": it has "mail", "bills"`],
    [`  this app has no webhook "ops"`],
  ]);
});
