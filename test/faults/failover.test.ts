/** A server that comes back without its last commits, as after a failover to a replica that was behind, while processes live on. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { checkDatabase } from "../../src/check/postgres.ts";
import { skip } from "../servers/databases.ts";
import { startPostgres, whyNoCopy } from "../servers/postgres.ts";
import { until } from "../until.ts";
import { start, type Child } from "./child.ts";

const begun = ({ lines }: Child): number => lines.filter((line) => line.startsWith("begun")).length;

test(
  "C79 a failover loses the last commits: it is noticed and said, what was lost is derived again, and everything is counted once",
  { skip: skip === false ? (whyNoCopy() ?? false) : skip },
  async () => {
    const server = await startPostgres();
    // One: where two manage, and the server is away for longer than a claim, the other goes on, who has not seen what is lost.
    const children = [start(["in-parts", server.url, "400"])];
    const all = (): number => children.reduce((sum, child) => sum + begun(child), 0);
    try {
      await until(() => all() === 40);
      const failOver = await server.copy(); // However long it takes, there is work left.
      for (const child of children) child.kill("SIGUSR2");
      // Some of what runs then is told to a server that forgets it.
      await until(() => all() > 120);
      await failOver();
      for (const child of children) assert.equal(await child.said("done", 90_000), "79800 400");
      const said = children.flatMap(({ errors }) => errors).join("\n");
      assert.match(said, /came back without its last commits|has lost its last commits/);
      const { violations, counts } = await checkDatabase(server.url);
      assert.deepEqual(violations, []);
      assert.equal(counts["joins"], 1);
      assert.ok(all() > 400, "what was forgotten ran again");
      for (const child of children) child.kill("SIGTERM");
      for (const child of children) assert.equal(await child.ended(), "0");
    } finally {
      for (const child of children) child.kill("SIGKILL");
      await server.stop();
    }
  },
);
