/** Lists that are kept up to date: on a terminal in place, elsewhere as lines or objects when they change; until Ctrl-C. */
import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { test, type TestContext } from "node:test";
import type { Signal } from "../../src/cli/context.ts";
import { liveLines, type Stream } from "../../src/cli/print.ts";
import { run } from "../../src/cli/program.ts";
import { systemClock } from "../../src/engines/system.ts";
import { given, opened } from "../app/given.ts";
import { until } from "../until.ts";
import { fanfold, inItsOwnMs, ioTo, timeless } from "./given.ts";
import { mailFlow, parts } from "./know-app.ts";
import { screen } from "./screen.ts";

/** The command, looking often, until it is interrupted. */
function watching(t: TestContext, path: string, stdout: Stream, ...args: readonly string[]) {
  const { now, sleep } = systemClock();
  let listener: (signal: Signal) => void = () => undefined;
  const io = {
    ...ioTo(stdout),
    clock: { now, sleep: (ms: number, signal?: AbortSignal) => sleep(Math.min(ms, 20), signal) },
    onSignal(on: (signal: Signal) => void) {
      listener = on;
      return () => undefined;
    },
  };
  const about = ["--app", "know-app.ts", "--url", `sqlite:${path}`];
  const code = run([...args, "--watch", ...about], io);
  const interrupt = async (): Promise<number> => {
    listener("SIGINT");
    return code;
  };
  t.after(interrupt);
  return { interrupt };
}

function piped() {
  const stream = new PassThrough({ encoding: "utf8" });
  let text = "";
  stream.on("data", (chunk: string) => (text += chunk));
  return { stream, text: () => timeless(text) };
}

test("runs --watch in a pipe prints the list again when it has changed, and not when time passes", async (t) => {
  const { app, path } = await given(t, parts, { work: { concurrency: 4 } });
  const { stream, text } = piped();
  const { interrupt } = watching(t, path, stream, "runs");
  const october = await app.start(mailFlow, { count: 8 }, { id: "october" });
  await until(() => /^ {2}october .*held/m.test(text()));
  await october.release("fine");
  await until(() => /^ {2}october .*done/m.test(text()));
  const lists = text().split(/^ {2}hh:mm$/m);
  assert.equal(new Set(lists).size, lists.length, "each list differs from the one before");
  assert.equal(await interrupt(), 130);
});

test("queues --watch --json says one object for the whole list when it has changed", async (t) => {
  const { app, path } = await given(t, parts, { work: { concurrency: 4 } });
  const { stream, text } = piped();
  const { interrupt } = watching(t, path, stream, "queues", "--json");
  await until(() => text().endsWith("\n"));
  await app.start(mailFlow, { count: 10 }, { id: "october" });
  await until(() => /"queue":"mail","workers":1,"slots":4,"waiting":0,"inFlight":1/.test(text()));
  assert.equal(await interrupt(), 130);
  const lists = text()
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  for (const { schema, of, at, rows } of lists)
    assert.deepEqual(
      [schema, of, at, (rows as readonly { schema: string; queue: string }[]).map(queueOf)],
      [
        "fanfold.list/1",
        "queues",
        "yyyy-mm-ddThh:mmZ",
        ["fanfold.queue/1 default", "fanfold.queue/1 mail"],
      ],
    );
  assert.ok(lists.length > 1);
});

test("failures --watch says what a redrive leaves; a selection of them cannot be watched", async (t) => {
  const { app, path } = await given(t, parts, { work: { concurrency: 4 } });
  const run = await app.start(mailFlow, { count: 8 }, { id: "october" });
  await until(async () => (await run.status()).state === "held");
  const { stream, text } = piped();
  const { interrupt } = watching(t, path, stream, "failures", "october");
  await until(() => /^ {2}2 +1 +invoices +customer-has-no-address /m.test(text()));
  await run.skip("they moved", { signature: "customer-has-no-address" });
  await until(() => / {2}2 of 8 of invoices failed \(25 %\)/.test(text()));
  assert.equal(await interrupt(), 130);
  const [, , last = ""] = text().split(/^ {2}hh:mm$/m);
  assert.doesNotMatch(last, /customer-has-no-address/);
  for (const more of [["--group", "1"], ["--keys"]]) {
    const about = ["--app", "know-app.ts", "--url", `sqlite:${path}`];
    const { code, stderr } = await fanfold("failures", "october", "--watch", ...more, ...about);
    assert.equal(code, 2);
    assert.match(
      stderr,
      /--watch is of the list: not with --group or --keys\n {4}fanfold failures october --watch/,
    );
  }
});

const queueOf = ({ schema, queue }: { schema: string; queue: string }): string =>
  `${schema} ${queue}`;

test("on a terminal at most eight lines are repainted, and the whole list stays at the end", async (t) => {
  const { app, path } = opened(t, parts);
  const ids = Array.from({ length: 12 }, (_, n) => `run-${String(n).padStart(2, "0")}`);
  for (const id of ids) await inItsOwnMs(() => app.start(mailFlow, { count: 1 }, { id }));
  await until(async () => (await app.runs()).length === 12);
  const terminal = screen(100, 40);
  const { interrupt } = watching(t, path, terminal, "runs");
  await until(() => terminal.rowsShown().length > liveLines);
  const shown = terminal.rowsShown().filter((line) => line !== "");
  assert.equal(shown.length, liveLines);
  assert.equal(shown.at(-1), "  … 6 more lines; all of them:   fanfold runs");
  assert.equal(await interrupt(), 130);
  const left = terminal.rowsShown().filter((line) => line !== "");
  assert.deepEqual(
    left.slice(1).map((line) => line.trim().split(" ")[0]),
    ids.toReversed(),
  );
});

test("an empty list says what to do, once; and only the list of schedules can be watched", async (t) => {
  const { path } = await given(t, parts);
  const { stream, text } = piped();
  const { interrupt } = watching(t, path, stream, "schedules");
  await until(() => text() !== "");
  assert.equal(await interrupt(), 130);
  assert.equal(text(), "  hh:mm\n");
  const { code, stderr } = await fanfold(
    ..."schedules fire month-end --watch --app know-app.ts --url".split(" "),
    `sqlite:${path}`,
  );
  assert.equal(code, 2);
  assert.match(stderr, /--watch is of the list: there is none of fire/);
});
