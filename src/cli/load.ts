/** Finds the app: its file, and the connection that is used instead of the file's own. */
import { existsSync } from "node:fs";
import { relative, resolve } from "node:path";
import { pathToFileURL } from "node:url";

import { app as define } from "../app/app.ts";
import type { App, AppDefinition } from "../app/app.ts";
import { ownerVariable, tokenVariable } from "../app/processes.ts";
import { maskUrl, openEngine } from "../engines/open.ts";
import { NotFoundError } from "../errors.ts";
import type { Owner } from "../engines/sqlite/owner.ts";
import type { Context, GlobalOptions } from "./context.ts";
import { codeOf } from "./exit.ts";
import { usage } from "./failure.ts";
import { given } from "./options.ts";
import { faint, strong } from "./style.ts";

const names = ["app.ts", "app.mts", "app.js", "app.mjs", "src/app.ts", "src/app.js"];

export type Opened = {
  readonly app: App;
  /** As given or as the app says it, with its secrets; undefined where neither does. */
  readonly url: string | undefined;
  /** For people: secrets masked. */
  readonly connection: string;
  /** This process keeps the data itself: if it does not work, nobody does. */
  readonly isEmbedded: boolean;
};

/**
 * Loads the app and says which connection it has, in the first line of stderr.
 *
 * A file that another process owns is asked through that process, if it answers others. Throws UsageError.
 */
export async function open(context: Context, options: GlobalOptions): Promise<Opened> {
  const { loaded, asked, known, source } = await find(context, options);
  const owner = await ownerElsewhere(known);
  const url = owner?.url ?? asked;
  const app = url === undefined ? loaded : elsewhere(loaded, { url });
  const through = owner?.url === undefined ? "" : `through its owner, process ${owner.pid}`;
  greet(context, app, source, through);
  return { app, url: known, connection: source, isEmbedded: isEmbedded(url ?? known) };
}

/**
 * The same, to look only: a file is read beside its owner, and does not get one. Where there is none, none is made: there is nothing in it.
 *
 * Throws NotFoundError where somebody would wait for news of it.
 */
export async function openToRead(
  context: Context,
  options: GlobalOptions & { readonly watch?: boolean },
): Promise<Opened> {
  const { loaded, known, source } = await find(context, options);
  const path = known === undefined ? undefined : filePath(known);
  if (path === undefined) return open(context, options);
  if (!existsSync(path)) {
    if (options.watch === true) throw noFile(path, "fanfold start --help");
    greet(context, loaded, source, "(there is no such file yet)");
    return {
      app: elsewhere(loaded, { url: "memory:" }),
      url: known,
      connection: source,
      isEmbedded: true,
    };
  }
  const { readOnlySqlite } = await import("../engines/sqlite/read-only.ts");
  const app = elsewhere(loaded, { engine: readOnlySqlite(path) });
  greet(context, app, source, "");
  return { app, url: known, connection: source, isEmbedded: true };
}

/**
 * The same, to judge it from outside: whatever the engine, this process neither decides nor works there, also if nobody else does.
 *
 * Throws NotFoundError where there is no such file: it is not made by looking for it.
 */
export async function openAside(context: Context, options: GlobalOptions): Promise<Opened> {
  const { loaded, known, source } = await find(context, options);
  const path = known === undefined ? undefined : filePath(known);
  if (path !== undefined && !existsSync(path)) throw noFile(path, "fanfold doctor");
  if (path !== undefined || known === undefined) return openToRead(context, options);
  const token = context.env[tokenVariable];
  const { shares: _, ...engine } = await openEngine(known, { name: loaded.name, token });
  greet(context, loaded, source, "");
  const app = elsewhere(loaded, { engine: { ...engine, manages: false } });
  return { app, url: known, connection: source, isEmbedded: false };
}

function noFile(path: string, next: string): NotFoundError {
  return new NotFoundError(`there is no file ${path}`, { details: { next } });
}

/** The same app with another connection: what else its file says of it stays as it is. */
export function elsewhere(
  { definition }: App,
  changes: Partial<Pick<AppDefinition, "url" | "engine" | "schedules">>,
): App {
  const { engine, url, ...rest } = definition;
  const isMoved = changes.url !== undefined || changes.engine !== undefined;
  return define({ ...rest, ...(isMoved ? {} : given({ engine, url })), ...changes });
}

export type Found = {
  readonly loaded: App;
  /** --url or FANFOLD_URL. */
  readonly asked: string | undefined;
  /** That, or what the app says of itself. */
  readonly known: string | undefined;
  /** For people: the connection, or the file that decides it. */
  readonly source: string;
};

