/** What people read is what there is: code in the pages is cut from files that run, lists in them are complete, links lead somewhere. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { limits } from "../src/core/limits.ts";

const root = join(import.meta.dirname, "..");
const textOf = (file: string): string => readFileSync(join(root, file), "utf8");

const pages = [
  "README.md",
  "CONTRIBUTING.md",
  ...readdirSync(join(root, "docs"), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".md"))
    .map((file) => `docs/${file.replaceAll("\\", "/")}`),
];

/** A fenced block; ```ts examples/01-hello.ts says which file it is cut from. */
type Block = { readonly page: string; readonly file: string; readonly code: string };

const blocks = pages.flatMap((page): readonly Block[] =>
  [...textOf(page).matchAll(/^```ts (\S+)\n([\s\S]*?)^```$/gm)].map(([, file = "", code = ""]) => ({
    page,
    file,
    code,
  })),
);

/** As somebody writes it who has installed the package: the one thing that differs in the repository. */
const asInstalled = (file: string): string =>
  textOf(file).replaceAll(/from "(?:\.\.\/)+src\/index\.ts"/g, 'from "fanfold"');

test("the README's program is examples/01-hello.ts, at most 25 lines of it", () => {
  const program = asInstalled("examples/01-hello.ts");
  assert.equal(blocks.find(({ page }) => page === "README.md")?.code, program);
  assert.ok(program.trimEnd().split("\n").length <= 25);
});

test("every block of code that names a file is cut from it, and the file is one that runs", () => {
  assert.ok(blocks.length > 0, "no block names its file: has the notation changed?");
  const wrong = blocks.filter(
    ({ file, code }) => !file.startsWith("examples/") || !asInstalled(file).includes(code),
  );
  assert.deepEqual(
    wrong.map(({ page, file, code }) => `${page}: not in ${file}:\n${code}`),
    [],
  );
});

test("the README's terminal shows lines that its program prints, and loses nothing to the kill", () => {
  const [, screen = ""] = /^```console\n([\s\S]*?)^```$/m.exec(textOf("README.md")) ?? [];
  const [, before = "", after = ""] = screen.split("$ node examples/01-hello.ts\n");
  const counts = (text: string): readonly number[] =>
    [...text.matchAll(/^(?:running|done) (\d+)$/gm)].map(([, done]) => Number(done));
  assert.match(before, /^Killed/m);
  assert.ok((counts(before).at(-1) ?? Infinity) <= (counts(after)[0] ?? -1), screen);
  assert.match(after, /^done 1000\n\{ sent: 1000, cents: 1490500 \}\n$/m); // As test/examples.test.ts.
});

test("every link in the pages leads to a file", () => {
  const wrong: string[] = [];
  for (const page of pages)
    for (const [, link = ""] of textOf(page).matchAll(/\]\((?!https?:|#)([^)#\s]+)[^)]*\)/g))
      if (!existsSync(join(root, dirname(page), link))) wrong.push(`${page}: ${link}`);
  assert.deepEqual(wrong, []);
});

test("every page of docs is linked from another", () => {
  const linked = new Set(
    ["CHANGELOG.md", ...pages].flatMap((page) =>
      [...textOf(page).matchAll(/\]\((?!https?:|#)([^)#\s]+)/g)].map(([, link = ""]) =>
        join(dirname(page), link),
      ),
    ),
  );
  const lost = pages.filter(
    (page) => page.startsWith("docs/") && !page.startsWith("docs/adr/") && !linked.has(page),
  );
  assert.deepEqual(lost, []);
});

test("limits.md has every limit with its value and its reason, and no other", () => {
  const source = textOf("src/core/limits.ts");
  const expected = Object.entries(limits).map(([name, value]) => {
    const [, reason = ""] = new RegExp(`/\\*\\* (.+) \\*/\\n {2}${name}:`).exec(source) ?? [];
    return `| \`${name}\` | ${value.toLocaleString("en-GB")} | ${reason} |`;
  });
  const rows = textOf("docs/reference/limits.md")
    .split("\n")
    .filter((line) => line.startsWith("| `"));
  assert.deepEqual(rows, expected);
});

test("api.md names everything that the door lets out", () => {
  const door = textOf("src/index.ts");
  const names = [...door.matchAll(/^export (?:type )?\{([^}]*)\}/gm)].flatMap(([, list = ""]) =>
    list.split(",").map((name) => name.trim()),
  );
  const page = textOf("docs/reference/api.md");
  assert.deepEqual(
    names.filter((name) => name !== "" && !new RegExp(`\`${name}\\b`).test(page)),
    [],
  );
});

test("everything that the door lets out has a docstring where it is declared: an editor shows it", () => {
  const silent: string[] = [];
  for (const [, list = "", file = ""] of textOf("src/index.ts").matchAll(
    /^export (?:type )?\{([^}]*)\} from "\.\/([^"]+)"/gm,
  )) {
    const source = textOf(`src/${file}`);
    for (const name of list.split(",").map((one) => one.trim().replace(/^type /, "")))
      if (
        new RegExp(
          `(?<!\\*/)\\nexport (?:async )?(?:function\\*?|const|type|interface|class) ${name}\\b`,
        ).test(source)
      )
        silent.push(`${name} in ${file}`);
  }
  assert.deepEqual(
    silent.filter((one) => !one.startsWith(" ")),
    [],
  );
});
