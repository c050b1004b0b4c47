/**
 * What is kept of something thrown, and the name under which failures that look alike are counted together.
 *
 * A signature is typed by people (`redrive --group smtp-451`) and must not change between two failures of one cause, so it
 * is made of words: the code where the failure has one, else class and message without what differs from one sub-job
 * to the next. A bare hash would group as well and say nothing.
 *
 *   { name: "Error", message: "451 4.3.2 mailbox busy", code: "smtp-451" }     smtp-451
 *   { name: "FatalError", message: "customer c-00013 has no address" }         customer-has-no-address
 *   { name: "TypeError", message: "x.map is not a function" }                  type-error-x-map-is-not-a-function
 */
import { FanfoldError } from "../errors.ts";
import type { Failure } from "./event.ts";
import { hashOf } from "./hash.ts";
import { limits } from "./limits.ts";

const signatureLength = 80;
const nameLength = 100;
const frameLength = 300;
/** Of a message, what is looked at for its signature: what tells failures apart stands in front. */
const tellingLength = 1_000;
/** Causes of causes that are followed; a cycle ends there, too. */
const causes = 5;

/** Names that say no more than that something was thrown. */
const saysNothing: ReadonlySet<string> = new Set(["", "Error", "error", "FatalError", "Thrown"]);

/**
 * The name of the group that this failure belongs to: lower-case words and hyphens, 1 to 80 characters.
 *
 * A longer one is cut and ends in four hex digits of its hash. Line numbers play no part (the next release moves them);
 * the function does, but only where there is no message to go by.
 */
