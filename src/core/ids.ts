/** Names of things: which are allowed, where a run lives, under which keys the manager keeps it, and how two inputs differ. */
import { UsageError } from "../errors.ts";
import type { Json } from "./event.ts";
import { hashOf } from "./hash.ts";
import { limits } from "./limits.ts";

const idPattern = /^[A-Za-z0-9][A-Za-z0-9._:@+-]*$/;
const namePattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const shownLength = 60;

/** The id, if it can be a run's; typed by people, part of URLs and of store keys. Throws UsageError. */
export function checkRunId(id: unknown): string {
  if (typeof id === "string" && id.length <= limits.idLength && idPattern.test(id)) return id;
  throw new UsageError(
    `id of a run must be 1 to ${limits.idLength} letters, digits or any of ". _ : @ + -", beginning with a letter or digit, got ${shown(id)}`,
  );
}

/** The name, if it can be one of a flow, step, job or queue; `what` says which in the message. Throws UsageError. */
export function checkName(name: unknown, what: string): string {
  if (typeof name === "string" && namePattern.test(name)) return name;
  throw new UsageError(
    `${what} must be 1 to 64 letters, digits, dots, dashes or underscores, beginning with a letter or digit, got ${shown(name)}`,
  );
}

/** The key, if it can be a sub-job's: any text that every engine can store. Throws UsageError. */
export function checkKey(key: unknown): string {
  if (typeof key === "string" && key.length > limits.keyLength)
    throw new UsageError(
      `key of a sub-job must be a text of 1 to ${limits.keyLength} characters, got ${shown(key)} of ${key.length}: make it shorter, for example a hash of it`,
    );
  if (typeof key !== "string" || key.length === 0)
    throw new UsageError(
      `key of a sub-job must be a text of 1 to ${limits.keyLength} characters, got ${shown(key)}`,
    );
  if (key.includes("\0") || !key.isWellFormed())
    throw new UsageError(
      `key of a sub-job must have no NUL and no half of a surrogate pair, which not every engine can store, got ${shown(key)}`,
    );
  return key;
}

const tickPattern = /^([A-Za-z0-9][A-Za-z0-9._-]{0,63})@\d{4}-\d\d-\d\dT\d\d:\d\d/;

/** The schedule that a run is of, by its id: `month-end@2026-11-01T02:00+01:00`. It lives where its schedule does. */
export function scheduleOf(run: string): string | undefined {
  return run.includes("@") ? tickPattern.exec(run)?.[1] : undefined;
}

/** How the flow is called by which a job runs that was sent by itself: no flow that somebody wrote has a colon. */
export const sentPrefix = "job:";

/** How a limit that jobs share is called among throttles: no job has a colon. */
export const limitPrefix = "limit:";

/** Where the run lives: from 0 to partitions - 1, the same for ever. */
export function partitionOf(run: string, partitions: number): number {
  return hashOf(scheduleOf(run) ?? run).h1 % partitions;
}

/** Of records that come by number, so that the order of keys is that of numbers. */
const padded = (n: number): string => `${n}`.padStart(8, "0");

/**
 * Under which keys a partition's state stands in the store. One kind of record, one beginning; no id or name has a slash.
 *
 *   partition                    what concerns no single run: the workers
 *   tokens                       what is left of rates (throttle.ts)
 *   key/<limit>/<hash>           the same of one key of a limit per key (keyed.ts)
 *   pauses                       what people have paused (pauses.ts)
 *   schedule/<name>              a schedule
 *   live/<run>                   there is one for every run that has not ended
 *   run/<run>                    the run
 *   step/<run>/<step>            a step's counters
 *   page/<run>/<step>/<n>        states of its sub-jobs, and directory/… where their items are
 *   edits/<run>/<step>           where corrected items stand (edits.ts)
 *   limit-keys/<run>/<step>/<n>  hashes of their keys, where their job is limited by key
 *   index/<run>/<step>/…         its keys (key-index.ts)
 *   reader/<name>                how far a reader has read, and reader/<name>/… what it keeps
 */
