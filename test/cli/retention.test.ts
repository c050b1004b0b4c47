/** What the command line says of runs that retention has taken away, or may have, and doctor of the retention itself. */
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { encode } from "../../src/core/event.ts";
import { sqliteEngine } from "../../src/engines/sqlite/engine.ts";
import { openFile } from "../../src/engines/sqlite/file.ts";
import { systemClock } from "../../src/engines/system.ts";
import { given } from "../app/given.ts";
import { fanfold, timeless } from "./given.ts";
import { parts as knowParts } from "./know-app.ts";
import { parts } from "./retention-app.ts";

/** A file from which retention has removed a run; ten days are too long for a test, so the record of it is written here. */
async function removedFrom(t: TestContext): Promise<string> {
  const { app, path } = await given(t, parts);
  await app.close();
  const clock = systemClock();
  const file = openFile(path, { name: "test", since: clock.now() });
  const engine = sqliteEngine(file, { clock, onFatal: assert.ifError });
  const removal = { type: "run.removed", run: "october", flow: "mail", by: 0 } as const;
  await engine.log.append(0, [encode(removal)]);
  await engine.close();
  return path;
}

test("a run that was removed is said to be, one that may have been too, and one that never can is missing", async (t) => {
  const path = await removedFrom(t);
  const show = async (run: string, file = "retention-app.ts") => {
    const { code, stderr } = await fanfold("show", run, "--app", file, "--url", `sqlite:${path}`);
    assert.equal(code, 2);
    return timeless(stderr).split("\n")[1];
  };
  assert.equal(
    await show("october"),
    '  ✗ run "october" of mail is not there any more: it was removed on yyyy-mm-ddThh:mmZ, because its retention was over',
  );
  assert.equal(
    await show("november"),
    '  ✗ there is no run "november", or none any more (mail keeps its runs for a time only)',
  );
  assert.equal(
    await show("november", "know-app.ts"),
    '  ✗ there is no run "november", nor any other',
  );
});

test("doctor says what retention keeps, and when the last removal was", async (t) => {
  const path = await removedFrom(t);
  const said = async (url: string, file: string) => {
    const { stdout } = await fanfold("doctor", "--app", file, "--url", url);
    return timeless(stdout)
      .split("\n")
      .find((line) => line.includes("retention"));
  };
  assert.equal(
    await said(`sqlite:${path}`, "retention-app.ts"),
    '  ✓  retention   mail 10 d 00 h after their end; the last removal hh:mm ("october")',
  );
  const { path: other } = await given(t, knowParts);
  assert.equal(
    await said(`sqlite:${other}`, "know-app.ts"),
    "  ✓  retention   every run is kept for ever: no flow or job has one",
  );
});
