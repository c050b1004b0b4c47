import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";
import { UsageError } from "../errors.ts";
import { flow } from "./flow.ts";
import { hears, listener } from "./listener.ts";

const invoices = flow("invoices", { input: z.object({}) }).step("check", () => 1);

test("a listener says which events it hears, all of them if nothing is said", () => {
  const some = listener("ops", { events: ["run.held"], flows: [invoices], run: () => undefined });
  assert.deepEqual([some.kind, some.name], ["listener", "ops"]);
  assert.equal(hears(some.heard, { type: "run.held", flow: "invoices" }), true);
  assert.equal(hears(some.heard, { type: "run.held", flow: "other" }), false);
  assert.equal(hears(some.heard, { type: "run.ended", flow: "invoices" }), false);
  const all = listener("all", { run: () => undefined });
  assert.equal(hears(all.heard, { type: "step.began", flow: "other" }), true);
});

test("what there cannot be is refused where it is written", () => {
  const run = (): void => undefined;
  const unknown = "run.finished" as "run.ended"; // oxlint-disable-line typescript/no-unsafe-type-assertion -- what somebody without a compiler writes
  const wrong: readonly [() => unknown, RegExp][] = [
    [() => listener("", { run }), /name of a listener/],
    [() => listener("a/b", { run }), /name of a listener/],
    [
      () => listener("ops", { events: [unknown], run }),
      /among "run\.delayed".*got "run\.finished"/,
    ],
    // @ts-expect-error -- a name is not a flow
    [() => listener("ops", { flows: ["invoices"], run }), /flows of listener "ops" must be flows/],
    // @ts-expect-error -- it has to run something
    [() => listener("ops", {}), /run of listener "ops" must be a function/],
  ];
  for (const [define, message] of wrong)
    assert.throws(define, (error) => error instanceof UsageError && message.test(error.message));
});

test("the event's fields follow from what is heard", () => {
  listener("typed", {
    events: ["run.ended", "step.ended"],
    flows: [invoices],
    run(event) {
      if (event.type === "run.ended") return event.state === "done";
      const step: "check" = event.step;
      // @ts-expect-error -- it has no such step
      if (event.step === "invoices") return step;
      // @ts-expect-error -- it is not told of these
      return event.type === "run.held";
    },
  });
  listener("any", { run: (event) => (event.type === "run.held" ? event.because : event.run) });
});
