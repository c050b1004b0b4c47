/**
 * Power cuts. The store lies on an ext4 image in memory; the writer is stopped, the image is copied, and the copy is what the platter
 * has: what was never synced is not in it. Then the machine "starts again" on the copy.
 *
 * The copy must be of one moment. A process that stands still has left the kernel, so what may still write is the kernel's own
 * write-back; if the device wrote anything while it was copied, it is copied again.
 */
import { copyFileSync, readFileSync, renameSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { command, imageDisk, memoryDisk, whyNoImages } from "./mounts.ts";
import { standsStill } from "./processes.ts";
import { world, type Nemesis } from "./world.ts";

const imageMb = 64;

export const power: Nemesis = {
  name: "power",
  about: "power cuts: the disk as of its last sync, and a start from it",
  perStore: 20,
  whyNot: whyNoImages,
  async round(round, faults) {
    const { random, tally, folder, isOver } = round;
    const memory = memoryDisk(join(folder, "memory"), imageMb * 2 + 64);
    const image = join(memory.path, "disk");
    const platter = join(memory.path, "platter");
    command("truncate", "-s", `${imageMb}m`, image);
    command("mkfs.ext4", "-q", image);
    let disk = imageDisk(join(folder, "disk"), image);
    try {
      // The witness is outside: it is another machine's.
      const on = world("power", round, { store: join(disk.path, "torture.db") });
      for (let done = 0; done < faults && !(done > 0 && isOver()); done += 1) {
        const owner = on.begin();
        await owner.up;
        if (done > 0) owner.works.then(tally.recovered, () => undefined);
        await sleep(random.whole(50, 400));
        owner.signal("SIGSTOP");
        await standsStill(owner.pid);
        copyAtOnce(disk.device, image, platter);
        await owner.killAll();
        disk.unmount();
        rmSync(image);
        renameSync(platter, image);
        disk = imageDisk(disk.path, image);
        tally.fault("power cut");
        on.look();
      }
      await on.heal();
    } finally {
      disk.unmount();
      memory.unmount();
    }
  },
};

function copyAtOnce(device: string, image: string, platter: string): void {
  const writes = (): string | undefined =>
    readFileSync(`/sys/block/${basename(device)}/stat`, "utf8")
      .trim()
      .split(/\s+/)[4];
  for (let tries = 0; ; tries += 1) {
    const before = writes();
    copyFileSync(image, platter);
    if (writes() === before) return;
    if (tries > 20)
      throw new Error("the disk is written all the time, although nobody works on it");
  }
}
