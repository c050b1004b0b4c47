/** check of an app against the runs under way, and which of the two checks is meant: the whole output. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { given } from "../app/given.ts";
import { until } from "../until.ts";
import { fanfold } from "./given.ts";
import { evilFlow, mailFlow, parts } from "./know-app.ts";

test("check: which runs under way do not fit the app, against its own connection or another", async (t) => {
  const { app, path } = await given(t, parts, { work: { concurrency: 4 } });
  for (const id of ["october", "november"]) await app.start(mailFlow, { count: 8 }, { id });
  await app.start(evilFlow, {}, { id: "evil" });
  const isHeld = async (): Promise<boolean> =>
    (await app.runs()).filter(({ state }) => state === "held").length === 3;
  await until(isHeld);
  const said = (file: string, ...args: readonly string[]) =>
    fanfold("check", ...args, "--app", file);
  const against = ["--against", `sqlite:${path}`];

  const changed = await said("fit-app.ts", ...against);
  assert.equal(changed.code, 9);
  assert.deepEqual(changed.stdout.replace(/(?:octo|novem)ber/, "october").split("\n"), [
    "  ✓ evils   1 run under way fits, with 1 input looked at",
    '  ✗ mail   2 runs are at step "invoices", which this program no longer has',
    "      keep the step until they are over",
    "      one of them:   fanfold show october",
    "",
  ]);
  const same = await said("know-app.ts", "--url", `sqlite:${path}`);
  assert.deepEqual(
    [same.code, same.stdout.split("\n")],
    [
      0,
      [
        "  ✓ evils   1 run under way fits, with 1 input looked at",
        "  ✓ mail   2 runs under way fit, with 2 inputs looked at",
        "",
      ],
    ],
  );
  const json = JSON.parse((await said("fit-app.ts", ...against, "--json")).stdout) as object;
  assert.deepEqual(json, {
    schema: "fanfold.fit/1",
    url: `sqlite:${path} (read only)`,
    isFit: false,
    flows: [
      { flow: "evils", runs: 1, inputs: 1, items: 0, misfits: [] },
      {
        flow: "mail",
        runs: 2,
        inputs: 2,
        items: 0,
        misfits: [
          {
            of: "step",
            step: "invoices",
            isFatal: true,
            runs: 2,
            run: (json as { flows: { misfits: { run: string }[] }[] }).flows[1]?.misfits[0]?.run,
            because: '2 runs are at step "invoices", which this program no longer has',
            next: "keep the step until they are over",
          },
        ],
      },
    ],
  });
});

test("check says what it was not told clearly: which of the two, a file that is not there, nothing under way", async (t) => {
  const { path } = await given(t, parts);
  const url = `sqlite:${path}`;
  const said = (...args: readonly string[]) => fanfold("check", ...args, "--app", "know-app.ts");
  const both = await said(url, "--against", url);
  assert.equal(both.code, 2);
  assert.match(
    both.stderr,
    /a store \(<url>\), or whether runs fit this app \(--against\): say one/,
  );
  const witness = await said("--witness", "x");
  assert.match(witness.stderr, /--witness is of a store: name one/);
  const none = await said("--against", `sqlite:${path}-none`);
  assert.equal(none.code, 2);
  assert.match(none.stderr, /there is no file .*-none/);
  const idle = await said("--against", url);
  assert.equal(idle.code, 0);
  assert.match(idle.stderr, /no runs are under way: whatever the app says fits/);
});
