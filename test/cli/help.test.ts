/** Help that teaches: every command has examples, and they are right. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { Command } from "commander";
import { starter } from "../../src/cli/commands/init.ts";
import { verbs as hintable } from "../../src/cli/called.ts";
import { exitMeanings } from "../../src/cli/exit.ts";
import { commands } from "../../src/cli/program.ts";
import { topics } from "../../src/cli/topics.ts";
import { fanfold, ioTo } from "./given.ts";

/** The whole of the command line, and nothing of what it does: the commands only take their words. */
function silent(): Command {
  const program = commands(ioTo(), () => undefined);
  for (const command of program.commands) command.action(() => undefined);
  return program;
}

const verbs = silent().commands.map((command) => command.name());

/** The words of the first `fanfold …` in a line, as a shell has them; what stands far behind is said to people. */
function wordsIn(line: string): readonly string[] | undefined {
  const [, from] = /(?:^|\| |&& |\$\(|in 0\) )fanfold (.*)/.exec(line.trim()) ?? [];
  if (from === undefined) return undefined;
  const words: string[] = [];
  for (const [found, single, double] of from.matchAll(
    / {3,}|'([^']*)'|"([^"]*)"|&&|[|>;)]|[^\s'"|>;)]+/g,
  )) {
    if (/^( {3,}|&&|[|>;)])/.test(found)) break;
    words.push(single ?? double ?? found);
  }
  return words;
}

const pages = Object.entries(topics).map(([name, { text }]) => [`help ${name}`, text] as const);

async function helpOf(...verb: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await fanfold(...verb, "--help");
  assert.deepEqual([code, stderr], [0, ""]);
  return stdout;
}

for (const verb of verbs)
  test(`fanfold ${verb} --help has examples, and each of them is understood`, async () => {
    const text = await helpOf(verb);
    const [, after = ""] = /^Examples:\n([\s\S]*)/m.exec(text) ?? [];
    const examples = after
      .split("\n")
      .map(wordsIn)
      .filter((words) => words !== undefined);
    assert.ok(examples.length > 0, `no example in:\n${text}`);
    assert.ok(
      examples.some(([first]) => first === verb),
      "none of them is of this command",
    );
    for (const words of examples) understands(words);
    assert.equal((await fanfold("help", verb)).stdout, text);
  });

test("a hint may name every command there is", () => {
  assert.deepEqual(hintable, verbs);
});

function understands(words: readonly string[]): void {
  try {
    silent().parse([...words], { from: "user" });
  } catch (error) {
    assert.fail(`fanfold ${words.join(" ")}: ${String(error)}`);
  }
}

test("the scripts that init writes are commands that there are: dev works, start starts", () => {
  const { scripts } = JSON.parse(starter("my-app", "zod")["package.json"] ?? "") as {
    readonly scripts: Readonly<Record<string, string>>;
  };
  assert.deepEqual(Object.keys(scripts), ["dev", "start", "worker", "test"]);
  for (const [name, script] of Object.entries(scripts).filter(([name]) => name !== "test")) {
    const words = wordsIn(script.replaceAll(/"(\{.*?\})"/g, "'$1'")) ?? [];
    assert.equal(words[0], name);
    understands(words);
  }
});

test("an example that is wrong is seen", () => {
  for (const line of ["  fanfold runs --stat held", "  fanfold shw x", "  x | fanfold show     a"])
    assert.throws(() => understands(wordsIn(line) ?? []), /fanfold/);
  assert.deepEqual(wordsIn("  fanfold runs --since 7d     the week"), ["runs", "--since", "7d"]);
});

test("what is shown of fanfold in its own help and in its topics is understood", async () => {
  for (const [name, text] of [["fanfold", await helpOf()] as const, ...pages]) {
    const examples = text
      .split("\n")
      .map(wordsIn)
      .filter((words) => words !== undefined);
    assert.ok(examples.length > 0, name);
    for (const words of examples.filter(([first]) => !/^<|^…/.test(first ?? "")))
      understands(words);
  }
});

test("help knows topics; one that is none names those there are", async () => {
  const { code, stdout } = await fanfold("help", "exit-codes");
  assert.equal(code, 0);
  for (const [exit, meaning] of Object.entries(exitMeanings))
    assert.ok(stdout.includes(`${exit.padStart(3)}   ${meaning}\n`), meaning);
  assert.deepEqual(await fanfold("help", "constructor"), {
    code: 2,
    stdout: "",
    stderr: `  ✗ there is no command and no topic "constructor"; topics are ${Object.keys(topics).join(", ")}\n    fanfold --help\n`,
  });
  assert.equal((await fanfold("help")).stdout, await helpOf());
});

const page = readFileSync(join(import.meta.dirname, "../../docs/reference/cli.md"), "utf8");

test("cli.md has every command, with every option, and no other", async () => {
  const listed = verbs.filter((verb) => verb !== "help");
  const sections = page.split(/^## /m).slice(1);
  assert.deepEqual(
    sections.map((section) => section.split("\n")[0]),
    ["fanfold", ...listed],
  );
  const options = (text: string): readonly string[] =>
    [...text.matchAll(/^ {2}(?:-\w, )?(--[a-z-]+)/gm)].map(([, option = ""]) => option);
  const said = await Promise.all([helpOf(), ...listed.map((verb) => helpOf(verb))]);
  assert.deepEqual(sections.map(options), said.map(options));
});

test("cli.md lists the exit codes as help does", () => {
  const rows = [...page.matchAll(/^\| (\d+) \| (.*) \|$/gm)].map(([, code, text]) => [code, text]);
  assert.deepEqual(rows, Object.entries(exitMeanings));
});
