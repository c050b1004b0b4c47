/** What doctor says of a PostgreSQL server: whether the promises can rest on it, and what will slow it down. */
import { maskUrl, withoutClient } from "../engines/open.ts";
import type { Looked, LookedSchema } from "../engines/postgres/look.ts";
import { postgresUrl } from "../engines/postgres/url.ts";
import type { Clock } from "../ports/clock.ts";
import { judgedSync, words, type Check } from "./checks.ts";
import { count, duration } from "./format.ts";

export const isPostgres = (url: string): boolean => /^postgres(?:ql)?:/i.test(url);

/** Throws nothing: what cannot be looked at is a finding. */
export async function postgresChecks(url: string, clock: Clock): Promise<readonly Check[]> {
  try {
    const { look } = await import("../engines/postgres/look.ts").catch(withoutClient);
    return judged(await look(postgresUrl(url), clock));
  } catch (error) {
    return [{ name: "server", state: "bad", text: words(error), next: `psql ${maskUrl(url)}` }];
  }
}

export function judged(looked: Looked): readonly Check[] {
  return [
    serverOf(looked),
    durabilityOf(looked),
    schemaOf(looked),
    ...(looked.schema === undefined ? [] : [servingOf(looked.schema)]),
    transactionsOf(looked),
    clockOf(looked),
    commitOf(looked),
    hintsOf(looked),
  ];
}

/** So many connections are left for somebody who wants to look. */
const spareShare = 0.1;
/** What was deleted since the oldest transaction began stays in the tables. */
const longSeconds = 600;
/** It is followed, not trusted; but people compare the times of logs. */
const farMs = 5_000;

function serverOf({ version, versionName, connections: { used, most } }: Looked): Check {
  const name = "server";
  const text = `PostgreSQL ${versionName}, ${count(used)} of ${count(most)} connections in use`;
  if (version < 130_000)
    return {
      name,
      state: "bad",
      text: `${text}; expected 13 or newer`,
      next: "upgrade PostgreSQL",
    };
  return used > most * (1 - spareShare)
    ? { name, state: "warn", text, next: "raise max_connections, or lower ?connections in the URL" }
    : { name, state: "ok", text };
}

function durabilityOf({ settings }: Looked): Check {
  const name = "durability";
  const off = (["fsync", "synchronous_commit", "full_page_writes"] as const).filter(
    (setting) => settings[setting] === "off",
  );
  if (off.length > 0)
    return {
      name,
      state: "bad",
      text: `${off.join(", ")} off: what was acknowledged may be lost with the server`,
      next: `alter system set ${off[0]} = on; select pg_reload_conf();`,
    };
  const sums =
    settings.data_checksums === "on" ? "pages have checksums" : "pages have no checksums";
  return { name, state: "ok", text: `every commit is synced before it is acknowledged; ${sums}` };
}

function schemaOf({ schema, mayCreate, encoding }: Looked): Check {
  const name = "schema";
  if (encoding !== "UTF8")
    return {
      name,
      state: "bad",
      text: `encoding ${encoding}, expected UTF8`,
      next: "createdb -E UTF8 -T template0 …",
    };
  if (schema !== undefined)
    return {
      name,
      state: "ok",
      text: `version ${schema.schema}, ${count(schema.partitions)} partitions, ${count(schema.bytes / 1024)} KiB`,
    };
  return mayCreate
    ? { name, state: "ok", text: "not there yet; the first process makes it" }
    : {
        name,
        state: "bad",
        text: "not there yet, and this user may not make it",
        next: "grant create on database … to …;",
      };
}

function servingOf({ served, partitions, by, outbox }: LookedSchema): Check {
  const name = "serving";
  const waiting = outbox === 0 ? "" : `, ${count(outbox)} in the outbox`;
  const processes = `${count(by)} process${by === 1 ? "" : "es"}`;
  if (served === 0) return { name, state: "ok", text: `nobody is at work on it${waiting}` };
  const text = `${processes} serve${by === 1 ? "s" : ""} ${count(served)} of ${count(partitions)} partitions${waiting}`;
  return served === partitions
    ? { name, state: "ok", text }
    : { name, state: "warn", text, next: "look again in some seconds: they may be changing hands" };
}

function transactionsOf({ oldest }: Looked): Check {
  const name = "vacuum";
  if (oldest === undefined || oldest.seconds < longSeconds)
    return { name, state: "ok", text: "no transaction is old: what is deleted can be cleaned up" };
  return {
    name,
    state: "warn",
    text: `"${oldest.who}" (${oldest.pid}) has a transaction open for ${duration(oldest.seconds * 1_000)}: nothing that was deleted since is cleaned up, and tables grow`,
    next: `select pg_terminate_backend(${oldest.pid});`,
  };
}

function clockOf({ aheadMs }: Looked): Check {
  const off = `${duration(Math.abs(aheadMs))} ${aheadMs < 0 ? "behind" : "ahead of"} the database`;
  return Math.abs(aheadMs) < farMs
    ? { name: "clock", state: "ok", text: off }
    : {
        name: "clock",
        state: "warn",
        text: `${off}: timers go by the database's all the same`,
        next: "timedatectl status",
      };
}

function commitOf({ commitsMs }: Looked): Check {
  return {
    ...judgedSync(commitsMs[commitsMs.length >> 1] ?? 0, commitsMs.at(-1) ?? 0),
    name: "commit",
  };
}

function hintsOf({ heardMs }: Looked): Check {
  return heardMs === undefined
    ? {
        name: "listen",
        state: "warn",
        text: "LISTEN hears nothing, so news takes up to a second: a pooler in between?",
        next: "?listen=… in the URL names the database itself (percent-encoded)",
      }
    : { name: "listen", state: "ok", text: `news takes ${duration(heardMs)}` };
}
