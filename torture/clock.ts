/** The wall clock is stepped by hours and days, to and fro, while the owner works; the steady clock is left alone. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { world, type Nemesis } from "./world.ts";

const minute = 60_000;
const steps = [60 * minute, -60 * minute, 1_440 * minute, -1_440 * minute, 525_600 * minute, 3_000];

export const clock: Nemesis = {
  name: "clock",
  about: "the wall clock stepped by seconds to a year, both ways",
  perStore: 8,
  async round(round, faults) {
    const { random, tally, folder, isOver } = round;
    const file = join(folder, "clock");
    const on = world("clock", round, { clock: file });
    writeFileSync(file, "0");
    const owner = on.begin();
    await owner.up;
    const from = performance.now();
    for (let done = 0; done < faults && !(done > 0 && isOver()); done += 1) {
      await sleep(random.whole(200, 500));
      writeFileSync(file, `${random.one(steps)}`);
      tally.fault("clock stepped");
    }
    await sleep(300);
    const took = performance.now() - from;
    await owner.killAll();
    on.look();
    const told = timeTold(on.order.store);
    // It may run at double speed to catch up, and no faster.
    if (told > 2 * took + 2_000)
      tally.found(on.name, {
        guarantee: "G11",
        where: "the log",
        expected: `at most ${Math.round(2 * took)} ms in ${Math.round(took)} ms`,
        got: `${told} ms`,
      });
    writeFileSync(file, "0");
    await on.heal();
  },
};

function timeTold(store: string): number {
  const db = new DatabaseSync(store, { readOnly: true });
  const row = db.prepare("select max(at) - min(at) as told from log").get();
  db.close();
  return Number(row?.["told"]);
}
