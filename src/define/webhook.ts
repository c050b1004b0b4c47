/** Where another program is told of events, as data: its address, its secrets, and what it hears. */
import { addressIn, rangesIn, whyRefused, type Range } from "../core/address.ts";
import type { RunEventType } from "../core/run-event.ts";
import { UsageError } from "../errors.ts";
import { type Duration, positiveMs, shown } from "./duration.ts";
import type { Flow } from "./flow.ts";
import { heardBy, type Heard, type Hearing } from "./listener.ts";
import { named } from "./work.ts";

/** Another program that is told of events over HTTPS: a part of an app, made by `webhook`. */
export interface Webhook<N extends string = string> {
  readonly kind: "webhook";
  readonly name: N;
  readonly heard: Heard;
  readonly url: string;
  /** As they are, without whsec_: base64. */
  readonly secrets: readonly string[];
  readonly allowed: readonly Range[];
  readonly timeoutMs: number;
  readonly giveUpMs: number;
}

export interface WebhookDefinition<T extends RunEventType, F extends Flow> extends Hearing<T, F> {
  /** https, to a public address; anything else only where `allow` names it. Redirects are not followed. */
  readonly url: string;
  /** "whsec_" and 24 to 64 bytes in base64. Each signs: put the new one beside the old one until the receiver has it. */
  readonly secrets: readonly string[];
  /** Addresses that are not public and are meant: "loopback" in development, or ranges such as "10.1.0.0/16". http is possible to these only. */
  readonly allow?: readonly string[];
  /** How long one attempt may take, with all of the answer. Default 15s. */
  readonly timeout?: Duration;
  /** How long it is tried. Default 3d. */
  readonly giveUpAfter?: Duration;
}

/** Ports below 1024 belong to other protocols, which a request could be made to speak. */
const lowPorts = new Set(["", "80", "443"]);

/** Defines a webhook: each event is sent until it is answered with 2xx, for days, always with the same id. Throws UsageError for what cannot be meant. */
export function webhook<
  const N extends string,
  T extends RunEventType = RunEventType,
  F extends Flow = Flow,
>(name: N, definition: WebhookDefinition<T, F>): Webhook<N> {
  const what = `webhook "${named(name, "name of a webhook")}"`;
  const { url, secrets, allow = [], timeout = "15s", giveUpAfter = "3d" } = definition;
  const allowed = allow.flatMap((text) => {
    try {
      return rangesIn(text);
    } catch (cause) {
      throw new UsageError(
        `allow of ${what}: ${String(cause instanceof Error ? cause.message : cause)}`,
        { cause },
      );
    }
  });
  return {
    kind: "webhook",
    name,
    heard: heardBy(definition, what),
    url: checkTarget(url, allowed, `url of ${what}`).href,
    secrets: checkSecrets(secrets, what),
    allowed,
    timeoutMs: positiveMs(timeout, `timeout of ${what}`),
    giveUpMs: positiveMs(giveUpAfter, `giveUpAfter of ${what}`),
  };
}

/** The URL, if it may be called as far as it says so itself; its name is looked up, and checked again, at every attempt. Throws UsageError. */
export function checkTarget(text: string, allowed: readonly Range[], what: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const refuse = (expected: string): never => {
    throw new UsageError(`${what} must be ${expected}, got ${shown(withoutSecrets(url, text))}`);
  };
  if (url === undefined) return refuse("an https URL");
  if (url.protocol !== "https:" && (url.protocol !== "http:" || allowed.length === 0))
    return refuse("an https URL; http goes to addresses only that `allow` names");
  if (url.username !== "" || url.password !== "")
    return refuse("without a user and password: the signature says who calls");
  if (!lowPorts.has(url.port) && Number(url.port) < 1_024)
    return refuse("on port 80, 443, or from 1024 on");
  const host = url.hostname.replace(/\.$/, "");
  const address = /(?:^|\.)localhost$/.test(host) ? [127, 0, 0, 1] : addressIn(host);
  const why = address === undefined ? undefined : whyRefused(address, allowed);
  if (why !== undefined)
    return refuse(`a public address, unless \`allow\` names it (this one is ${why})`);
  return url;
}

function withoutSecrets(url: URL | undefined, text: string): string {
  return url === undefined ? text.slice(0, 40) : `${url.protocol}//${url.host}${url.pathname}`;
}

function checkSecrets(secrets: readonly string[], what: string): readonly string[] {
  if (!Array.isArray(secrets) || secrets.length < 1 || secrets.length > 8)
    throw new UsageError(`secrets of ${what} must be one to eight, got ${shown(secrets)}`);
  return secrets.map((secret, index) => {
    const [, text] = /^whsec_([A-Za-z0-9+/]+={0,2})$/.exec(String(secret)) ?? [];
    const bytes = text === undefined ? 0 : Math.floor((text.replace(/=+$/, "").length * 3) / 4);
    if (text === undefined || bytes < 24 || bytes > 64)
      throw new UsageError(
        `secrets[${index}] of ${what} must be "whsec_" and 24 to 64 bytes in base64: echo whsec_$(openssl rand -base64 32) makes one`,
      );
    return text;
  });
}
