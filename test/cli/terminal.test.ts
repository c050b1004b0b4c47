/** What stands in a real terminal, and what comes out of a pipe: the whole output of what people do most. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { timeless } from "./given.ts";
import { piped, skip, typed, type Typed } from "./pseudo-terminal.ts";

const folder = mkdtempSync(join(tmpdir(), "fanfold-terminal-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const place = { cwd: import.meta.dirname };
const start = (count: number): readonly string[] => [
  "start",
  "mail",
  `{"count":${count}}`,
  "--id",
  "october",
  "--watch",
];
const on = (file: string, args: readonly string[]): readonly string[] =>
  args.concat("--app", "know-app.ts", "--url", `sqlite:${join(folder, file)}`);

/** At any time, as fast as it happens to be; columns are as wide as what is in them. */
function masked(text: string): readonly string[] {
  return timeless(text.replaceAll(folder, "/data").replaceAll("\r\n", "\n"))
    .replaceAll(/\b[\d.,]+\/(?:s|min|h)\b/g, "1/s")
    .replaceAll(/(?<=\S) {3,}/g, "   ")
    .trimEnd()
    .split("\n");
}

/** A log says what it happens to see on the way; what it says last is sure. */
const lastOfLog = (lines: readonly string[]): readonly string[] =>
  lines.filter((line, i) => !isLog(line) || !isLog(lines[i + 1] ?? ""));
const isLog = (line: string): boolean => /^hh:mm {1,2}october /.test(line);

async function ended(terminal: Typed, code: number): Promise<readonly string[]> {
  assert.equal(await terminal.exit, code, terminal.raw());
  return masked(terminal.rows());
}

const bar = "━".repeat(40);
const greeting = (file: string): readonly string[] => [`  billing   sqlite:/data/${file}`];
const watching = (file: string): readonly string[] => [
  ...greeting(file),
  "  october · mail",
  `  nobody else works on sqlite:/data/${file}: this process does it itself`,
  "",
];
const heldRun = [
  "  ‖ held after 1 s   3 of 8 failed, 1 tolerated",
  "    4 ok · 3 failed (37 %) · 1 skipped   1 s of work",
  "    2  451 4.3.2 mailbox busy   fanfold show october/invoices/c-2",
  "    1  customer has no address  fanfold show october/invoices/c-1",
  "    it waits for you: retry a group, skip it, or go on as it is",
  "    fanfold redrive october --group 1",
  '    fanfold release october --reason "…"',
];

