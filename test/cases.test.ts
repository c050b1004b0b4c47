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

function rowsOf(page: string, pattern: RegExp): readonly Row[] {
  return [...textOf(page).matchAll(pattern)].map(([, number = "", answer = ""]): Row => {
    const named = [...answer.matchAll(/`([^`]+\.ts)`: "(.+?)"(?=<br>|$)/g)];
    return { number, answer, tests: named.map(([, file = "", title = ""]) => ({ file, title })) };
  });
}

const rows = rowsOf("docs/internals/cases.md", /^\| (C\d\d) \| [^|]+ \| (.+) \|$/gm);
const bad = rowsOf("docs/internals/bad-input.md", /^\| (?!what |---)([^|]+) \| (.+) \|$/gm);

/** What makes a test of a title. */
const callers = String.raw`\b(?:test|promise|refused|testWith)\(\s*`;

/** The source of the tests with this title: from it to the next test, or the end. Templates stand there as they are written. */
function bodiesOf(file: string, title: string): readonly string[] {
  const text = textOf(file);
  const escaped = title.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
  return [...text.matchAll(new RegExp(`${callers}["\`]${escaped}["\`]`, "g"))].map(({ index }) => {
    const rest = text.slice(index);
    const next = 1 + rest.slice(1).search(/^(?:test|  promise|for)\b/m);
    return next === 0 ? rest : rest.slice(0, next);
  });
}

/** It would fail if what it says were not so; whoever calls `refused` has its helper judge. */
const isJudging = (body: string): boolean => /\bassert\b|\.expect\(|^refused\(/.test(body);

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
      tests.length === 0 && !/^(Cannot arise: |Not there yet: arises with ).{3,}\.$/.test(answer),
  );
  assert.deepEqual(without, []);
});

test("a name alone is no test: what asserts nothing is told", () => {
  assert.equal(isJudging(`test("C01", () => {});`), false);
  assert.equal(isJudging(`test("C01", () => { given([]).when(ok(1, 0)); });`), false);
  assert.equal(isJudging(`test("C01", () => { given([]).when(ok(1, 0)).expect({}); });`), true);
  assert.deepEqual(bodiesOf("test/cases.test.ts", "no such test"), []);
});

/** What is wrong with the tests that a row names. */
function wrongIn({ number, tests }: Row): readonly string[] {
  return tests.flatMap(({ file, title }) => {
    const bodies = bodiesOf(file, title);
    return [
      ...(bodies.length === 0 ? [`${number}: no test of ${file} is called "${title}"`] : []),
      ...(bodies.every(isJudging) ? [] : [`${number}: "${title}" asserts nothing`]),
      ...(bodies.some((body) => /\b(?:skip|todo): true/.test(body))
        ? [`${number}: "${title}" is skipped`]
        : []),
    ];
  });
}

test("every test that is named is there, with the number of its case in its title", () => {
  const numberless = rows.flatMap(({ number, tests }) =>
    tests
      .filter(({ title }) => !title.includes(number))
      .map(({ title }) => `${number}: its number is not in "${title}"`),
  );
  assert.deepEqual([...rows.flatMap(wrongIn), ...numberless], []);
});

test("every kind of bad input and every fault has a test, and each that is named is there", () => {
  assert.ok(bad.length >= 28, `${bad.length} rows: has the page's notation changed?`);
  assert.deepEqual(
    bad.filter(({ tests }) => tests.length === 0),
    [],
  );
  assert.deepEqual(bad.flatMap(wrongIn), []);
});

test("every test with the number of a case in its title is named in its row", () => {
  const wrong: string[] = [];
  const files = ["src/**/*.test.ts", "src/contract/*.ts", "test/**/*.test.ts"].flatMap((pattern) =>
    globSync(pattern, { cwd: root, exclude: ["test/cases.test.ts"] }),
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
