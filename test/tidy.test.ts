/** The house rules that a machine can keep. Each is a table with reasons, and a red test with a sentence in it. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { test } from "node:test";

const root = join(import.meta.dirname, "..");

/** What .gitignore names, and git itself. */
const ignored = new Set([".git", "node_modules", "dist", "tmp", ".fanfold"]);

/** Every file below a folder of the project, as a path from the root with forward slashes. */
function filesIn(folder: string): readonly string[] {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { withFileTypes: true })
    .filter((entry) => !ignored.has(entry.name))
    .flatMap((entry) => {
      const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
      return entry.isDirectory() ? filesIn(path) : [path];
    });
}

const isTypeScript = (file: string): boolean => file.endsWith(".ts");
const isTest = (file: string): boolean => /\.(test|types)\.ts$/.test(file);
const textOf = (file: string): string => readFileSync(join(root, file), "utf8");

/** The text without its comments, line by line where it was: a rule about code is not about prose. */
function codeOf(file: string): string {
  return textOf(file)
    .replaceAll(/\/\*[\s\S]*?\*\//g, (comment) => comment.replaceAll(/[^\n]/g, ""))
    .replaceAll(/(?<![:"'`\\])\/\/.*$/gm, "");
}

/** `file:line: found` for every match, to click on. */
function matches(file: string, text: string, pattern: RegExp): readonly string[] {
  return [...text.matchAll(pattern)].map((match) => {
    const line = text.slice(0, match.index).split("\n").length;
    return `${file}:${line}: ${match[0].trim()}`;
  });
}

/** True when a file is this one, with its ending or without, or lies below it; both are paths from src. */
const isUnder = (file: string, path: string): boolean =>
  file === path || file.startsWith(`${path}/`) || file.startsWith(`${path}.`);

const typescript = ["src", "test", "examples", "bench", "torture", "mutation"]
  .flatMap(filesIn)
  .filter(isTypeScript);
/** What ships; the templates are the text of files that `fanfold init` writes, and obey their own rules. */
const sources = typescript.filter(
  (file) => file.startsWith("src/") && !isTest(file) && !file.startsWith("src/cli/templates/"),
);
const inSrc = (file: string): string => relative("src", file);

/** The row a file belongs to: its folder in src, or its own name; app.ts and app/ are one. */
const homeOf = (file: string): string => inSrc(file).split("/")[0]?.replace(/\.ts$/, "") ?? "";

const everything = ["*"];

/**
 * Who may import whom: the architecture, as data. A folder may always import itself, a test anything.
 * Each row says why; a new arrow is a new reason, in the same commit.
 */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  errors: [], // everyone needs it
  core: ["errors"], // must run anywhere, be replayed, be tested in microseconds
  define: ["core", "errors"], // a definition is data, checkable before anything runs
  ports: ["core"], // words, not deeds
  views: ["core", "ports/views"], // a projection is a pure function too; its rows are the port's words
  roles: ["core", "define", "ports", "views", "errors"], // must not know which engine they run on
  engines: ["core", "ports", "views/runs", "errors"], // must not know who calls them; the order of rows is said once
  contract: ["core", "ports", "errors"], // judged by promises only
  check: [], // judges the product from the raw store: what it shared with it, both could have wrong
  // The other host; at the end of a world, what is left of it is read by the checker, like a file.
  sim: [
    "core",
    "define",
    "ports",
    "views",
    "roles",
    "engines",
    "webhooks",
    "contract",
    "check",
    "errors",
  ],
  // Tells other programs: a role like others, with a folder of its own because it is the one that calls strangers.
  webhooks: ["core", "define", "ports", "roles", "errors"],
  // What a user holds in hand. It brings the real clock, and opens the door for its own worker processes.
  app: [
    "core",
    "define",
    "ports",
    "views",
    "roles",
    "webhooks",
    "engines/open",
    "engines/system",
    "api/server",
    "api/health",
    "api/for-others",
    "errors",
  ],
  api: ["core", "views", "ports", "errors"], // carries ports over HTTP; app opens it, so it does not know app
  web: ["api/schema"], // types only: nothing of ours runs in the browser
  cli: everything, // the composition root
  index: everything, // a door, to re-export
  testing: everything, // a door, to re-export
  opentelemetry: ["core", "define", "roles/tracing"], // a door: adapts one library to what roles ask of it
  pg: ["app/within"], // a door; what it adapts are types of others, so it imports none of them
};

/** A library is imported in one folder, so that leaving it is one folder's work. Doors may re-export its types. */
const libraries: Readonly<Record<string, readonly string[]>> = {
  "@standard-schema/spec": ["define"],
  commander: ["cli"],
  croner: ["define"],
  "csv-stringify": ["cli"],
  hono: ["api"],
  "@hono/node-server": ["api"],
  pg: ["engines/postgres", "check"], // the checker judges the engine, so it asks the database itself
  "@opentelemetry/api": ["opentelemetry"],
};

/** import … from "x", export … from "x", import "x" and import("x"). */
const anyImport = /^(?:import|export)\s(?:[^"`;=]*?\sfrom\s)?"([^"]+)"|\bimport\(\s*"([^"]+)"/gm;

const importsOf = (file: string): readonly string[] =>
  [...codeOf(file).matchAll(anyImport)].map((match) => match[1] ?? match[2] ?? "");

test("tidy: imports follow the table of who may import whom", () => {
  const wrong: string[] = [];
  for (const file of sources) {
    const home = homeOf(file);
    const allowed = mayImport[home];
    if (allowed === undefined) {
      wrong.push(`${file}: ${home} has no row in mayImport (test/tidy.test.ts)`);
      continue;
    }
    for (const path of importsOf(file).filter((name) => name.startsWith("."))) {
      const target = inSrc(join(dirname(file), path));
      const isAllowed =
        isUnder(target, home) || allowed.some((to) => to === "*" || isUnder(target, to));
      if (!isAllowed) wrong.push(`${file} -> ${target}: ${home} may import ${allowed.join(", ")}`);
    }
  }
  assert.deepEqual(wrong, []);
});

test("tidy: a library is imported in its one folder, and every one is in the table", () => {
  const wrong: string[] = [];
  for (const file of sources) {
    const home = homeOf(file);
    for (const name of importsOf(file)) {
      if (name.startsWith(".") || name.startsWith("node:")) continue;
      const parts = name.split("/");
      const library = parts.slice(0, name.startsWith("@") ? 2 : 1).join("/");
      const homes = libraries[library];
      if (homes === undefined) wrong.push(`${file} -> ${name}: not in the table of libraries`);
      else if (
        !homes.some((to) => isUnder(inSrc(file), to)) &&
        home !== "index" &&
        home !== "testing"
      )
        wrong.push(`${file} -> ${name}: only ${homes.join(", ")} may import it`);
    }
  }
  assert.deepEqual(wrong, []);
});

/** Ways to ask for time or chance, which come from the engine's system.ts or from the simulator. */
const timeAndChance: Readonly<Record<string, RegExp>> = {
  "the time": /\bDate\.now\b|\bnew Date\(\s*\)|\bperformance\.now\b|\bhrtime\b/g,
  "a timer": /\bset(?:Timeout|Interval|Immediate)\b|\bAbortSignal\.timeout\b|"node:timers/g,
  chance: /\bMath\.random\b|\brandom(?:UUID|Bytes|Int)\b|\bgetRandomValues\b/g,
};

type Exception = { readonly path: string; readonly what: readonly string[]; readonly why: string };

/** Who may have them all the same. Paths from src; each with the reason a reviewer accepted. */
const mayAskItself: readonly Exception[] = [
  {
    path: "engines/system",
    what: ["the time", "a timer", "chance"],
    why: "the real clock and chance",
  },
  {
    path: "contract",
    what: ["a timer"],
    why: "its virtual clock yields to the event loop as the real one does",
  },
  { path: "sim", what: ["the time", "a timer", "chance"], why: "the other clock and chance" },
  {
    path: "roles/lease-keeper-thread",
    what: ["a timer"],
    why: "runs in a thread of its own, so that a blocked event loop loses no lease; no decision depends on it",
  },
  {
    path: "define/unique",
    what: ["chance"],
    why: "the caller asks for an id before anything runs; from then on the id is data",
  },
  {
    path: "engines/http",
    what: ["a timer"],
    why: "AbortSignal.timeout bounds a fetch; a late answer is an UnavailableError, never a decision",
  },
  {
    path: "api",
    what: ["a timer"],
    why: "keeps event streams open and bounds the wait for a client; answers carry the engine's time",
  },
  {
    path: "api/event-stream",
    what: ["the time"],
    why: "how long nothing was said to a browser; nothing is decided on it",
  },
  {
    path: "app/processes",
    what: ["a timer"],
    why: "starts and kills processes of the operating system, which know no virtual clock",
  },
  {
    path: "cli",
    what: ["the time", "a timer"],
    why: "repaints a terminal; the composition root, nothing it measures is decided on",
  },
];

test("tidy: time and chance come from engines/system.ts or the simulator only", () => {
  const wrong: string[] = [];
  for (const file of sources) {
    const granted = mayAskItself
      .filter(({ path }) => isUnder(inSrc(file), path))
      .flatMap(({ what }) => what);
    for (const [what, pattern] of Object.entries(timeAndChance)) {
      if (!granted.includes(what)) wrong.push(...matches(file, codeOf(file), pattern));
    }
  }
  assert.deepEqual(wrong, []);
});

test("tidy: core is pure: no node:*, no promise, nothing that depends on the locale", () => {
  const impure =
    /"node:[^"]*"|\basync (?:function\b|\(|\w+ =>|\w+\()|\bawait [\w(]|\bPromise[.<(]|\blocaleCompare\b|\bIntl\.|\btoLocale\w+/g;
  const wrong = sources
    .filter((file) => file.startsWith("src/core/"))
    .flatMap((file) => matches(file, codeOf(file), impure));
  assert.deepEqual(wrong, []);
});

test("tidy: nothing that the oldest Node cannot parse: `using` is for users", () => {
  const wrong = typescript
    .filter((file) => /^(?:src|test|examples)\//.test(file))
    .flatMap((file) => matches(file, codeOf(file), /^\s*(?:await )?using \w+ =.*$/gm));
  assert.deepEqual(wrong, []);
});

test("tidy: what ships imports no test runner and no assert module", () => {
  const mayTest = ["testing", "contract", "sim"];
  const wrong = sources
    .filter((file) => !mayTest.some((path) => isUnder(inSrc(file), path)))
    .flatMap((file) => matches(file, codeOf(file), /"node:(?:test|assert)[^"]*"/g));
  assert.deepEqual(wrong, []);
});

test("tidy: every numbered promise of a port has a contract test of that number, and the reverse", (t) => {
  const contract = sources.filter((file) => file.startsWith("src/contract/"));
  if (contract.length === 0) {
    t.skip("src/contract does not exist yet: no promise of a port is tested");
    return;
  }
  const numbersIn = (files: readonly string[], pattern: RegExp): readonly string[] => [
    ...new Set(
      files.flatMap((file) => [...textOf(file).matchAll(pattern)].map((match) => match[1] ?? "")),
    ),
  ];
  const ports = sources.filter((file) => file.startsWith("src/ports/"));
  const promised = numbersIn(ports, /^ \* {1,2}([A-Z]\d+) {2}/gm);
  const tested = numbersIn(contract, /\(\s*["'`]([A-Z]\d+)\b/g);
  assert.ok(promised.length > 0, "no port has a numbered promise: has their notation changed?");
  assert.deepEqual(
    {
      untested: promised.filter((number) => !tested.includes(number)),
      unpromised: tested.filter((number) => !promised.includes(number)),
    },
    { untested: [], unpromised: [] },
  );
});

test("tidy: every error code and class is in docs/reference/errors.md", () => {
  const errors = textOf("src/errors.ts");
  const page = textOf("docs/reference/errors.md");
  const codes = [...errors.matchAll(/^\s+\| "([a-z-]+)"/gm)].map((match) => match[1] ?? "");
  const classes = [...errors.matchAll(/^export class (\w+)/gm)].map((match) => match[1] ?? "");
  assert.ok(codes.length > 0, "no error code found: has the notation of ErrorCode changed?");
  assert.deepEqual(
    [...codes, ...classes].filter((name) => !page.includes(`\`${name}\``)),
    [],
  );
});

test("tidy: no file of code is longer than 400 lines", () => {
  const wrong = typescript
    .map((file) => ({ file, lines: textOf(file).trimEnd().split("\n").length }))
    .filter(({ lines }) => lines > 400);
  assert.deepEqual(wrong, []);
});

test("tidy: folders are the words of the field: no utils, common, helpers, types, interfaces", () => {
  const dust = /\/(?:utils?|common|helpers?|types|interfaces)\//;
  assert.deepEqual(
    typescript.filter((file) => dust.test(file)),
    [],
  );
});

test("tidy: no barrels: a door names what it lets out", () => {
  const wrong = sources.flatMap((file) => matches(file, codeOf(file), /^export \*/gm));
  assert.deepEqual(wrong, []);
});

test("tidy: a suppression names its rule and gives the reason on the same line", () => {
  const silent =
    /(?:ox|es)lint-disable(?:-next-line|-line)?(?![\w-])(?! [\w/, -]+ -- \S).*|@ts-(?:ignore|nocheck).*/g;
  const wrong = typescript
    .filter((file) => file !== "test/tidy.test.ts")
    .flatMap((file) => matches(file, textOf(file), silent));
  assert.deepEqual(wrong, []);
});

const isText = (file: string): boolean =>
  /\.(?:ts|js|mjs|json|jsonc|md|yml|yaml|html|css|svg|sh|txt|sql)$|(?:^|\/)(?:run|LICENSE|\.\w+)$/.test(
    file,
  );

/** Written so that this file does not match itself. */
const notOurs =
  /(?<![\w.])\/(?:[w]ork|[f]arm)\/[\w.]+|\/[t]mp\/bash\w*|(?<!\w)\.[l]ibrary\b|\bregistry\.[\w-]+\.\w+/g;

test("tidy: no file names a path of one machine or the host of a registry", () => {
  const wrong = filesIn("")
    .filter(isText)
    .flatMap((file) => matches(file, textOf(file), notOurs));
  assert.deepEqual(wrong, []);
});

test("tidy: what is left to do has an issue number", () => {
  const loose = /\b(?:[T]ODO|[F]IXME|[X]XX|[H]ACK)\b(?! ?\(?#\d+).*/g;
  const wrong = filesIn("")
    .filter((file) => isText(file) && !file.endsWith(".md") && !file.endsWith(".json"))
    .flatMap((file) => matches(file, textOf(file), loose));
  assert.deepEqual(wrong, []);
});

type Lock = {
  readonly packages: Readonly<
    Record<
      string,
      {
        readonly resolved?: string;
        readonly optionalDependencies?: Readonly<Record<string, string>>;
      }
    >
  >;
};

test("tidy: the lock file knows the packages of every platform, so that npm ci passes on all", () => {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- npm wrote it, lockfileVersion 3
  const lock = JSON.parse(textOf("package-lock.json")) as Lock;
  const wrong: string[] = [];
  for (const [path, entry] of Object.entries(lock.packages)) {
    if (entry.resolved !== undefined) wrong.push(`${path} names a registry: see .npmrc`);
    for (const name of Object.keys(entry.optionalDependencies ?? {})) {
      const isKnown = [`node_modules/${name}`, `${path}/node_modules/${name}`].some(
        (place) => place in lock.packages,
      );
      if (!isKnown) wrong.push(`${path} wants ${name}: choose a version all of whose parts exist`);
    }
  }
  assert.deepEqual(wrong, []);
});
