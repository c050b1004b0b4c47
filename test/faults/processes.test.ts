/** Work in other processes: all cores, and a killed one. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { until } from "../until.ts";
import { newFile, start, type Child } from "./child.ts";

/** Which sub-jobs ran in which process, in the order they said so. */
function ran({ lines }: Child): readonly { pid: number; n: number }[] {
  return lines
    .filter((line) => line.startsWith("by "))
    .map((line) => line.slice(3).split(" ").map(Number))
    .map(([pid = 0, n = 0]) => ({ pid, n }));
}

async function stopped(owner: Child): Promise<void> {
  owner.kill("SIGTERM");
  assert.equal(await owner.ended(), "0");
}

test("work({ processes: 2 }) computes on two cores; one that is killed is replaced, and its work done once more and folded once", async () => {
  const owner = start(["cpu", newFile(), "100"]);
  await until(() => owner.lines.filter((line) => line.startsWith("child ")).length === 2);
  owner.kill("SIGUSR2");
  await until(
    () => new Set(ran(owner).map(({ pid }) => pid)).size === 2 && ran(owner).length > 20,
    { what: "both processes work" },
  );
  const victim = ran(owner).at(-1)?.pid ?? 0;
  process.kill(victim, "SIGKILL");
  assert.equal(await owner.said("done", 60_000), "4950 100");
  const all = ran(owner);
  assert.equal(new Set(all.map(({ n }) => n)).size, 100);
  // Whether its successor comes in time to do some of it, or the other process did it all, is a matter of chance.
  assert.ok(all.some(({ pid }) => pid !== victim));
  await until(() =>
    /a worker process ended \(SIGKILL\): starting another/.test(owner.errors.join("\n")),
  );
  await stopped(owner);
});
