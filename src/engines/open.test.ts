import assert from "node:assert/strict";
import { test } from "node:test";
import { UsageError } from "../errors.ts";
import { maskUrl, openEngine } from "./open.ts";

for (const [url, partitions] of [
  ["memory:", 1],
  ["memory:?partitions=4", 4],
  ["sqlite::memory:", 1],
  ["sqlite::memory:?partitions=4", 4],
] as const)
  test(`${url} opens an engine with ${partitions} partitions`, async () => {
    const engine = await openEngine(url);
    assert.equal(engine.partitions, partitions);
    assert.equal(engine.name, url.split("?")[0]);
    assert.equal(await engine.log.append(partitions - 1, ["a"]), 0);
    await engine.close();
  });

test("another URL is refused with those that are known", async () => {
  for (const url of ["redis://u:hunter2@host", "dev.db", "", "./a:b"])
    await assert.rejects(openEngine(url), (error) => {
      assert.ok(error instanceof UsageError);
      assert.match(error.message, /knows sqlite:path, sqlite::memory:, memory:, http/);
      assert.doesNotMatch(error.message, /hunter2/);
      return true;
    });
});

test("what a URL cannot mean is refused", async () => {
  for (const url of [
    "sqlite:",
    "memory:dev.db",
    "memory:?partitions=0",
    "memory:?partitions=9999",
    "sqlite::memory:?partitions=many",
    "sqlite::memory:?partitons=4",
  ])
    await assert.rejects(openEngine(url), UsageError, url);
});

test("secrets are masked", () => {
  assert.equal(maskUrl("postgres://ann:secret@host/db"), "postgres://ann:***@host/db");
  assert.equal(maskUrl("http://:secret@host"), "http://:***@host");
  assert.equal(maskUrl("http://host/?a=1&api_token=x&b=2"), "http://host/?a=1&api_token=***&b=2");
  assert.equal(maskUrl("sqlite:.fanfold/dev.db"), "sqlite:.fanfold/dev.db");
});
