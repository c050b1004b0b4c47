/**
 * Which addresses of the Internet a webhook may connect to: public ones, and those that its owner names.
 *
 * Compared as bytes, never as text: 127.0.0.1 has more spellings than anybody can list, and an IPv6 address can carry an IPv4 one.
 * Sources: the IANA registries of special-purpose addresses for IPv4 and IPv6.
 */
import { UsageError } from "../errors.ts";

/** 4 or 16 bytes. */
export type Address = readonly number[];

export type Range = { readonly bytes: Address; readonly bits: number };

/** The address that a text is, as name servers, sockets and URLs write it (with or without brackets); undefined for any other. */
export function addressIn(text: string): Address | undefined {
  const bare = text.replace(/^\[(.*)\]$/s, "$1").replace(/%.*$/s, "");
  return bare.includes(":") ? version6(bare) : version4(bare);
}

function version4(text: string): Address | undefined {
  if (!/^\d{1,3}(?:\.\d{1,3}){3}$/.test(text)) return undefined;
  const bytes = text.split(".").map(Number);
  return bytes.every((byte) => byte < 256) ? bytes : undefined;
}

function version6(text: string): Address | undefined {
  const [, head = text, last] = /^(.*:)(\d[\d.]*\.\d+)$/s.exec(text) ?? [];
  const tail = last === undefined ? [] : version4(last);
  if (tail === undefined) return undefined;
  const [left = "", right, ...more] = (
    last === undefined ? text : head.replace(/([^:]):$/s, "$1")
  ).split("::");
  if (more.length > 0) return undefined;
  const before = groups(left);
  const after = right === undefined ? [] : groups(right);
  if (before === undefined || after === undefined) return undefined;
  const missing = 16 - before.length - after.length - tail.length;
  if (right === undefined ? missing !== 0 : missing < 2) return undefined;
  return [...before, ...Array.from({ length: missing }, () => 0), ...after, ...tail];
}

function groups(text: string): readonly number[] | undefined {
  if (text === "") return [];
  const words = text.split(":");
  if (!words.every((word) => /^[\da-f]{1,4}$/i.test(word))) return undefined;
  return words.flatMap((word) => [Number.parseInt(word, 16) >> 8, Number.parseInt(word, 16) & 255]);
}

/** "10.0.0.0/8", "fd00::/8", a single address, or "loopback". Throws UsageError. */
export function rangesIn(text: string): readonly Range[] {
  if (text === "loopback") return loopback;
  const [address = "", bits] = text.split("/");
  const bytes = addressIn(address);
  const size = bytes === undefined ? 0 : bytes.length * 8;
  const wanted = bits === undefined ? size : /^\d{1,3}$/.test(bits) ? Number(bits) : Infinity;
  if (bytes === undefined || wanted > size)
    throw new UsageError(`expected "loopback" or a range such as "10.0.0.0/8", got "${text}"`);
  return [{ bytes, bits: wanted }];
}

const range = (text: string): Range => {
  const [address = "", bits] = text.split("/");
  return { bytes: addressIn(address) ?? [], bits: Number(bits) };
};

const loopback: readonly Range[] = [range("127.0.0.0/8"), range("::1/128")];

const refused: readonly (readonly [range: Range, what: string])[] = (
  [
    ["0.0.0.0/8", "this host"],
    ["10.0.0.0/8", "private"],
    ["100.64.0.0/10", "shared by a provider's customers"],
    ["127.0.0.0/8", "loopback"],
    ["169.254.0.0/16", "link-local"],
    ["172.16.0.0/12", "private"],
    ["192.0.0.0/24", "reserved"],
    ["192.0.2.0/24", "for documentation"],
    ["192.31.196.0/24", "reserved"],
    ["192.52.193.0/24", "reserved"],
    ["192.88.99.0/24", "reserved"],
    ["192.168.0.0/16", "private"],
    ["192.175.48.0/24", "reserved"],
    ["198.18.0.0/15", "for benchmarks"],
    ["198.51.100.0/24", "for documentation"],
    ["203.0.113.0/24", "for documentation"],
    ["224.0.0.0/4", "multicast"],
    ["240.0.0.0/4", "reserved"],
    ["2001::/23", "reserved"],
    ["2001:db8::/32", "for documentation"],
    ["2002::/16", "a tunnel"],
    ["2620:4f:8000::/48", "reserved"],
    ["3fff::/20", "for documentation"],
  ] as const
).map(([text, what]) => [range(text), what]);

/** All of IPv6 that is given out to the public; the rest is local, multicast or for nothing yet. */
const public6 = range("2000::/3");
/** IPv6 that carries IPv4 in its last four bytes: what counts is where that leads. */
const carriers: readonly Range[] = [range("::ffff:0:0/96"), range("64:ff9b::/96")];

/** Why nobody may be connected to there, in a word; undefined where one may. */
export function whyRefused(address: Address, allowed: readonly Range[]): string | undefined {
  if (allowed.some((one) => isIn(address, one))) return undefined;
  if (carriers.some((one) => isIn(address, one))) return whyRefused(address.slice(12), allowed);
  const [, what] = refused.find(([one]) => isIn(address, one)) ?? [];
  if (what !== undefined || address.length === 4) return what;
  if (isIn(address, public6)) return undefined;
  return loopback.some((one) => isIn(address, one)) ? "loopback" : "not public";
}

function isIn(address: Address, { bytes, bits }: Range): boolean {
  if (address.length !== bytes.length) return false;
  return bytes.every((byte, index) => {
    const left = Math.min(8, Math.max(0, bits - index * 8));
    return (byte ^ (address[index] ?? 0)) >> (8 - left) === 0;
  });
}
