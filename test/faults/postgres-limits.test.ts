/** Limits over two processes on one PostgreSQL, of which each serves a partition: shared, by key, and a Retry-After of a key. */
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { partitionOf } from "../../src/core/ids.ts";
import type { Run } from "../../src/index.ts";
import { newDatabase, skip, sql } from "../servers/databases.ts";
import { until } from "../until.ts";
import { start } from "./child.ts";
import { busyHost, mailing, perHost, perJob, table } from "./mailing.ts";

type Usage = { readonly now: number; readonly most: number; readonly begun: number };

async function given(t: TestContext) {
  const url = await newDatabase();
  await sql(url, table);
  const { mails, all, close } = mailing(url);
  t.after(close);
  await mails.runs(); // Makes the schema.
  const children = [start(["mailing.ts", url]), start(["mailing.ts", url])] as const;
  for (const child of children) await child.said("ready");
  const served = (count: number) =>
    until(
      async () => {
        const rows = await sql(
          url,
          `select distinct holder from fanfold.seat where holder is not null and until > fanfold.now_ms()`,
        );
        const [free] = await sql(
          url,
          `select count(*)::integer as count from fanfold.seat where holder is null or until <= fanfold.now_ms()`,
        );
        return rows.length === count && free?.["count"] === 0;
      },
      { what: `${count} serve both partitions` },
    );
  await served(2);
  return {
    children,
    served,
    begin: (id: string, count: number, hosts: readonly string[]) =>
      mails.start(all, { mails: count, hosts: [...hosts] }, { id }),
    usage: async (host: string): Promise<Usage> => {
      const [row] = await sql(url, "select now, most, begun from usage where host = $1", [host]);
      return (row ?? { now: 0, most: 0, begun: 0 }) as Usage;
    },
  };
}

/** Two ids, one that lives in each partition. */
function ids(name: string): readonly string[] {
  return [0, 1].map((partition) => {
    for (let n = 0; ; n += 1)
      if (partitionOf(`${name}-${n}`, 2) === partition) return `${name}-${n}`;
  });
}

const ok = async (run: Run) => (await run.status()).steps[0]?.ok ?? 0;

test(
  "a limit by key and a shared one hold over two processes, also when one leaves and the other takes its partition over",
  { skip },
  async (t) => {
    const { children, served, begin, usage } = await given(t);
    const [first, second] = children;
    const hosts = ["a", "b", "c", "d"];
    const runs = await Promise.all(ids("r").map((id) => begin(id, 120, hosts)));
    await until(async () => Math.min(...(await Promise.all(runs.map(ok)))) > 10);
    first.kill("SIGTERM");
    assert.equal(await first.ended(), "0");
    await served(1);
    for (const run of runs) {
      await run.result({ timeout: "60s" });
      assert.equal(await ok(run), 120);
    }
    for (const host of hosts) {
      const { now, most, begun } = await usage(host);
      assert.deepEqual([now, begun], [0, 60]);
      assert.ok(most >= 1 && most <= perHost, `${most} to ${host} at once`);
    }
    const { most } = await usage("all");
    assert.ok(most > 1 && most <= perJob, `${most} at once`);
    second.kill("SIGTERM");
    assert.equal(await second.ended(), "0");
  },
);

test(
  "the Retry-After of a key holds that key where it was asked for, and still does when its partition is taken over from the dead",
  { skip },
  async (t) => {
    const { children, served, begin, usage } = await given(t);
    const [first, second] = children;
    const runs = await Promise.all(ids("r").map((id) => begin(id, 40, ["a", busyHost])));
    const allOf = (some: readonly Run[]) =>
      until(async () => (await Promise.all(some.map(ok))).every((count) => count === 20), {
        what: "all mails to the other host are sent",
      });
    await allOf(runs);
    await until(async () => (await usage(busyHost)).begun === 2);
    first.kill("SIGKILL");
    await served(1);
    const more = await Promise.all(ids("s").map((id) => begin(id, 40, ["a", busyHost])));
    await allOf(more);
    assert.equal((await usage(busyHost)).begun, 2, "the busy host is asked once per partition");
    second.kill("SIGTERM");
    assert.equal(await second.ended(), "0");
  },
);
