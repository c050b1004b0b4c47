/**
 * Bit flips in a copy of a good store. SQLite's pages have no checksum, so not every flip can be noticed; what matters is how many,
 * and where: a flip is noticed (the file is refused, or the checker finds something), without effect (every row is as it was), or
 * it changes an answer and nobody notices.
 */
import { copyFileSync, closeSync, openSync, readSync, statSync, writeSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { check } from "../src/check/check.ts";
import { world, type Nemesis } from "./world.ts";

export const flip: Nemesis = {
  name: "flip",
  about: "one bit of a store flipped: is it noticed?",
  perStore: 50,
  async round(round, faults) {
    const { random, tally, folder, isOver } = round;
    const on = world("flip", round);
    const owner = on.begin();
    await owner.works;
    await sleep(300);
    await owner.killAll();
    await on.heal();
    const { store, witness } = on.order;
    const before = rowsOf(store);
    const copy = join(folder, "flipped.db");
    for (let done = 0; done < faults && !(done > 0 && isOver()); done += 1) {
      copyFileSync(store, copy);
      flipBit(copy, random.whole(0, statSync(copy).size - 1), random.whole(0, 7));
      tally.fault("bit flipped");
      const { violations } = check(copy, witness);
      if (violations.length > 0) tally.flipped("noticed");
      else tally.flipped(difference(before, rowsOf(copy)));
      await sleep(0);
    }
  },
};

function flipBit(path: string, at: number, bit: number): void {
  const file = openSync(path, "r+");
  const byte = Buffer.alloc(1);
  readSync(file, byte, 0, 1, at);
  byte.writeUInt8(byte.readUInt8() ^ (1 << bit));
  writeSync(file, byte, 0, 1, at);
  closeSync(file);
}

type Rows = ReadonlyMap<string, string>;

/** Every value of every row, under a name that says what it is. */
function rowsOf(path: string): Rows {
  const db = new DatabaseSync(path, { readOnly: true });
  const rows = new Map<string, string>();
  const queries = {
    log: "select id as key, hex(at) as a, hex(text) as b from log",
    state: "select key, hex(value) as a, typeof(value) as b from state",
    partition:
      "select partition as key, epoch || holder as a, wake_at || trimmed as b from partition",
    runs: "select run as key, state || flow as a, started_at as b from runs",
    meta: "select name as key, value as a, 0 as b from meta",
  };
  for (const [table, query] of Object.entries(queries))
    for (const { key, a, b } of db.prepare(query).iterate())
      rows.set(`${table}\0${String(key)}`, `${String(a)}\0${String(b)}`);
  db.close();
  return rows;
}

/** Where the first row differs; only the checker's silence brings us here. */
function difference(before: Rows, after: Rows): string {
  for (const [key, value] of before) {
    if (after.get(key) === value) continue;
    const [table = "", row = ""] = key.split("\0");
    const kind = table === "state" ? ` ${row.split("/")[0]}` : "";
    return `not noticed: ${table}${kind}`;
  }
  return before.size === after.size ? "without effect" : "not noticed: a row more";
}
