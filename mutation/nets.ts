/** The nets that are to catch a bug: each is a program that is run on the copy until it says what is wrong. */
import { spawn } from "node:child_process";
import { globSync } from "node:fs";
import { createInterface } from "node:readline";
import type { Report } from "../torture/report.ts";

export const quickNames = ["unit", "simulator", "simulator, unhealed"] as const;
export const slowNames = [
  "contract",
  "app",
  "faults",
  "torture kill",
  "torture power",
  "torture io",
] as const;
export type NetName = (typeof quickNames)[number] | (typeof slowNames)[number];
export const netNames: readonly NetName[] = [...quickNames, ...slowNames];

/** by: the first test or seed that noticed, or that the net hung or died. */
export type Verdict = {
  readonly caught: boolean;
  readonly seconds: number;
  readonly by?: string;
  /** Of a simulator: the first seed of those it looked at. */
  readonly seed?: number;
};

const roundMs = 500;

/** Two simulators are one program: half of the worlds are of one kind, half of the other. */
export type Program = {
  readonly nets: readonly NetName[];
  readonly args: (folder: string, seeds: number) => readonly string[];
  readonly killAfterMs: number;
};

const tests = (folder: string, ...patterns: readonly string[]): readonly string[] => [
  "--test",
  "--test-reporter=tap",
  "--test-concurrency=1",
  "--test-skip-pattern=/a million items|10000 items|100001 items/",
  ...patterns.flatMap((pattern) => globSync(pattern, { cwd: folder })).toSorted(),
];

export const quick: readonly Program[] = [
  {
    nets: ["simulator", "simulator, unhealed"],
    args: (_, seeds) => ["mutation/simulated.ts", String(seeds)],
    killAfterMs: 90_000,
  },
  {
    nets: ["unit"],
    args: (folder) => [
      "--test-isolation=none",
      ...tests(folder, "src/{core,define,roles,engines,views,webhooks}/*.test.ts"),
    ],
    killAfterMs: 120_000,
  },
];

const torture = (net: NetName, ...args: readonly string[]): Program => ({
  nets: [net],
  args: () => ["torture/main.ts", "--json", "--first", "--seed", "1", ...args],
  killAfterMs: 480_000,
});

/** Real stores and processes, minutes each: for the bugs that are aimed at them, and for those that nothing quick has caught. */
export const slow: readonly Program[] = [
  {
    nets: ["contract"],
    args: (folder) => [
      "--test-isolation=none",
      ...tests(folder, "test/engines/{memory,postgres,postgres-outbox,sqlite*}.test.ts"),
    ],
    killAfterMs: 240_000,
  },
  {
    nets: ["app"],
    args: (folder) => tests(folder, "test/app/*.test.ts"),
    killAfterMs: 480_000,
  },
  {
    nets: ["faults"],
    args: (folder) =>
      tests(folder, "test/faults/*.test.ts", "test/engines/postgres-{faults,failover}.test.ts"),
    killAfterMs: 480_000,
  },
  torture("torture kill", "--only", "kill", "--kills", "40"),
  torture("torture power", "--only", "power", "--cuts", "20"),
  torture("torture io", "--only", "io,full"),
];

/** What simulated.ts says, a line each: the first world of its kind in which something was wrong. */
export type Seen = {
  readonly net: NetName;
  readonly seed: number;
  readonly seconds: number;
  readonly what: string;
};

/** Runs one program on the copy, and kills it as soon as all of its nets have caught something. */
export async function run(
  { nets, args, killAfterMs }: Program,
  folder: string,
  seeds: number,
): Promise<ReadonlyMap<NetName, Verdict>> {
  const began = performance.now();
  const elapsed = (): number => Math.round(performance.now() - began) / 1_000;
  const verdicts = new Map<NetName, Verdict>();
  const child = spawn(process.execPath, args(folder, seeds), {
    cwd: folder,
    stdio: ["ignore", "pipe", "ignore"],
    detached: true, // A group of its own, so that what it started ends with it.
    env: { ...process.env, NODE_OPTIONS: "", NODE_TEST_CONTEXT: undefined },
  });
  let isKilled = false;
  const kill = (): void => {
    isKilled = true;
    if (child.pid === undefined || child.exitCode !== null) return;
    try {
      process.kill(-child.pid, "SIGKILL");
    } catch {
      // It has ended meanwhile.
    }
  };
  // In rounds: while this process is stopped, or the machine asleep, none passes.
  let left = Math.ceil(killAfterMs / roundMs);
  const rounds = setInterval(() => {
    left -= 1;
    if (left <= 0) kill();
  }, roundMs);
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  for await (const line of createInterface({ input: child.stdout })) {
    for (const [net, verdict] of told(line, nets, elapsed()))
      if (!verdicts.has(net)) verdicts.set(net, verdict);
    if (nets.every((net) => verdicts.has(net))) kill();
  }
  const code = await ended;
  clearInterval(rounds);
  for (const net of nets) {
    const hung = isKilled ? "it hangs" : `it ended with ${code}`;
    const bad = isKilled || code !== 0;
    if (!verdicts.has(net))
      verdicts.set(net, { caught: bad, seconds: elapsed(), ...(bad ? { by: hung } : {}) });
  }
  return verdicts;
}

/** What a line of output says about the nets: a test of TAP that failed, a world or a torture in which something was wrong. */
function told(
  line: string,
  nets: readonly NetName[],
  seconds: number,
): readonly (readonly [NetName, Verdict])[] {
  const caught = (by: string): readonly (readonly [NetName, Verdict])[] =>
    nets.map((net) => [net, { caught: true, seconds, by }]);
  const failed = /^\s*not ok \d+ - (.*)/.exec(line)?.[1];
  if (failed !== undefined) return caught(failed);
  if (line.startsWith('{"tool":"torture"')) {
    const [first] = (JSON.parse(line) as Report).violations;
    return first === undefined
      ? []
      : caught(`${first.guarantee} ${first.where}: expected ${first.expected}, got ${first.got}`);
  }
  if (!line.startsWith('{"net"')) return [];
  const seen = JSON.parse(line) as Seen;
  return [[seen.net, { caught: true, seconds: seen.seconds, by: seen.what, seed: seen.seed }]];
}
