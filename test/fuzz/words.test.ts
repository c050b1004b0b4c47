/** Durations, tolerances, ids, names, keys, JSON of people, URLs of engines: whatever is typed is a value or is refused in our words. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { InvalidArgumentError } from "commander";
import * as fc from "fast-check";
import { parseInput } from "../../src/cli/input.ts";
import * as options from "../../src/cli/options.ts";
import { checkKey, checkName, checkRunId, keys, partitionOf } from "../../src/core/ids.ts";
import { durationMs, positiveMs, tolerance, type Duration } from "../../src/define/duration.ts";
import { plainJson, store } from "../../src/define/json.ts";
import { maskUrl, openEngine } from "../../src/engines/open.ts";
import {
  assertUnpolluted,
  eventualValueOrRefusal,
  nearly,
  runs,
  strange,
  valueOrRefusal,
} from "./given.ts";

const folder = mkdtempSync(join(tmpdir(), "fanfold-fuzz-"));
after(() => rmSync(folder, { recursive: true, force: true }));

/** Text, or what somebody without a compiler hands over. */
const anything = (...good: readonly string[]): fc.Arbitrary<unknown> =>
  fc.oneof({ weight: 4, arbitrary: nearly(...good) }, { weight: 1, arbitrary: strange });

test("a duration is whole ms, never below zero or beyond ten years, or it is refused", () => {
  fc.assert(
    fc.property(anything("500ms", "90s", "1.5h", "3650d", "0s"), (text) => {
      for (const read of [durationMs, positiveMs]) {
        const ms = valueOrRefusal(() => read(text as Duration, "x"), "usage");
        if (ms === undefined) continue;
        assert.ok(Number.isSafeInteger(ms) && ms >= 0 && ms <= 3_650 * 86_400_000, `${ms}`);
      }
    }),
    runs(3_000),
  );
});

test("a tolerance is a count or a share, or it is refused", () => {
  fc.assert(
    fc.property(anything("1%", "0.5%", "100%", "3"), (value) => {
      const read = valueOrRefusal(() => tolerance(value as number, "x"), "usage");
      if (read === undefined) return;
      const n = "count" in read ? read.count : read.percent;
      assert.ok(n >= 0 && ("count" in read ? Number.isSafeInteger(n) : n <= 100));
    }),
    runs(3_000),
  );
});

test("an id, a name and a key are taken as they are, or refused; what is taken cannot reach another's records", () => {
  fc.assert(
    fc.property(anything("october", "a@b:c", "step-1", "k1"), (text) => {
      const id = valueOrRefusal(() => checkRunId(text), "usage");
      const name = valueOrRefusal(() => checkName(text, "name"), "usage");
      const key = valueOrRefusal(() => checkKey(text), "usage");
      for (const taken of [id, name, key]) assert.ok(taken === undefined || taken === text);
      if (id === undefined) return;
      assert.equal(keys.run(id).split("/").length, 2);
      assert.equal(encodeURIComponent(decodeURIComponent(id)).length >= id.length, true);
      assert.ok(partitionOf(id, 7) >= 0 && partitionOf(id, 7) < 7);
    }),
    runs(3_000),
  );
});

test("any value is stored as JSON that comes back the same, or it is refused", () => {
  fc.assert(
    fc.property(
      fc.anything({
        withBigInt: true,
        withDate: true,
        withMap: true,
        withSet: true,
        withNullPrototype: true,
        withSparseArray: true,
        withTypedArray: true,
      }),
      (value) => {
        // prettier-ignore
        const text = valueOrRefusal(() => store(value, "result"), "usage");
        if (text === undefined) return;
        const back: unknown = JSON.parse(text);
        assert.equal(JSON.stringify(back), text);
        valueOrRefusal(() => plainJson(back, "result"));
      },
    ),
    runs(3_000),
  );
  assertUnpolluted();
});

test("the input of a run is JSON, or the refusal says where it is not", () => {
  fc.assert(
    fc.property(nearly('{"month":"2026-10","n":[1,2,{"a":null}]}', '"x"', "[1,2"), (text) => {
      valueOrRefusal(() => parseInput(text, "input", "fanfold start"), "usage");
    }),
    runs(2_000),
  );
  assertUnpolluted();
});

/** Commander's error is what its options throw; it names the option. */
function optionOrRefusal<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    assert.ok(error instanceof InvalidArgumentError, String(error));
    return undefined;
  }
}

test("every option of the command line is read, or refused with what was expected", () => {
  const texts = nearly("10", "1%", "90m", "2026-11-21T16:00", "held,running", "high", "a=b", "a,b");
  fc.assert(
    fc.property(texts, (text) => {
      const n = optionOrRefusal(() => options.wholeNumber(1, 400_000)(text));
      assert.ok(n === undefined || (Number.isSafeInteger(n) && n >= 1 && n <= 400_000));
      const percent = optionOrRefusal(() => options.share(text));
      assert.ok(percent === undefined || (percent >= 0 && percent <= 100));
      optionOrRefusal(() => options.duration(text));
      const when = optionOrRefusal(() => options.durationOrDate(text));
      if (typeof when === "string") valueOrRefusal(() => durationMs(when, "--since"), "usage");
      else assert.ok(when === undefined || Number.isFinite(when.getTime()));
      for (const read of [
        options.priority,
        options.runStates,
        options.ifExists,
        options.schemaLibrary,
        options.list,
      ])
        // prettier-ignore
        optionOrRefusal(() => read(text));
      const tags = optionOrRefusal(() => options.tag(text, { a: "b" }));
      assert.ok(tags === undefined || Object.getPrototypeOf(tags) === Object.prototype);
    }),
    runs(2_000),
  );
  assertUnpolluted();
});

/** Where nothing outside of the folder can be opened, and nothing outside of this machine be asked. */
function isHarmless(url: string): boolean {
  if (/^https?:/i.test(url)) return URL.canParse(url) && new URL(url).port === "1";
  const path = url.replace(/^[a-z]+:/i, "");
  return !path.startsWith("/") && !path.includes("..") && !path.includes("\0");
}

test("a URL opens an engine, or is refused; what is shown of it has no secret", async () => {
  const before = process.cwd();
  process.chdir(folder);
  const urls = nearly("memory:", "memory:?partitions=3", "sqlite::memory:", "sqlite:a.db?partitions=2", "sqlite:b.db", "http://127.0.0.1:1", "http://u:p@localhost:1/x?token=s"); // prettier-ignore
  try {
    await fc.assert(
      fc.asyncProperty(urls.filter(isHarmless), async (url) => {
        const engine = await eventualValueOrRefusal(
          () => openEngine(url),
          "usage",
          "conflict",
          "corrupt",
          "unavailable",
        );
        if (engine !== undefined) {
          assert.ok(engine.partitions >= 1 && engine.partitions <= 1_024);
          await engine.close();
        }
        assert.doesNotThrow(() => maskUrl(url));
      }),
      runs(300),
    );
  } finally {
    process.chdir(before);
  }
  assert.equal(maskUrl("http://u:secret@h?token=secret&x=1"), "http://u:***@h?token=***&x=1");
});
