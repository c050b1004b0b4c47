/** docs/internals/cases.md says which test holds which case: every case has an answer, and every test it names is there. */
import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

const root = join(import.meta.dirname, "..");
const textOf = (file: string): string => readFileSync(join(root, file), "utf8");

type Row = {
  readonly number: string;
  readonly answer: string;
  readonly tests: readonly { readonly file: string; readonly title: string }[];
};

const rows = [
  ...textOf("docs/internals/cases.md").matchAll(/^\| (C\d\d) \| [^|]+ \| (.+) \|$/gm),
].map(([, number = "", answer = ""]): Row => {
  const named = [...answer.matchAll(/`([^`]+\.ts)`: "(.+?)"(?=<br>|$)/g)];
  return { number, answer, tests: named.map(([, file = "", title = ""]) => ({ file, title })) };
});

/** Titles as they stand in the sources; one that is made of parts stands there as a template. */
const has = (file: string, title: string): boolean =>
  [`"${title}"`, `\`${title}\``].some((quoted) => textOf(file).includes(quoted));

test("every case has one row, in order", () => {
  const all = Array.from({ length: 82 }, (_, n) => `C${`${n + 1}`.padStart(2, "0")}`);
  assert.deepEqual(
    rows.map(({ number }) => number),
    all,
  );
});

test("every case has a test, or a sentence that says why it has none", () => {
  const without = rows.filter(
    ({ answer, tests }) =>
      tests.length === 0 && !/^(Cannot arise: |Not there yet: arises with )\S/.test(answer),
  );
  assert.deepEqual(without, []);
});

test("every test that is named is there, with the number of its case in its title", () => {
  const wrong: string[] = [];
  for (const { number, tests } of rows)
    for (const { file, title } of tests) {
      if (!has(file, title)) wrong.push(`${number}: no test of ${file} is called "${title}"`);
      if (!title.includes(number)) wrong.push(`${number}: its number is not in "${title}"`);
    }
  assert.deepEqual(wrong, []);
});

test("every test with the number of a case in its title is named in its row", () => {
  const wrong: string[] = [];
  const files = ["src/**/*.test.ts", "src/contract/*.ts", "test/**/*.test.ts"].flatMap((pattern) =>
    globSync(pattern, { cwd: root }),
  );
  for (const file of files)
    for (const [, , title = ""] of textOf(file).matchAll(
      /\b(?:test|promise|refused)\(\s*(["`])((?:(?!\1).)*\bC\d\d\b(?:(?!\1).)*)\1/g,
    ))
      for (const [number] of title.matchAll(/\bC\d\d\b/g)) {
        const row = rows.find((row) => row.number === number);
        if (row?.tests.some((one) => one.title === title) !== true)
          wrong.push(`${number}: docs/internals/cases.md does not name "${title}" (${file})`);
      }
  assert.deepEqual(wrong, []);
});
