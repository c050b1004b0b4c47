/** A handler that blocks its event loop for a minute, six leases long: nobody's work is lost, and none is done twice. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { until } from "../until.ts";
import { newFile, start, type Child } from "./child.ts";

const blockMs = 60_000;
const subJobs = 1_000;

type Seen = {
  readonly owner: Child;
  readonly others: readonly Child[];
  /** Process and number of each sub-job that was begun, in order where the processes share a pipe. */
  readonly ran: () => readonly (readonly [pid: number, n: number])[];
  readonly blocked: number;
};

/** Begins a run, and when all its processes work, has one of them blocked and waits until it is free and the run has gone on. */
async function blockOne(role: "owner" | "processes"): Promise<Seen> {
  const owner = start(["blocking.ts", role, newFile(), String(blockMs)]);
  const url = await owner.said("ready");
  const others = role === "owner" ? [start(["blocking.ts", "worker", url])] : [];
  const lines = () => [owner, ...others].flatMap((child) => child.lines);
  const ran = () =>
    lines()
      .filter((line) => line.startsWith("by "))
      .map((line) => line.split(" ").map(Number))
      .map(([, pid = 0, n = 0]) => [pid, n] as const);
  const pids = () => [...new Set(ran().map(([pid]) => pid))];
  await until(() => pids().length === 2 && ran().length > 50, { what: "two work" });
  process.kill(owner.pid, "SIGALRM");
  const blocked = Number(await owner.said("blocked"));
  await owner.said("free", blockMs + 30_000);
  await until(() => ran().length > subJobs / 2, { what: "it goes on", withinMs: 60_000 });
  for (const pid of pids()) process.kill(pid, "SIGUSR2"); // What was in hand all the while may end now.
  await owner.said("done", 60_000);
  return { owner, others, ran, blocked };
}

/** Every sub-job ran once and counts once; nobody was taken for dead. */
async function checkAll({ owner, others, ran }: Seen): Promise<void> {
  assert.equal(owner.last("done"), `${(subJobs * (subJobs - 1)) / 2} ${subJobs}`);
  assert.deepEqual(
    ran()
      .map(([, n]) => n)
      .toSorted((a, b) => a - b),
    Array.from({ length: subJobs }, (_, n) => n),
  );
  assert.match(owner.last("counted") ?? "", /^0 late, 0 stale/);
  for (const child of [...others, owner]) {
    child.kill("SIGTERM");
    assert.equal(await child.ended(), "0");
  }
}

suite("a handler that blocks its event loop for a minute", { concurrency: true }, () => {
  test("C30 in a worker process: it keeps its work, and the other process does all the rest meanwhile", async () => {
    const seen = await blockOne("processes");
    const { owner, blocked } = seen;
    assert.notEqual(blocked, owner.pid);
    const free = owner.lines.indexOf(`free ${blocked}`);
    const begunLater = owner.lines.slice(free).filter((line) => line.startsWith("by "));
    assert.deepEqual(
      begunLater.filter((line) => !line.startsWith(`by ${blocked} `)),
      [],
    );
    assert.equal(owner.last("counted"), "0 late, 0 stale, 0 duplicate");
    await checkAll(seen);
  });

  test("C30 in the process that owns the file: the others keep their work, and hand it in when it listens again", async () => {
    const seen = await blockOne("owner");
    assert.equal(seen.blocked, seen.owner.pid);
    await checkAll(seen);
  });
});
