/** tail of what has happened already: the whole output. That it goes on is in serve.test.ts. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { systemClock } from "../../src/engines/system.ts";
import { given } from "../app/given.ts";
import { until } from "../until.ts";
import { fanfold, fanfoldAt, timeless } from "./given.ts";
import { mailFlow, parts } from "./know-app.ts";

test("tail of what has happened: from an offset, since a time ago, with a text in it, as JSON", async (t) => {
  const { app, path } = await given(t, parts, { work: { concurrency: 4 } });
  const october = await app.start(mailFlow, { count: 8 }, { id: "october", customer: "acme" });
  await until(async () => (await october.status()).state === "held");
  await october.cancel("they moved away");
  const november = await app.start(mailFlow, { count: 1 }, { id: "november" });
  await november.result();
  const said = async (...args: readonly string[]) => {
    const about = ["--no-follow", "--app", "know-app.ts", "--url", `sqlite:${path}`];
    const { code, stdout, stderr } = await fanfold("tail", ...args, ...about);
    const lines = timeless(stdout).trimEnd().split("\n");
    return { code, stderr, lines: lines.filter((line) => !isDay(line)) }; // It may be midnight.
  };
  const whole = [
    "  hh:mm  ▶ october   mail",
    "  hh:mm  ⑂ october/invoices   sub-jobs of send",
    "  hh:mm  ‖ october   3 of 8 failed, 1 tolerated   fanfold failures october",
    "  hh:mm  ⊘ october/invoices   1 s",
    "  hh:mm  ⊘ october   cancelled: they moved away",
    "  hh:mm  ▶ november   mail",
    "  hh:mm  ⑂ november/invoices   sub-jobs of send",
    "  hh:mm  ✓ november/invoices   1 ok   1 s",
    "  hh:mm  ✓ november/report   1 s",
    "  hh:mm  ✓ november   done",
  ];
  assert.deepEqual((await said()).lines, whole);
  assert.deepEqual((await said("--since", "1h")).lines, whole);
  assert.deepEqual((await said("--from", "0", "october")).lines, whole.slice(0, 5));
  assert.deepEqual((await said("--grep", "MOVED away")).lines, [whole[4]]);
  assert.deepEqual((await said("--grep", "acme", "run.held")).lines, [whole[2]]);
  const none = await said("--from", "2100-01-01");
  assert.deepEqual(none.lines, [""]);
  assert.match(none.stderr, /^ {2}nothing matches\n {4}fanfold runs$/m);
  const { lines, code } = await said("run.ended", "--json");
  assert.equal(code, 0);
  assert.deepEqual(
    lines.map((line): unknown => JSON.parse(line) as Record<string, unknown>).map(pick),
    [
      ["fanfold.event/1", "run.ended", "october", "acme", "yyyy-mm-ddThh:mmZ"],
      ["fanfold.event/1", "run.ended", "november", undefined, "yyyy-mm-ddThh:mmZ"],
    ],
  );
  const both = await said("--from", "0", "--since", "1h");
  assert.equal(both.code, 2);
  assert.match(both.stderr, /--from and --since both say where to begin/);
  assert.match((await said("--from", "soon")).stderr, /expected a date and time such as/);
});

test("tail says of which day its lines are, where that is not today", async (t) => {
  const { app, path } = await given(t, parts);
  await (await app.start(mailFlow, { count: 1 }, { id: "november" })).result();
  const { now, sleep } = systemClock();
  const twoDaysOn = { now: () => now() + 172_800_000, sleep };
  const about = ["--no-follow", "--app", "know-app.ts", "--url", `sqlite:${path}`];
  const { stdout } = await fanfoldAt(twoDaysOn, "tail", ...about);
  const [first = "", second] = timeless(stdout).split("\n");
  assert.ok(isDay(first), first);
  assert.equal(second, "  hh:mm  ▶ november   mail");
});

const isDay = (line: string): boolean => /^ {2}\w{3} \d+ \w{3,4} \d{4}$/.test(line);

function pick(event: unknown): readonly unknown[] {
  const { schema, type, run, customer, at } = event as Record<string, unknown>;
  return [schema, type, run, customer, at];
}
