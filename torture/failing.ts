/** Storage that fails under the owner, by a shim between SQLite and the system: an error, or the end, at the k-th sync or write. */
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { command } from "./mounts.ts";
import type { Owner } from "./processes.ts";
import type { Tally } from "./tally.ts";
import { world, type Nemesis, type World } from "./world.ts";

/** As the shim reads it: which call, which of them, and what happens there. */
type Plan = { readonly call: "sync" | "write"; readonly does: "EIO" | "ENOSPC" | "KILL" };

const plans: readonly Plan[] = [
  { call: "sync", does: "EIO" },
  { call: "sync", does: "KILL" },
  { call: "write", does: "EIO" },
  { call: "write", does: "ENOSPC" },
  { call: "write", does: "KILL" },
];

const exitMs = 30_000;
let shim: string | undefined;

function whyNot(): string | undefined {
  if (process.platform !== "linux") return "it needs Linux";
  try {
    command("cc", "--version");
    return undefined;
  } catch {
    return "there is no C compiler (cc)";
  }
}

function built(): string {
  if (shim !== undefined) return shim;
  shim = join(process.env["TORTURE_FOLDER"] ?? import.meta.dirname, "shim.so");
  command(
    "cc",
    "-O2",
    "-Wall",
    "-shared",
    "-fPIC",
    "-o",
    shim,
    join(import.meta.dirname, "shim.c"),
    "-ldl",
  );
  const file = shim;
  process.once("exit", () => rmSync(file, { force: true }));
  return shim;
}

export const io: Nemesis = {
  name: "io",
  about: "an I/O error or a crash at the k-th sync or write of SQLite",
  perStore: 10,
  whyNot,
  async round(round, faults) {
    const { random, tally, isOver, before } = round;
    const on = world("io", round);
    for (let done = 0; done < faults && !(done > 0 && isOver()); done += 1) {
      const { call, does } = random.one(plans);
      // Every other goes through the first calls one by one: making the file, its tables, the first commits.
      const n = before + done;
      const last = call === "sync" ? 60 : 400;
      const at = n % 2 === 0 ? 1 + ((n / 2) % last) : random.whole(1, last);
      const owner = on.begin({
        LD_PRELOAD: built(),
        TORTURE_FAULT: `${call} ${at} ${does}`,
        TORTURE_FILE: on.order.store,
        TORTURE_WITNESS: on.order.witness,
      });
      owner.up.catch(() => undefined); // It may happen before it is ready.
      tally.fault(does === "KILL" ? `crash at a ${call}` : `${does} at a ${call}`);
      if (does === "KILL") await Promise.race([owner.ended, sleep(exitMs)]);
      else await endsByItself(owner, on, tally);
      await owner.killAll();
      saysNothingMore(on, tally);
      on.look();
    }
    await on.heal();
  },
};

/** Fail-stop, G17: the process exits by itself after an error of its storage. */
export async function endsByItself(owner: Owner, on: World, tally: Tally): Promise<void> {
  if ((await Promise.race([owner.ended, sleep(exitMs)])) !== undefined) return;
  const fault = faultOf(on);
  // It may have come at the last moment.
  const exit = fault !== undefined && (await Promise.race([owner.ended, sleep(exitMs)]));
  if (exit !== undefined && exit !== false) return;
  if (fault?.includes('"checkpoint"')) tally.add("went on after an error in a checkpoint");
  else if (fault !== undefined)
    tally.found(on.name, {
      guarantee: "G17",
      where: `process ${owner.pid}`,
      expected: "an exit after an error of the storage",
      got: `it lives ${exitMs / 1_000} s after ${fault}`,
    });
  else tally.note(`${on.name}: the fault did not come within ${exitMs / 1_000} s`);
  await owner.killAll();
}

/**
 * The fault of the last process, as the shim told it. SQLite does not tell of an error in a checkpoint, and need not: it keeps the WAL,
 * which was synced by every commit, and copies all of it again.
 */
function faultOf(on: World): string | undefined {
  return /\{"fault".*/.exec(sinceUp(on.order.witness))?.[0];
}

/** The other half of G17: between the error and its end, it acknowledges nothing. */
function saysNothingMore(on: World, tally: Tally): void {
  if (faultOf(on)?.includes('"checkpoint"')) return;
  const [, ...after] = sinceUp(on.order.witness).split('{"fault"');
  for (const [line] of after.join("").matchAll(/\{"(?:started|ended)":"[^"]*"\}/g))
    tally.found(on.name, {
      guarantee: "G17",
      where: on.order.store,
      expected: "no acknowledgement after an error of the storage",
      got: line,
    });
}

/** What was witnessed since the last process began. */
function sinceUp(witness: string): string {
  const text = readFileSync(witness, "utf8");
  return text.slice(text.lastIndexOf('{"up"'));
}