export function signatureOf(failure: Failure): string {
  const code = slug(failure.code ?? "");
  if (/^\d/.test(code))
    return cut(`${slug(kebab(failure.name).replace(/-?error$/, "")) || "error"}-${code}`);
  if (code !== "") return cut(code);
  const name = saysNothing.has(failure.name) ? "" : slug(kebab(failure.name));
  const words = slug(withoutParticulars(failure.message.slice(0, tellingLength)));
  const what = words === "" ? slug(failure.at?.replace(/[ (].*/s, "") ?? "") : words;
  return cut([name, what].filter((part) => part !== "").join("-") || "error");
}

/** In the order they are looked for: an address is part of a URL, a number part of everything. */
const particulars: readonly RegExp[] = [
  /\b[a-z][a-z\d+.-]*:\/\/[^\s"'<>)]+/gi, // URLs
  /[^\s@<>"'(:,]+@[^\s@<>"'(),;]+/g, // e-mail addresses
  /"[^"]*"|`[^`]*`|“[^”]*”|«[^»]*»/g, // what is quoted
  /(?<![\p{L}\p{N}])'[^']*'(?![\p{L}\p{N}])/gu, // likewise, but not the apostrophes of "can't" and "users'"
  /\b[a-z]:\\[^\s"'<>|]+/gi, // Windows paths
  /(?<![\p{L}\p{N}.~])[.~]*\/[^\s"'`:,;()<>]+/gu, // paths that start with a slash, a dot or a tilde
  /(?<![\w./-])[\w.-]+(?:\/[\w.-]+)*\/[\w-]+\.\w+/g, // a/b.c
  /(?<![\w.-])[\w-]+(?:\.[\w-]+)*\.(?:[a-z]{2}|com|net|org|edu|gov|info|dev|app|cloud|internal|local|example|test)(?![\w-])/g, // hosts
  /(?<![\p{L}\p{N}_-])[\p{L}_-]*\p{N}[\p{L}\p{N}_-]*/gu, // every word with a digit in it: numbers, ids, uuids
  /(?<![\p{L}\p{N}])[a-f]{8,}(?![\p{L}\p{N}])/giu, // hex that happens to have none
];

function withoutParticulars(message: string): string {
  return particulars.reduce((rest, particular) => rest.replace(particular, " "), message);
}

function slug(words: string): string {
  return words
    .toLowerCase()
    .replace(/(?<=\p{L})['’](?=\p{L})/gu, "")
    .replace(/[^\p{L}\p{N}]+/gu, "-")
    .replace(/^-|-$/g, "");
}

/** "SmtpError" becomes "smtp-error", "DOMException" "dom-exception". */
function kebab(name: string): string {
  return name.replace(/(?<=[a-z\d])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])/g, "-").toLowerCase();
}

function cut(whole: string): string {
  if (whole.length <= signatureLength) return whole;
  const hash = hashOf(whole).h1.toString(16).padStart(8, "0").slice(0, 4);
  const kept = whole
    .slice(0, signatureLength - 5)
    .toWellFormed()
    .replace(/-[^-]*$/, "");
  return `${kept}-${hash}`;
}

/**
 * What is kept of something thrown. Never throws, whatever was.
 *
 * The message is followed by those of its causes ("fetch failed: connect ECONNREFUSED …"). `code` is what tells most: an
 * SMTP reply (`smtp-451`), a code in words (`ENOENT`, `card_declined`), an HTTP status (`http-503`), a number. Errors of
 * ours carry none: theirs say what the engine does next, their message says what happened.
 */
export function failureOf(thrown: unknown): Failure {
  const chain = chainOf(thrown);
  const code = isOurs(thrown) ? undefined : chain.map(codeOf).find((one) => one !== undefined);
  const at = frameOf(thrown);
  return {
    name: storable(nameOf(thrown), nameLength),
    message: storable(messageOf(chain), limits.errorLength),
    ...(at === undefined ? {} : { at: storable(at, frameLength) }),
    ...(code === undefined ? {} : { code: storable(code, nameLength) }),
  };
}

/** A property of anything; undefined also where asking for it throws (getters, revoked proxies). */
function read(of: unknown, property: string): unknown {
  if ((typeof of !== "object" && typeof of !== "function") || of === null) return undefined;
  try {
    return Reflect.get(of, property);
  } catch {
    return undefined;
  }
}

function text(of: unknown, property: string): string | undefined {
  const value = read(of, property);
  return typeof value === "string" && value !== "" ? value : undefined;
}

function isOurs(thrown: unknown): boolean {
  try {
    return thrown instanceof FanfoldError;
  } catch {
    return false;
  }
}

/** What was thrown, its cause, and so on. The first of several counts as a cause: Node refuses connections that way. */
function chainOf(thrown: unknown): readonly unknown[] {
  const chain = [thrown];
  for (let at = thrown; chain.length <= causes; chain.push(at)) {
    at = read(at, "cause") ?? read(read(at, "errors"), "0");
    if (at === undefined || at === null || chain.includes(at)) break;
  }
  return chain;
}

function nameOf(thrown: unknown): string {
  const isError = text(thrown, "message") !== undefined || text(thrown, "stack") !== undefined;
  return text(thrown, "name") ?? (isError ? "Error" : "Thrown");
}

function messageOf(chain: readonly unknown[]): string {
  const said: string[] = [];
  for (const one of chain) {
    const message =
      text(one, "message") ?? (one === chain[0] || typeof one === "string" ? spoken(one) : "");
    if (message !== "" && !said.some((earlier) => earlier.includes(message))) said.push(message);
  }
  return said.join(": ");
}

/** Something without a message, in words. */
function spoken(thrown: unknown): string {
  if (typeof thrown === "string") return thrown;
  if (typeof read(thrown, "stack") === "string") return "";
  try {
    const json = typeof thrown === "object" && thrown !== null ? JSON.stringify(thrown) : undefined;
    return json ?? `${String(thrown)} was thrown`;
  } catch {
    return `${typeof thrown} was thrown`;
  }
}

function codeOf(thrown: unknown): string | undefined {
  const reply = read(thrown, "responseCode"); // nodemailer's; its own code is EENVELOPE for almost everything.
  if (typeof reply === "number") return `smtp-${reply}`;
  const code = read(thrown, "code");
  if (typeof code === "string" && code !== "" && !code.startsWith("ERR_")) return code;
  const status = read(thrown, "status") ?? read(thrown, "statusCode");
  if (typeof status === "number" && status >= 400 && status < 600) return `http-${status}`;
  if (typeof code === "string" && code !== "") return code;
  // Numbers below 100 need a table to be read: gRPC's 14, or the 20 of every AbortError.
  return typeof code === "number" && code >= 100 ? `${code}` : undefined;
}

/** Where this package lies: what threw on the user's behalf (ctx.fatal) is not where it happened. */
const ours = import.meta.url.replace(/core\/signature\.[jt]s$/, "");

/** The first frame in code of the user's: not in a package, not in Node. */
function frameOf(thrown: unknown): string | undefined {
  const stack = text(thrown, "stack");
  if (stack === undefined) return undefined;
  const message = text(thrown, "message") ?? "";
  const after = Math.max(0, stack.indexOf(message)) + message.length; // A message may quote another stack.
  return stack
    .slice(after, after + 20_000)
    .split("\n")
    .filter(
      (line) =>
        /^\s+at /.test(line) &&
        !/node_modules|\bnode:|\(<anonymous>\)|\(native\)/.test(line) &&
        !line.includes(`${ours}roles/`),
    )
    .map((line) =>
      line
        .replace(/^\s+at (?:async )?/, "")
        .replace("file://", "")
        .trim(),
    )[0];
}

/** Short enough, and without what some database refuses: NUL and halves of surrogate pairs. */
function storable(long: string, length: number): string {
  const short = long.length > length ? `${long.slice(0, length - 1)}…` : long;
  return short.toWellFormed().replaceAll("\0", "\uFFFD");
}
