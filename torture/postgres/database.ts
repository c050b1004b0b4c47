/** A server of its own, a network that can be cut, and the crew that shares it: begun, healed and judged the same way, whatever was done to it. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { check } from "../../src/check/check.ts";
import { copyStore, judged } from "../../src/check/postgres.ts";
import { isOfLostLog } from "../../src/check/failover.ts";
import { startPostgres, type OwnServer } from "../../test/servers/postgres.ts";
import { proxyTo, type Proxy } from "../../test/servers/proxy.ts";
import { judge, neverEnded } from "../judge.ts";
import { begin, type Order } from "../processes.ts";
import { healMs, type Round } from "../world.ts";
import { crew, type Crew, type Part } from "./crew.ts";

export type Database = {
  readonly name: string;
  readonly server: OwnServer;
  /** Every other process comes by the first, the others by the second. */
  readonly networks: readonly Proxy[];
  readonly crew: Crew;
  /** What is to be undone later, as waking who was stopped; everything is healed after it. */
  readonly later: (undo: Promise<void>) => void;
  /** What was acknowledged since `mark` may be gone: the server came back without it. Resolves when who was told of it has written that down. */
  readonly forgive: (mark: Mark) => Promise<void>;
  readonly mark: () => Mark;
  /** Looks at the store while everybody works on. */
  readonly look: () => Promise<void>;
  /** No more faults: everything that was begun must end, and everybody who lived through it must end well. Then it is judged for the last time. */
  readonly heal: () => Promise<void>;
};

/** How much had been witnessed. */
export type Mark = { readonly length: number };

const managers = 2;
const workers = 4;
export const size: number = managers + workers;

const parts: readonly Part[] = [
  ...Array.from({ length: managers }, (_, starts): Part => ({ starts, of: managers })),
  ...Array.from({ length: workers }, (): Part => "works"),
];

/** From the answer of a server to the line in the witness; what the next one answers in this time is forgiven with it. */
const tellMs = 1_000;
/** Processes drain for a second, and close; on a machine that is busy, it takes some more. */
const stopMs = 20_000;
/** Six processes at once, on a machine that others use. */
const upMs = 180_000;

/** Does `body` to a database of its own, ends all of it whatever happens, and says why it could not begin. */
export async function onDatabase(
  what: string,
  { tally, seed, folder }: Round,
  body: (on: Database) => Promise<void>,
): Promise<void> {
  const name = `${what} on PostgreSQL, seed ${seed}`;
  mkdirSync(folder, { recursive: true });
  const witness = join(folder, "witness.jsonl");
  writeFileSync(witness, "");
  /** What counts of it, for the one who drains, and what that one is told. */
  const ending = join(folder, "ending.jsonl");
  const server = await startPostgres();
  const networks = [await proxyTo(server.url), await proxyTo(server.url)];
  const pending: Promise<void>[] = [];
  /** Parts of the witness, in their order. */
  const forgiven: { readonly from: number; readonly to: number }[] = [];

  const orderOf = (part: Part, url: string, drain = false): Order => ({
    store: "",
    witness,
    seed,
    processes: 0,
    drain,
    shared: { url, part },
  });

  const on: Database = {
    name,
    server,
    networks,
    crew: crew({
      parts,
      orderOf: (part, at) => orderOf(part, networks[at % networks.length]?.url ?? server.url),
      onEnd: (got) =>
        tally.found(name, {
          guarantee: "G12",
          where: "a process",
          expected: "to live through it",
          got,
        }),
      onReplaced(process) {
        process.works.then(tally.recovered, () => undefined);
        process.up.then(tally.ready, () => undefined);
      },
    }),
    later: (undo) => void pending.push(undo),
    mark: () => ({ length: readFileSync(witness).length }),
    async forgive({ length }) {
      await sleep(tellMs);
      forgiven.push({ from: length, to: readFileSync(witness).length });
    },
    look: () => lookAt(false),
    async heal() {
      await Promise.all(pending);
      for (const network of networks) network.heal();
      await on.crew.dismiss((part) => part !== "works");
      writeFileSync(ending, counted());
      const drain = begin({ ...orderOf({ starts: 0, of: 1 }, server.url, true), witness: ending });
      const exit = await Promise.race([drain.ended, sleep(healMs, undefined, { ref: false })]);
      await drain.killAll();
      const got = exit === undefined ? "none" : `the process ended: ${drain.said()}`;
      const open = neverEnded(ending, healMs, got);
      for (const violation of open) tally.found(name, violation);
      if (open.length === 0 && exit?.code !== 0)
        tally.note(`${name}: the last process ended with ${JSON.stringify(exit)}: ${drain.said()}`);
      for (const ill of await on.crew.stop(stopMs))
        tally.note(`${name}: a process did not end well: ${ill}`);
      await lookAt(true);
      tally.add("stores");
    },
  };

  /** What was acknowledged, without what a server has lost that came back from its past. */
  function counted(): string {
    const all = readFileSync(witness);
    const textOf = (from: number, to: number): string => all.subarray(from, to).toString("utf8");
    let at = 0;
    let text = "";
    for (const { from, to } of forgiven) {
      text += textOf(at, from) + linesOf(textOf(from, to), true).join("");
      at = to;
    }
    return text + textOf(at, all.length);
  }

  /** Who was told of something before the snapshot finds it there; what ran before it may be witnessed after it. */
  async function lookAt(isLast: boolean): Promise<void> {
    const file = join(folder, "looked.db");
    const seen = join(folder, "seen.jsonl");
    const told = isLast ? readFileSync(ending, "utf8") : counted();
    rmSync(file, { force: true });
    const copied = await copyStore(server.url, file);
    const ran = readFileSync(witness, "utf8");
    writeFileSync(seen, [...linesOf(told, false), ...linesOf(ran, true)].join(""));
    const checked = judged(copied, check(file, seen));
    const violations = checked.violations.filter(
      (one) => forgiven.length === 0 || !isOfLostLog(one),
    );
    judge({ ...checked, violations }, { name, store: file, witness: seen, tally, isLast });
  }

  try {
    if (!(await on.crew.ready(parts.length, upMs))) throw new Error("the processes are not ready");
    await body(on);
    await on.heal();
  } finally {
    await on.crew.dismiss(() => true);
    for (const network of networks) await network.close();
    await server.stop();
  }
}

/** Those that say what ran, or the others. The last one may not be whole while somebody writes it. */
function linesOf(text: string, thatRan: boolean): readonly string[] {
  return [...text.matchAll(/.*\n/g)]
    .map(([line]) => line)
    .filter((line) => line.startsWith('{"ran"') === thatRan);
}
