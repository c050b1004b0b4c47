/** Several processes on one PostgreSQL: who serves what, who dies, who is paused, and a server that comes back. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { newDatabase, skip, sql } from "../servers/databases.ts";
import { startPostgres } from "../servers/postgres.ts";
import { until } from "../until.ts";
import { start, type Child } from "./child.ts";

/** How many partitions each process serves, most first. */
async function shares(url: string): Promise<readonly number[]> {
  const rows = await sql(
    url,
    `select count(*)::integer as count from fanfold.seat
     where holder is not null and until > fanfold.now_ms() group by holder order by count desc`,
  ).catch(() => []);
  return rows.map(({ count }) => Number(count));
}

async function untilShares(url: string, expected: readonly number[]) {
  let seen: readonly number[] = [];
  await until(
    async () => {
      seen = await shares(url);
      return seen.join() === expected.join();
    },
    { what: `shares of ${expected.join()}` },
  ).catch((error: unknown) => assert.fail(`${String(error)}: ${seen.join()}`));
}

const slowRun = (url: string, count: number): Child => start(["slow", url, `${count}`]);

test(
  "three processes share the partitions and the work; one is killed, one drains: the rest goes on and counts each once",
  { skip },
  async () => {
    const url = await newDatabase();
    const [first, second, third] = [slowRun(url, 600), slowRun(url, 600), slowRun(url, 600)];
    await untilShares(url, [3, 3, 2]);
    await first.said("begun");
    await until(() =>
      [second, third].every((child) => child.lines.some((line) => line.startsWith("begun"))),
    );
    first.kill("SIGKILL");
    await untilShares(url, [4, 4]);
    second.kill("SIGTERM");
    assert.equal(await second.ended(), "0");
    assert.equal((await shares(url)).length, 1, "it gave back what it served, at once");
    await untilShares(url, [8]);
    assert.equal(await third.said("done", 60_000), "179700 600");
    third.kill("SIGTERM");
    assert.equal(await third.ended(), "0");
    assert.deepEqual(await shares(url), []);
  },
);

test(
  "a process that is paused past its lease and its claims: others do its work, and what it still says counts for nothing",
  { skip },
  async () => {
    const url = await newDatabase();
    const [paused, other] = [slowRun(url, 300), slowRun(url, 300)];
    await untilShares(url, [4, 4]);
    await paused.said("begun");
    paused.kill("SIGSTOP");
    await untilShares(url, [8]);
    assert.equal(await other.said("done", 60_000), "44850 300");
    paused.kill("SIGCONT");
    assert.equal(await paused.said("done"), "44850 300");
    await untilShares(url, [4, 4]);
    for (const child of [paused, other]) child.kill("SIGTERM");
    assert.deepEqual([await paused.ended(), await other.ended()], ["0", "0"]);
  },
);

test(
  "the server ends at once and comes back while a run goes on: the run ends with everything counted once",
  { skip },
  async () => {
    const server = await startPostgres();
    try {
      const child = slowRun(server.url, 200);
      await until(() => child.lines.filter((line) => line.startsWith("begun")).length > 40);
      await server.restart();
      await until(() => child.lines.filter((line) => line.startsWith("begun")).length > 120);
      await server.restart();
      assert.equal(await child.said("done", 60_000), "19900 200");
      child.kill("SIGTERM");
      assert.equal(await child.ended(), "0");
    } finally {
      await server.stop();
    }
  },
);

test(
  "work({ processes: 2 }) opens the database in each of them; one that is killed is replaced",
  { skip },
  async () => {
    const url = await newDatabase();
    const parent = start(["cpu", url, "200"]);
    const by = () =>
      parent.lines
        .filter((line) => line.startsWith("by "))
        .map((line) => Number(line.split(" ")[1]));
    await until(() => parent.lines.filter((line) => line.startsWith("child ")).length === 2);
    parent.kill("SIGUSR2");
    await until(() => new Set(by()).size === 2 && by().length > 20);
    process.kill(by().at(-1) ?? 0, "SIGKILL");
    assert.equal(await parent.said("done", 40_000), "19900 200");
    parent.kill("SIGTERM");
    assert.equal(await parent.ended(), "0");
  },
);
