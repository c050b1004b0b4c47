/** What a postgres: URL says to us, and what it says to the client library. */
import { UsageError } from "../../errors.ts";
import { maskUrl } from "../url.ts";

export type PostgresUrl = {
  /** With what the client understands only. */
  readonly url: string;
  readonly partitions?: number;
  readonly connections?: number;
  readonly prepare?: boolean;
  readonly listenUrl?: string;
};

/** Ours of the options are taken out; the others are the client's (sslmode, host, …). */
export function postgresUrl(url: string): PostgresUrl {
  if (!URL.canParse(url))
    throw new UsageError(
      `"${maskUrl(url)}" is not a URL: expected postgres://user:password@host:port/database, with what is special in the password percent-encoded`,
    );
  const plain = new URL(url);
  const take = (name: string): string | undefined => {
    const value = plain.searchParams.get(name) ?? undefined;
    plain.searchParams.delete(name);
    return value;
  };
  const number = (name: string, atMost: number): Readonly<Record<string, number>> => {
    const value = take(name);
    if (value === undefined) return {};
    if (!/^\d+$/.test(value) || Number(value) < 1 || Number(value) > atMost)
      throw new UsageError(`${name} must be an integer from 1 to ${atMost}, got "${value}"`);
    return { [name]: Number(value) };
  };
  const prepare = take("prepare");
  if (prepare !== undefined && prepare !== "true" && prepare !== "false")
    throw new UsageError(`prepare must be true or false, got "${prepare}"`);
  const listenUrl = take("listen");
  return {
    ...number("partitions", 1_024),
    ...number("connections", 1_000),
    ...(prepare === undefined ? {} : { prepare: prepare === "true" }),
    ...(listenUrl === undefined ? {} : { listenUrl }),
    url: plain.href,
  };
}