test(
  "start --watch in a terminal: lines are repainted in place, and what they said last stays",
  { skip },
  async () => {
    const terminal = typed(on("done.db", start(1)), place);
    assert.deepEqual(await ended(terminal, 0), [
      ...watching("done.db"),
      `  invoices   ${bar}   1 / 1   1 s`,
      "  report   ✓   1 s",
      "  elapsed   1 s",
      "",
      "  ✓ done in 1 s",
      "    1 ok   1 s of work",
      "{",
      '  "sent": 1,',
      '  "cents": 990',
      "}",
    ]);
    // oxlint-disable-next-line no-control-regex -- that is what repaints
    assert.match(terminal.raw(), /\u001b\[\d+A/, "the cursor went up");
    assert.match(terminal.raw(), /\u001b\[32m✓ done/, "and there are colours"); // oxlint-disable-line no-control-regex -- those are colours
  },
);

test("start --watch in a pipe: lines on stderr, the result alone on stdout, and no control character", async () => {
  const { code, stdout, stderr } = await piped(on("piped.db", start(1)), place);
  assert.deepEqual([code, stdout], [0, '{\n  "sent": 1,\n  "cents": 990\n}\n']);
  assert.deepEqual(lastOfLog(masked(stderr)), [
    ...watching("piped.db"),
    "hh:mm october done",
    "",
    "  ✓ done in 1 s",
    "    1 ok   1 s of work",
  ]);
  assert.doesNotMatch(stderr, /[^\n\P{Cc}]/u);
});

test("held in a terminal, then failures, runs, and a redrive that asks", { skip }, async () => {
  const held = typed(on("held.db", start(8)), place);
  assert.deepEqual(await ended(held, 3), [
    ...watching("held.db"),
    `  invoices   ${bar}   8 / 8   1/s   ✗ 3   – 1`,
    "  report   ○",
    "  failed   2 × 451 4.3.2 mailbox busy · 1 × customer has no address",
    "  elapsed   1 s",
    "",
    ...heldRun,
  ]);
  assert.deepEqual(await ended(typed(on("held.db", ["failures", "october"]), place), 0), [
    ...greeting("held.db"),
    "  october · mail",
    "",
    "  #  count  step   signature   message   first – last   attempts",
    "  1   2  invoices  mailbox-busy   451 4.3.2 mailbox busy   hh:mm  2 of 2",
    "  2   1  invoices  customer-has-no-address  customer has no address  hh:mm  1 (fatal)",
    "",
    "  3 of 8 of invoices failed (37 %)",
    "  one of them:   fanfold show october/invoices/c-2",
    "  those again:   fanfold redrive october --group 1",
  ]);
  assert.deepEqual(await ended(typed(on("held.db", ["runs"]), place), 0), [
    ...greeting("held.db"),
    "  run   flow  customer  state   at   failed  started   took  deadline",
    "  october  mail   ‖ held  invoices 62 %   3  hh:mm  1 s",
  ]);
  assert.deepEqual(await ended(typed(on("held.db", ["dead"]), place), 0), [
    ...greeting("held.db"),
    "  count  runs  step   signature   message   first – last",
    "      2   1  mail/invoices  mailbox-busy   451 4.3.2 mailbox busy   hh:mm",
    "         fanfold redrive october --group 1",
    "      1   1  mail/invoices  customer-has-no-address  customer has no address  hh:mm",
    "         fanfold redrive october --group 2",
    "",
    "  3 failed in 1 run",
  ]);
  const asks = [
    ...greeting("held.db"),
    "  would retry 2 failed sub-jobs of invoices",
    "  c-2  c-3",
  ];
  const redrive = on("held.db", ["redrive", "october", "--group", "1"]);
  const no = typed(redrive, place);
  await no.type(/\[y\/N\] /, "n\n");
  assert.deepEqual(await ended(no, 0), [...asks, "  retry 2? [y/N] n", "  nothing was done"]);
  const yes = typed(redrive, place);
  await yes.type(/\[y\/N\] /, "y\n");
  assert.deepEqual(await ended(yes, 1), [
    ...asks,
    "  retry 2? [y/N] y",
    "  ✓ retrying 2",
    `  invoices   ${bar}   8 / 8   1/s   ✗ 3   – 1`,
    "  report   ○",
    "  failed   2 × 451 4.3.2 mailbox busy · 1 × customer has no address",
    "  elapsed   1 s",
    "  2   ✓ 0   2 failed",
    "  2 still failing:  fanfold failures october",
  ]);
});

test("the same held run in a pipe, and in a terminal of CI: lines only", { skip }, async () => {
  const lines = (file: string): readonly string[] => [
    ...watching(file),
    "hh:mm october invoices 8 / 8 (100 %), 1/s, 3 failed, held",
    "",
    ...heldRun,
  ];
  const { code, stdout, stderr } = await piped(on("log.db", start(8)), place);
  assert.deepEqual([code, stdout], [3, ""]);
  assert.deepEqual(lastOfLog(masked(stderr)), lines("log.db"));

  const ci = typed(on("ci.db", start(8)), { ...place, env: { CI: "true", NO_COLOR: "1" } });
  assert.equal(await ci.exit, 3);
  assert.deepEqual(lastOfLog(masked(ci.raw())), lines("ci.db"));
  assert.doesNotMatch(ci.raw(), /[^\r\n\P{Cc}]/u);
});

test(
  "runs --json is the same in a terminal and in a pipe: one object a line, whatever the width",
  { skip },
  async () => {
    await piped(on("json.db", start(1)), place);
    const json = on("json.db", ["runs", "--state", "done", "--json"]);
    const { code, stdout } = await piped(json, place);
    assert.equal(code, 0);
    const terminal = typed(json, { ...place, columns: 40 });
    assert.equal(await terminal.exit, 0);
    assert.ok(terminal.raw().endsWith(`\r\n${stdout.trimEnd()}\r\n`), terminal.raw());
    assert.deepEqual(JSON.parse(timeless(stdout)), {
      schema: "fanfold.run/1",
      id: "october",
      flow: "mail",
      state: "done",
      customer: null,
      priority: "normal",
      tags: {},
      step: "report",
      total: 1,
      ok: 1,
      failed: 0,
      startedAt: "yyyy-mm-ddThh:mmZ",
      endedAt: "yyyy-mm-ddThh:mmZ",
      deadline: null,
      isLate: false,
      isAtRisk: false,
      forecast: null,
      paused: [],
      because: null,
    });
  },
);

test("dev in a terminal: r lists runs, q finishes what runs and ends it", { skip }, async () => {
  await piped(on("dev.db", start(1)), place);
  const dev = typed(on("dev.db", ["dev", "--port", "0"]).toSpliced(-4, 2, "know-app.ts"), place);
  await dev.type(/reloading on save\s/, "r");
  await dev.type(/october[^\n]* done/, "q");
  assert.equal(await dev.exit, 0, dev.raw());
  const [greeted = "", ...rows] = masked(dev.rows().replace(/(127\.0\.0\.1):\d+/, "$1:port"));
  assert.match(
    greeted,
    /^ {2}fanfold [\d.]+ {3}billing {3}sqlite:\/data\/dev\.db \(kept; 1 earlier run\)$/,
  );
  assert.deepEqual(rows, [
    "",
    "  address   http://127.0.0.1:port   r runs · q quit",
    "  flows   mail · evils",
    "  jobs   send · evil",
    "  workers   1 process × 50, reloading on save",
    `  begin one   fanfold start mail '{"…": …}' --watch   in another terminal`,
    "",
    "  run   flow  customer  state   at  failed  started   took  deadline",
    "  october  mail   ✓ done   hh:mm  1 s",
    "  drains: takes nothing new, finishes what runs. Again stops at once",
  ]);
});

test("queues --watch in a terminal: repainted in place until Ctrl-C", { skip }, async () => {
  await piped(on("queues.db", start(1)), place);
  const terminal = typed(on("queues.db", ["queues", "--watch"]), place);
  await terminal.type(/mail +0 +0 +0 +0 +0 +0[^]*mail +0/, "\u0003"); // It was painted twice.
  assert.deepEqual((await ended(terminal, 130)).slice(0, 4), [
    ...greeting("queues.db"),
    "  queue   waiting  in flight  retrying  runs  workers  slots",
    "  default   0   0   0   0   0   0",
    "  mail   0   0   0   0   0   0",
  ]);
});
