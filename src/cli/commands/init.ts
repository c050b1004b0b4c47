import { existsSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { basename, dirname, join, relative, resolve } from "node:path";

import { Command } from "commander";

import type { Act } from "../context.ts";
import { exitCodes } from "../exit.ts";
import { usage } from "../failure.ts";
import { fit } from "../format.ts";
import * as options from "../options.ts";
import type { SchemaLibrary } from "../options.ts";
import { faint, span, strong, symbols } from "../style.ts";
import { appFile } from "../templates/app.ts";
import { invoicesFile } from "../templates/invoices.ts";
import { packageFile } from "../templates/package.ts";
import { testFile } from "../templates/test.ts";
import { tsconfigFile } from "../templates/tsconfig.ts";
import { version } from "../version.ts";

type InitOptions = { readonly schema: SchemaLibrary };

export function initCommand(act: (act: Act<InitOptions>) => () => Promise<void>): Command {
  return new Command("init")
    .summary("write an app of a few files to begin with")
    .description(
      "Writes app.ts, invoices.ts, invoices.test.ts, package.json and tsconfig.json. Overwrites nothing.",
    )
    .argument("[dir]", "where to (default: here)")
    .option(
      "--schema <library>",
      options.schemaLibrary.words.join(", "),
      options.schemaLibrary,
      "zod",
    )
    .addHelpText(
      "after",
      "\nExamples:\n  fanfold init invoices && cd invoices && npm install && npm run dev",
    )
    .action(act(init));
}

/** The files, by name. */
export function starter(
  name: string,
  schema: SchemaLibrary,
  fanfold = `^${version()}`,
): Readonly<Record<string, string>> {
  return {
    "app.ts": appFile(name),
    "invoices.ts": invoicesFile(schema),
    "invoices.test.ts": testFile(),
    "package.json": packageFile(name, schema, fanfold),
    "tsconfig.json": tsconfigFile(),
  };
}

const init: Act<InitOptions> = async ({ cwd, talk, data }, { schema }, dir = ".") => {
  const folder = resolve(cwd, dir);
  const files = starter(nameOf(folder), schema, await sourceAround(cwd, folder));
  const there = Object.keys(files).filter((name) => existsSync(join(folder, name)));
  if (there.length > 0)
    throw usage(
      `${relative(cwd, folder) || "this folder"} has ${there.join(", ")} already; nothing was written`,
      "fanfold init invoices",
    );
  await mkdir(folder, { recursive: true }).catch((cause: unknown) => {
    const why = cause instanceof Error && "code" in cause ? String(cause.code) : String(cause);
    throw usage(`${fit(dir, 60)} cannot be made (${why})`, "fanfold init invoices", cause);
  });
  for (const [name, text] of Object.entries(files)) {
    await writeFile(join(folder, name), text, { flag: "wx" });
    data.say([join(dir, name)]);
  }
  const path = relative(cwd, folder);
  talk.say(
    [],
    [
      "  ",
      span("ok", symbols.done),
      " now:   ",
      strong([...(path === "" ? [] : [`cd ${path}`]), "npm install", "npm run dev"].join(" && ")),
    ],
    ["    and, in another terminal:   ", strong("npm start")],
    [faint("    then edit `over` in invoices.ts to point at your data, and   npm test")],
  );
  return exitCodes.ok;
};

/** Where the project around installs fanfold from: a packed one must be found from the new folder, too. */
async function sourceAround(cwd: string, folder: string): Promise<string | undefined> {
  const file = join(cwd, "package.json");
  if (!existsSync(file))
    return dirname(cwd) === cwd ? undefined : sourceAround(dirname(cwd), folder);
  const project: unknown = await readFile(file, "utf8")
    .then(JSON.parse)
    .catch(() => undefined);
  const source = ["dependencies", "devDependencies"]
    .map((kind) => field(field(project, kind), "fanfold"))
    .find((found) => typeof found === "string");
  return source?.replace(
    /^file:(.*)/,
    (_, path: string) => `file:${relative(folder, resolve(cwd, path))}`,
  );
}

function field(record: unknown, name: string): unknown {
  return typeof record === "object" && record !== null ? Reflect.get(record, name) : undefined;
}

/** A folder's name as npm takes it. */
function nameOf(folder: string): string {
  const name = basename(folder)
    .toLowerCase()
    .replaceAll(/[^a-z0-9-]+/g, "-")
    .replaceAll(/^-+|-+$/g, "");
  return name === "" || name === "fanfold" ? "my-app" : name.slice(0, 64);
}