/** The app as its file makes it. Throws UsageError. */
export async function find(
  context: Pick<Context, "cwd" | "env">,
  options: GlobalOptions,
): Promise<Found> {
  const file = appFile(context.cwd, options.app);
  const asked = urlOf(context, options);
  // Before the import: files read FANFOLD_URL where they call app().
  if (asked !== undefined) context.env["FANFOLD_URL"] = asked;
  const loaded = await load(file, context.cwd);
  const known = asked ?? ownUrl(loaded);
  const source = known === undefined ? relative(context.cwd, file.path) : maskUrl(known);
  return { loaded, asked, known, source };
}

function greet({ talk, env }: Context, { name }: App, source: string, through: string): void {
  if (isChild(env)) return;
  talk.say(["  ", strong(name), faint(`   ${[source, through].join("   ")}`)]);
}

/** One of the processes of `worker --processes`: its owner does the talking. */
export function isChild(env: Context["env"]): boolean {
  return env[ownerVariable] !== undefined;
}

/** The path of a file-keeping URL; undefined of every other. */
export function filePath(url: string): string | undefined {
  const [, path] = /^sqlite:([^?]+)/.exec(url) ?? [];
  return path === undefined || path === ":memory:" ? undefined : path;
}

async function ownerElsewhere(url: string | undefined): Promise<Owner | undefined> {
  const path = url === undefined ? undefined : filePath(url);
  if (path === undefined || !existsSync(path)) return undefined;
  const { ownerOf } = await import("../engines/sqlite/owner.ts");
  return ownerOf(path);
}

/** --url, FANFOLD_URL, or nothing: then the app file decides. */
export function urlOf(context: Pick<Context, "env">, options: GlobalOptions): string | undefined {
  const url = options.url ?? context.env["FANFOLD_URL"];
  return url === undefined || url.trim() === "" ? undefined : url.trim();
}

function ownUrl(app: App): string | undefined {
  const url: unknown = Reflect.get(app, "url");
  return typeof url === "string" ? url : undefined;
}

/** No scheme but SQLite's keeps its data in this very process. */
export function isEmbedded(url: string | undefined): boolean {
  return url === undefined || /^(sqlite|memory|file):/.test(url) || !url.includes("://");
}

type AppFile = { readonly path: string; readonly wanted: string | undefined };

/** `app.ts`, `./billing/app.ts`, `app.ts#billing`; without one, the usual names. */
function appFile(cwd: string, given: string | undefined): AppFile {
  const [name = "", wanted] = (given ?? "").split("#");
  const candidates = name === "" ? names : [name];
  const path = candidates.map((one) => resolve(cwd, one)).find((one) => existsSync(one));
  if (path !== undefined) return { path, wanted };
  throw name === ""
    ? usage(
        `no app found: there is no ${names.slice(0, 3).join(", ")} … in ${cwd}`,
        "fanfold init     to get one, or   fanfold demo     to look first",
      )
    : usage(`no app found: there is no file ${name}`, "fanfold init     writes one");
}

async function load({ path, wanted }: AppFile, cwd: string): Promise<App> {
  const shown = relative(cwd, path) || path;
  const module = await importFile(path, shown);
  const apps = Object.entries(module).filter((entry): entry is [string, App] => isApp(entry[1]));
  const distinct = apps.filter(([, one], i) => apps.findIndex(([, other]) => other === one) === i);
  const chosen = wanted === undefined ? distinct : apps.filter(([name]) => name === wanted);
  const [first, second] = chosen;
  if (first !== undefined && second === undefined) return first[1];
  const exported = apps.map(([name]) => name).join(", ");
  if (first !== undefined)
    throw usage(
      `${shown} exports several apps: ${exported}`,
      `--app '${shown}#${first[0]}'     names one of them`,
    );
  throw usage(
    exported === ""
      ? `${shown} exports no app; expected  export const billing = app({ name, parts })`
      : `${shown} exports no app called "${wanted}", but ${exported}`,
    "fanfold init example     writes one that works",
  );
}

function isApp(value: unknown): value is App {
  return typeof value === "object" && value !== null && Reflect.get(value, "kind") === "app";
}

async function importFile(path: string, shown: string): Promise<Readonly<Record<string, unknown>>> {
  try {
    const module: unknown = await import(pathToFileURL(path).href);
    return Object.fromEntries(Object.entries(module ?? {}));
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const frame = error instanceof Error ? place(error) : "";
    throw usage(
      `${shown} could not be loaded: ${message}${frame === "" ? "" : `\n${frame}`}`,
      codeOf(error) === "ERR_MODULE_NOT_FOUND"
        ? "npm install"
        : `node ${shown}     shows the whole error`,
      error,
    );
  }
}

/** The first frame that is neither Node's nor ours, or the place that a syntax error begins with: where in the user's files it happened. */
function place(error: Error): string {
  const frames = (error.stack ?? "").match(/^(?:\s+at .*file:.*|file:.*:\d+)$/gm) ?? [];
  const frame = frames.find((one) => !one.includes(ours));
  return frame === undefined ? "" : frame.trim().replace(/file:\/\//, "");
}

const ours = new URL("..", import.meta.url).href;
