/**
 * One request to an address that somebody else chose, bounded in everything: where it goes, how long it takes, what is read.
 *
 * The address is checked where the socket is opened, and not only where the name was given: what a name server says may be
 * another thing each time. Names are asked by c-ares and not by the operating system's resolver, which has four threads for
 * the whole process: names that nobody answers would keep user code from reaching its own servers.
 */
import { Resolver } from "node:dns/promises";
import { type ClientRequest, type IncomingMessage, request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import type { LookupFunction } from "node:net";
import { addressIn, whyRefused, type Range } from "../core/address.ts";
import { limits } from "../core/limits.ts";
import type { Answer } from "../core/notice.ts";
import { checkTarget } from "../define/webhook.ts";
import type { Clock } from "../ports/clock.ts";
import type { Outgoing } from "./request.ts";

export type Target = {
  readonly url: string;
  readonly allowed: readonly Range[];
  readonly timeoutMs: number;
};

/** Resolves, never rejects: what went wrong is an answer too. Aborted, it ends at once. */
export type Post = (to: Target, what: Outgoing, signal: AbortSignal) => Promise<Answer>;

/** All addresses of a name. */
export type Resolve = (name: string) => Promise<readonly string[]>;

type Said = Pick<Answer, "status" | "error" | "body" | "retryAfterMs">;

export function post(clock: Clock, resolve: Resolve = resolver()): Post {
  return async (to, what, signal) => {
    const began = clock.now();
    const over = new AbortController();
    let sent: ClientRequest | undefined;
    const cut = (): void => void sent?.destroy(new Error("cut off"));
    signal.addEventListener("abort", cut, { once: true });

    async function send(): Promise<Said> {
      if (signal.aborted) throw new Error("cut off");
      sent = open(to, what, resolve);
      return answerOf(sent);
    }

    async function late(): Promise<Said> {
      await clock.sleep(to.timeoutMs, over.signal);
      return { error: `no answer within ${to.timeoutMs} ms` };
    }

    const said = await Promise.race([send().catch(failed), late()]);
    over.abort(to);
    signal.removeEventListener("abort", cut);
    cut();
    return { at: Math.round(clock.now()), ms: Math.round(clock.now() - began), ...said };
  };
}

function failed(error: unknown): Said {
  const text = error instanceof Error ? error.message : String(error);
  return { error: text.slice(0, limits.noticeBodyLength) };
}

function open(to: Target, { body, headers }: Outgoing, resolve: Resolve): ClientRequest {
  const url = checkTarget(to.url, to.allowed, "url"); // A literal address is never looked up.
  const request = url.protocol === "https:" ? requestHttps : requestHttp;
  const sent = request(url, {
    method: "POST",
    agent: false, // A connection of its own: each attempt is checked anew.
    lookup: checkedLookup(to.allowed, resolve),
    headers: { ...headers, "content-length": Buffer.byteLength(body) },
    maxHeaderSize: 16_384,
  });
  sent.end(body);
  return sent;
}

/** Refuses the name if any of its addresses is not allowed: the socket connects to one of these, and to no other. */
function checkedLookup(allowed: readonly Range[], resolve: Resolve): LookupFunction {
  return (name, { all }, callback) => {
    addressesOf(name, allowed, resolve).then(
      (found) => {
        const [first] = found;
        if (all === true || first === undefined) callback(null, found);
        else callback(null, first.address, first.family);
      },
      (error: unknown) => callback(error instanceof Error ? error : new Error(String(error)), []),
    );
  };
}

type Found = { address: string; family: number };

async function addressesOf(
  name: string,
  allowed: readonly Range[],
  resolve: Resolve,
): Promise<Found[]> {
  const found = await resolve(name);
  if (found.length === 0) throw new Error(`"${name}" has no address`);
  return found.map((address) => {
    const bytes = addressIn(address);
    const why = bytes === undefined ? "no address" : whyRefused(bytes, allowed);
    if (why !== undefined)
      throw new Error(`"${name}" is at ${address}, which is ${why}: not connected`);
    return { address, family: address.includes(":") ? 6 : 4 };
  });
}

/** Asks name servers only; localhost is known. */
function resolver(): Resolve {
  const dns = new Resolver({ timeout: 3_000, tries: 2 });
  return async (name) => {
    if (/(?:^|\.)localhost\.?$/i.test(name)) return ["127.0.0.1"];
    const both = await Promise.allSettled([dns.resolve4(name), dns.resolve6(name)]);
    const found = both.flatMap((one) => (one.status === "fulfilled" ? one.value : []));
    const [first] = both;
    if (found.length === 0 && first.status === "rejected")
      throw new Error(`"${name}" is not found: ${String(first.reason)}`);
    return found;
  };
}

function answerOf(sent: ClientRequest): Promise<Said> {
  return new Promise((resolve, reject) => {
    sent.once("error", reject);
    sent.once("close", () => reject(new Error("the connection was closed without an answer")));
    sent.once("response", (response) => {
      beginningOf(response).then((body) => {
        const status = response.statusCode ?? 0;
        resolve({ status, ...retryAfter(response), ...(body === "" ? {} : { body }) });
      }, reject);
    });
  });
}

/** Reads to the end, or so much: nobody is kept by an answer that has none. */
async function beginningOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response) {
    const part = Buffer.from(chunk as Uint8Array); // oxlint-disable-line typescript/no-unsafe-type-assertion -- no encoding was set
    chunks.push(part);
    bytes += part.length;
    if (bytes >= limits.noticeReadBytes) break;
  }
  const text = Buffer.concat(chunks).subarray(0, limits.noticeBodyLength).toString("utf8");
  return text.replaceAll(/[\p{Cc}\uFFFD]/gu, " ").trim();
}

/** In seconds, as servers say it that are busy. */
function retryAfter({ headers }: IncomingMessage): Pick<Answer, "retryAfterMs"> {
  const seconds = Number(headers["retry-after"] ?? Number.NaN);
  return Number.isFinite(seconds) && seconds > 0 ? { retryAfterMs: seconds * 1_000 } : {};
}
