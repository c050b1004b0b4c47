/** The planted bugs follow the sources: whoever moves a line that one of them changes, moves it there, too. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { bugs } from "./bugs.ts";
import { lostTexts } from "./copy.ts";

test("every bug can be planted in the sources as they are", () => {
  assert.deepEqual(lostTexts(bugs), []);
});

test("a text that is not there, or not as often as it says, is told", () => {
  const edit = { file: "package.json", find: '"name"', replace: "", times: 1 };
  const bug = { name: "none", aimedAt: [], edits: [edit] };
  assert.deepEqual(lostTexts([bug]), []);
  assert.equal(lostTexts([{ ...bug, edits: [{ ...edit, times: 2 }] }]).length, 1);
  assert.equal(lostTexts([{ ...bug, edits: [{ ...edit, find: "no such text" }] }]).length, 1);
});

test("no two bugs have one name, and there are many", () => {
  assert.equal(new Set(bugs.map(({ name }) => name)).size, bugs.length);
  assert.ok(bugs.length >= 50, `there are ${bugs.length}`);
});
