/** A disk that fills up while the owner works, and has room again: what was acknowledged before is there, and nothing after. */
import { rmSync, writeFileSync, appendFileSync } from "node:fs";
import { join } from "node:path";
import { memoryDisk, whyNoMounts } from "./mounts.ts";
import { endsByItself } from "./failing.ts";
import { world, type Nemesis } from "./world.ts";

const diskMb = 32;

export const full: Nemesis = {
  name: "full",
  about: "the disk is full, then it has room again",
  perStore: 3,
  whyNot: whyNoMounts,
  async round(round, faults) {
    const { tally, folder, isOver } = round;
    const disk = memoryDisk(join(folder, "disk"), diskMb);
    const ballast = join(disk.path, "ballast");
    try {
      const on = world("full", round, { store: join(disk.path, "torture.db") });
      for (let done = 0; done < faults && !(done > 0 && isOver()); done += 1) {
        const owner = on.begin();
        await owner.up;
        if (done > 0) owner.works.then(tally.recovered, () => undefined);
        await owner.works;
        fill(ballast);
        appendFileSync(on.order.witness, '{"fault":"disk full"}\n');
        tally.fault("disk full");
        await endsByItself(owner, on, tally);
        rmSync(ballast);
        on.look();
      }
      await on.heal();
    } finally {
      disk.unmount();
    }
  },
};

/** Takes all the room there is, the last page included. */
function fill(ballast: string): void {
  writeFileSync(ballast, "");
  for (let size = 2 ** 20; size >= 512; size /= 2)
    try {
      for (;;) appendFileSync(ballast, Buffer.alloc(size, 1));
    } catch {
      // Smaller pieces may still fit.
    }
}