export const keys = {
  partition: "partition",
  pauses: "pauses",
  tokens: "tokens",
  schedule: (name: string): string => `${prefixes.schedule}${name}`,
  live: (run: string): string => `${prefixes.live}${run}`,
  run: (run: string): string => `${prefixes.run}${run}`,
  step: (run: string, step: string): string => `${prefixes.steps(run)}${step}`,
  page: (run: string, step: string, n: number): string =>
    `${prefixes.pages(run, step)}${padded(n)}`,
  directory: (run: string, step: string, n: number): string =>
    `${prefixes.directory(run, step)}${padded(n)}`,
  edits: (run: string, step: string): string => `edits/${run}/${step}`,
  limitKeys: (run: string, step: string, n: number): string =>
    `${prefixes.limitKeys(run, step)}${padded(n)}`,
  key: (limit: string, hash: number): string => `${prefixes.keys(limit)}${hash}`,
  /** Where the rows of a key index begin; the prefix that `keyIndex` and `lookupPrefixes` want. */
  index: (run: string, step: string): string => `index/${run}/${step}/`,
  reader: (name: string, key?: string): string =>
    key === undefined ? `reader/${name}` : `reader/${name}/${key}`,
} as const;

/** What to scan for all records of a kind. */
export const prefixes = {
  live: "live/",
  schedule: "schedule/",
  run: "run/",
  step: "step/",
  steps: (run: string): string => `step/${run}/`,
  pages: (run: string, step: string): string => `page/${run}/${step}/`,
  directory: (run: string, step: string): string => `directory/${run}/${step}/`,
  /** All that belongs to a run besides its own record. */
  ofRun: (run: string): readonly string[] =>
    ["index", "page", "directory", "limit-keys", "edits", "step"].map((kind) => `${kind}/${run}/`),
  limitKeys: (run: string, step: string): string => `limit-keys/${run}/${step}/`,
  allKeys: "key/",
  keys: (limit: string): string => `${prefixes.allKeys}${limit}/`,
} as const;

/** undefined: one of the two has nothing there. */
export type Difference = {
  /** "month", "lines[2].price", or "" where the whole differs. */
  readonly path: string;
  readonly a: Json | undefined;
  readonly b: Json | undefined;
};

/** Where two values differ first, in the order of a; undefined if they are equal, whatever the order of their objects' keys. */
export function firstDifference(a: Json, b: Json): Difference | undefined {
  const open: Difference[] = [{ path: "", a, b }]; // Not recursive: inputs may be nested deeper than the stack.
  for (let pair = open.pop(); pair !== undefined; pair = open.pop()) {
    if (pair.a === pair.b) continue;
    const inner =
      isBranch(pair.a) && isBranch(pair.b) ? within(pair.path, pair.a, pair.b) : undefined;
    if (inner === undefined) return pair;
    open.push(...inner.toReversed());
  }
  return undefined;
}

/** In words, after "exists": `with month "2026-09" (yours: "2026-10")`. */
export function differenceText({ path, a, b }: Difference): string {
  const where = path === "" ? "input" : path;
  if (a === undefined) return `without ${where} (yours: ${shown(b)})`;
  return `with ${where} ${shown(a)} (yours${b === undefined ? " has none" : `: ${shown(b)}`})`;
}

type Branch = readonly Json[] | { readonly [key: string]: Json };

function isBranch(value: Json | undefined): value is Branch {
  return typeof value === "object" && value !== null;
}

/** The pairs to compare next; undefined if one is a list and the other is not. */
function within(path: string, a: Branch, b: Branch): readonly Difference[] | undefined {
  const isList = Array.isArray(a);
  if (isList !== Array.isArray(b)) return undefined;
  const left = new Map(Object.entries(a)); // Own properties only, "__proto__" included.
  const right = new Map(Object.entries(b));
  const dot = path === "" ? "" : ".";
  return [...new Set([...left.keys(), ...right.keys()])].map((key) => ({
    path: isList ? `${path}[${key}]` : `${path}${dot}${key}`,
    a: left.get(key),
    b: right.get(key),
  }));
}

/** For messages: as JSON, short; of what has none (cyclic, nested too deep, a function) only what it is. */
function shown(value: unknown): string {
  if (!["string", "number", "boolean", "object"].includes(typeof value)) return typeof value;
  const start = typeof value === "string" ? value.slice(0, shownLength + 1) : value;
  try {
    const json = JSON.stringify(start);
    return json.length > shownLength ? `${json.slice(0, shownLength).toWellFormed()}…` : json;
  } catch {
    return typeof value;
  }
}
