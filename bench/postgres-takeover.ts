/** What the death of a process costs the others on PostgreSQL: its partitions, and the work it had in hand. */
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { Client } from "pg";
import { partitionOf } from "../src/core/ids.ts";
import { limits } from "../src/core/limits.ts";
import { until } from "../test/until.ts";
import { numberOf, textOf } from "./fan-out.ts";
import type { Bench, Measure } from "./harness.ts";
import { durable, onPostgres } from "./postgres.ts";
import { takingOn } from "./postgres-takeover-worker.ts";

const program = new URL("postgres-takeover-worker.ts", import.meta.url);
const waitMs = 60_000;

type Working = { readonly child: ChildProcess; readonly begun: () => number };

async function begin(url: string, slots: number): Promise<Working> {
  const child = fork(program, [url, `${slots}`], { stdio: ["ignore", "ignore", "inherit", "ipc"] });
  let begun = 0;
  await new Promise<void>((resolve, reject) => {
    child.on("message", (said) => {
      if (said === "ready") resolve();
      else begun += 1;
    });
    child.once("exit", (code, signal) =>
      reject(new Error(`a worker ended with ${String(code ?? signal)}`)),
    );
  });
  return { child, begun: () => begun };
}

async function end({ child }: Working): Promise<void> {
  const gone = once(child, "exit");
  child.kill("SIGKILL");
  await gone;
}

/** Who holds each partition now. */
async function holders(client: Client): Promise<readonly (string | null)[]> {
  const { rows } = await client.query<{ readonly holder: string | null }>(
    `select case when until > fanfold.now_ms() then holder end as holder from fanfold.seat order by partition`,
  );
  return rows.map(({ holder }) => holder);
}

/** All who serve; undefined while a partition is free. */
function served(seats: readonly (string | null)[]): readonly string[] | undefined {
  const all = seats.filter((holder) => holder !== null);
  return all.length === seats.length ? all : undefined;
}

/** Resolves when so many share the partitions evenly, to who is there that was not known. */
async function sharedBy(client: Client, count: number, known: ReadonlySet<string>) {
  return until(
    async () => {
      const all = await holders(client);
      const shares = Map.groupBy(all, (holder) => holder);
      const sizes = [...shares.values()].map((share) => share.length);
      const isEven = !shares.has(null) && Math.max(...sizes) - Math.min(...sizes) <= 1;
      const fresh = [...shares.keys()].filter((holder) => holder !== null && !known.has(holder));
      return shares.size === count && isEven && fresh.length === 1 && fresh[0];
    },
    { withinMs: waitMs, what: `${count} processes share the partitions` },
  );
}

/** An id that lives in this partition. */
function idIn(partition: number, partitions: number, name: string): string {
  for (let n = 0; ; n += 1)
    if (partitionOf(`${name}-${n}`, partitions) === partition) return `${name}-${n}`;
}

/** SIGKILL of one of three; of each partition that it served, the time until a run that is started there is decided on. */
export const takeover: Measure = async (input) => {
  const partitions = numberOf(input, "partitions", 0);
  const kills = numberOf(input, "kills", 0);
  const url = `${textOf(input, "url")}?partitions=${partitions}`;
  const { fanfold, race } = takingOn(url, () => undefined);
  await fanfold.runs(); // Makes the schema.
  const client = new Client({ connectionString: textOf(input, "url") });
  await client.connect();
  const crew: { readonly working: Working; readonly holder: string }[] = [];
  // Nobody works yet, so this process serves.
  const known = new Set(await until(async () => served(await holders(client))));
  async function join(): Promise<void> {
    const working = await begin(url, 10);
    const holder = await sharedBy(client, crew.length + 1, known);
    known.add(holder);
    crew.push({ working, holder });
  }
  for (let n = 0; n < 3; n += 1) await join();
  const times: number[] = [];
  for (let kill = 0; kill < kills; kill += 1) {
    const victim = crew.shift();
    if (victim === undefined) throw new Error("nobody is left to be killed");
    const seats = await holders(client);
    const mine = [...seats.keys()].filter((partition) => seats[partition] === victim.holder);
    if (mine.length < Math.floor(partitions / 3))
      throw new Error(`who is killed serves ${mine.length} of ${partitions} partitions`);
    const from = performance.now();
    victim.working.child.kill("SIGKILL");
    await Promise.all(
      mine.map(async (partition) => {
        await fanfold.start(race, { items: 0 }, { id: idIn(partition, partitions, `r${kill}`) });
        times.push(performance.now() - from);
      }),
    );
    await join();
  }
  await Promise.all(crew.map(({ working }) => end(working)));
  await client.end();
  await fanfold.close();
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number): number => sorted[Math.ceil(sorted.length * share) - 1] ?? Number.NaN;
  return { takeovers: sorted.length, medianMs: at(0.5), p99Ms: at(0.99), longestMs: at(1) };
};

/** SIGKILL of a worker that has begun all sub-jobs of a run; then the time until another one has begun all of them. */
export const inHand: Measure = async (input) => {
  const items = numberOf(input, "items", 0);
  const url = textOf(input, "url");
  const { fanfold, race } = takingOn(url, () => undefined);
  const victim = await begin(url, items);
  await fanfold.start(race, { items }, { id: "r" });
  await until(() => victim.begun() === items, { withinMs: waitMs, what: "all are in hand" });
  const other = await begin(url, 2 * items);
  const from = performance.now();
  victim.child.kill("SIGKILL");
  await until(() => other.begun() === items, { withinMs: waitMs, what: "all run again" });
  const againMs = performance.now() - from;
  await end(other);
  await fanfold.close();
  return { againMs };
};

const managers = { partitions: 24, kills: 5 };
const hand = { items: 500 };
const here = new URL(import.meta.url);

export const bench: Bench = {
  name: "postgres-takeover",
  question: "a process is killed: how long until others do what it did, on PostgreSQL?",
  settings: { ...managers, ...hand, ...durable },
  subjects: [
    onPostgres("a manager of three killed", here, "takeover", managers, [
      { key: "medianMs", unit: "ms until a partition is served again, median" },
      { key: "p99Ms", unit: "ms, p99", target: { atMost: 5_000 } },
      { key: "longestMs", unit: "ms, the longest" },
      { key: "takeovers", unit: "partitions taken over" },
    ]),
    onPostgres("a worker with 500 sub-jobs in hand killed", here, "inHand", hand, [
      {
        key: "againMs",
        unit: "ms until all run again",
        target: { atMost: limits.leaseMs + 1_000 },
      },
    ]),
  ],
};
