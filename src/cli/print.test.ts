import assert from "node:assert/strict";
import { Writable } from "node:stream";
import { test } from "node:test";

import { liveLines, terminal } from "./print.ts";
import type { Stream } from "./print.ts";
import { screen } from "../../test/cli/screen.ts";
import { span } from "./style.ts";

const numbered = (n: number, word = "line"): [string][] =>
  Array.from({ length: n }, (_, i) => [`${word} ${i + 1}`]);

test("live lines are replaced where they are", () => {
  const tty = screen();
  const out = terminal(tty, {});
  out.say(["above"]);
  out.show(numbered(3, "old"));
  out.show(numbered(2, "new"));
  assert.deepEqual(tty.rowsShown(), ["above", "new 1", "new 2", ""]);
});

test("at most eight lines are live, whatever is asked for", () => {
  const tty = screen();
  terminal(tty, {}).show(numbered(20));
  assert.equal(tty.rowsShown().filter((row) => row !== "").length, liveLines);
});

test("on a terminal of four rows three lines are live, so that none scrolls out of reach", () => {
  const tty = screen(80, 4);
  const out = terminal(tty, {});
  out.show(numbered(6, "old"));
  out.show(numbered(6, "new"));
  assert.deepEqual(tty.rowsShown(), ["new 1", "new 2", "new 3", ""]);
});

test("what is said while lines are live goes above them and stays", () => {
  const tty = screen();
  const out = terminal(tty, {});
  out.show(numbered(2));
  out.say(["first"], ["second"]);
  out.show(numbered(1));
  assert.deepEqual(tty.rowsShown(), ["first", "second", "line 1", ""]);
});

test("removing the live lines leaves nothing of them", () => {
  const tty = screen();
  const out = terminal(tty, {});
  out.show(numbered(3));
  out.show([]);
  out.say(["end"]);
  assert.deepEqual(tty.rowsShown(), ["end", ""]);
});

test("a live line that is too wide is cut before the last column, and never wraps", () => {
  const tty = screen(20);
  const out = terminal(tty, {}, { color: true });
  out.show([[span("failed", "x".repeat(50)), "never seen"]]);
  assert.deepEqual(tty.rowsShown(), [`${"x".repeat(18)}…`, ""]);
});

test("what is said is never cut: a message, or a command to copy, wraps in the terminal", () => {
  const tty = screen(20);
  const out = terminal(tty, {});
  const [whole, ...rows] = [
    "a".repeat(40) + "b".repeat(5),
    "a".repeat(20),
    "a".repeat(20),
    "bbbbb",
  ];
  out.say([whole]);
  assert.deepEqual(tty.rowsShown(), [...rows, ""]);
  out.show([["l".repeat(19)], ["live"]]);
  out.say([whole], ["x".repeat(20)]);
  const above = [...rows, ...rows, "x".repeat(20)];
  assert.deepEqual(tty.rowsShown(), [...above, "l".repeat(19), "live", ""]);
  out.keep();
  out.say(["end"]);
  assert.deepEqual(tty.rowsShown(), [...above, "l".repeat(19), "live", "end", ""]);
});

test("after the terminal was made narrower, the wrapped lines are found and replaced", () => {
  const tty = screen(80);
  const out = terminal(tty, {});
  out.say(["above"]);
  out.show([["a".repeat(70)], ["b".repeat(30)]]);
  tty.resize(40);
  out.show([["a"], ["b"]]);
  assert.deepEqual(tty.rowsShown(), ["above", "a", "b", ""]);
});

test("what others write while lines are live goes above them, by whole lines", () => {
  const tty = screen();
  const out = terminal(tty, {}, {}, [tty]);
  out.show(numbered(2));
  tty.write("a job says ");
  tty.write(Buffer.from("hello\nand "));
  assert.deepEqual(tty.rowsShown(), ["a job says hello", "line 1", "line 2", ""]);
  out.show(numbered(1));
  out.show([]);
  out.say(["end"]);
  assert.deepEqual(tty.rowsShown(), ["a job says hello", "and", "end", ""]);
});

test("without a terminal there are lines, whole and without any control", () => {
  let written = "";
  const pipe: Stream = new Writable({
    write(chunk, _encoding, done) {
      written += String(chunk);
      done();
    },
  });
  const out = terminal(pipe, {});
  out.show(numbered(3));
  out.say([span("failed", "x".repeat(300))]);
  assert.equal(out.isLive, false);
  assert.equal(written, `${"x".repeat(300)}\n`);
});

test("CI, TERM=dumb and --plain want lines even on a terminal", () => {
  assert.equal(terminal(screen(), {}).isLive, true);
  assert.equal(terminal(screen(), { CI: "false" }).isLive, true);
  assert.equal(terminal(screen(), { CI: "true" }).isLive, false);
  assert.equal(terminal(screen(), { TERM: "dumb" }).isLive, false);
  assert.equal(terminal(screen(), {}, { plain: true }).isLive, false);
});

test("colour: --color and --no-color beat FORCE_COLOR, which beats NO_COLOR, which beats the terminal", () => {
  const colour = (env: Record<string, string>, wish?: boolean): boolean =>
    terminal(screen(), env, wish === undefined ? {} : { color: wish }).hasColour;
  assert.equal(colour({}), true);
  assert.equal(colour({ TERM: "dumb" }), false);
  assert.equal(colour({ NO_COLOR: "" }), true);
  assert.equal(colour({ NO_COLOR: "1" }), false);
  assert.equal(colour({ NO_COLOR: "1", FORCE_COLOR: "1" }), true);
  assert.equal(colour({ FORCE_COLOR: "0" }), false);
  assert.equal(colour({ NO_COLOR: "1" }, true), true);
  assert.equal(colour({ FORCE_COLOR: "1" }, false), false);
});
