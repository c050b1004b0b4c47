import assert from "node:assert/strict";
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileOfWills } from "../../src/engines/sqlite/wills.ts";

const folder = mkdtempSync(join(tmpdir(), "fanfold-wills-"));
after(() => rmSync(folder, { recursive: true }));

const will = (n: number) => ({ partition: Math.abs(n % 2), text: `{"n":${n}}` });

/** What the next process finds when the one that has the file now is killed. */
function killed(file: string): { left: readonly object[]; exited: boolean } {
  const { left, exited, close } = fileOfWills(file);
  close();
  return { left, exited };
}

test("what was made and not revoked is left when the process vanishes", () => {
  const file = join(folder, "vanishes");
  const wills = fileOfWills(file);
  const [first, second] = [wills.make(will(1)), wills.make(will(2))];
  wills.make(will(3));
  wills.revoke(first);
  wills.revoke(first);
  assert.notEqual(first, second);
  assert.deepEqual(killed(file), { left: [will(2), will(3)], exited: false });
  assert.deepEqual(killed(file), { left: [], exited: false });
});

test("a line that was cut off says nothing, a last one says that the process ended by itself", () => {
  const file = join(folder, "cut");
  fileOfWills(file).make(will(1));
  const whole = readFileSync(file, "utf8");
  appendFileSync(file, whole.slice(0, -3));
  assert.deepEqual(killed(file), { left: [will(1)], exited: false });
  fileOfWills(file).make(will(2));
  appendFileSync(file, "!\n");
  assert.deepEqual(killed(file), { left: [will(2)], exited: true });
});

test("a line that the power cut has filled with something else says nothing", () => {
  const file = join(folder, "power");
  fileOfWills(file).make(will(1));
  appendFileSync(file, `+2 0 {"n":${"\0".repeat(20)}}\n+3 0 {"n"}\n+4 0 []\n\0\0\n`);
  assert.deepEqual(killed(file), { left: [will(1)], exited: false });
});

test("once forgiven, and after a close in good order, nothing is left", () => {
  const file = join(folder, "forgiven");
  const wills = fileOfWills(file);
  wills.make(will(1));
  wills.forgive();
  wills.revoke(wills.make(will(2)));
  assert.deepEqual(killed(file).left, []);
  const closed = fileOfWills(file);
  closed.make(will(3));
  closed.close();
  closed.close();
  assert.equal(existsSync(file), false);
});

test("the file stays small, however many wills were made", () => {
  const file = join(folder, "small");
  const wills = fileOfWills(file);
  wills.make(will(-1));
  for (let n = 0; n < 100_000; n += 1) wills.revoke(wills.make(will(n)));
  wills.make(will(-3));
  assert.ok(statSync(file).size < 1_100_000);
  assert.deepEqual(killed(file).left, [will(-1), will(-3)]);
});
