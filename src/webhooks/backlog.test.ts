import assert from "node:assert/strict";
import { test } from "node:test";
import { ConflictError } from "../errors.ts";
import type { RunEvent } from "../core/run-event.ts";
import { backlog } from "./backlog.ts";
import { readPage, type Page } from "./kept.ts";

const eventAt = (offset: number): RunEvent => ({
  type: "run.ended",
  run: "r",
  state: "done",
  flow: "f",
  id: `e${offset}`,
  at: 1,
  partition: 0,
  offset,
});
const page = (...offsets: readonly number[]): Page => ({ at: 1, events: offsets.map(eventAt) });

/** Pages with two events each, at offsets 10n and 10n + 5. */
function given(pages: number) {
  const kept = new Map<string, string>();
  const load = async (key: string): Promise<string | undefined> => kept.get(key);
  const some = backlog([], load);
  for (let n = 0; n < pages; n += 1) kept.set(...some.add(page(10 * n, 10 * n + 5)));
  const again = () => backlog([...kept.values()].map(readPage), load);
  return { some, again, kept };
}

test("the page of any offset is found, also of many, and by who reads them later", async () => {
  const { some, again } = given(40);
  for (const pages of [some, again()]) {
    assert.equal(pages.count(), 80);
    for (const [from, first] of [
      [0, 0],
      [5, 0],
      [6, 10],
      [385, 380],
      [386, 390],
    ])
      assert.equal((await pages.pageFrom(from ?? 0))?.events[0]?.offset, first);
    assert.equal(await pages.pageFrom(396), undefined);
  }
});

test("pages go whose events all stand before an offset", async () => {
  const { some } = given(3);
  assert.deepEqual(some.removeBefore(15), ["page/0000000000000000"]);
  assert.deepEqual(some.removeBefore(15), []);
  assert.equal(some.count(), 4);
  assert.equal((await some.pageFrom(0))?.events[0]?.offset, 10);
});

test("a page that another process has used up is no damage: seeds 4103, 4737", async () => {
  const { again, kept } = given(1);
  const mine = again();
  kept.clear();
  await assert.rejects(mine.pageFrom(0), ConflictError);
});
