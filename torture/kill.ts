/** kill -9, of the owner or of a worker, every few hundred ms; every other store has workers in processes of their own. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Owner } from "./processes.ts";
import { world, type Nemesis } from "./world.ts";

export const kill: Nemesis = {
  name: "kill",
  about: "SIGKILL of the owner or a worker at random moments, then a restart",
  perStore: 25,
  async round(round, faults) {
    const { random, tally, isOver, seed } = round;
    const processes = seed % 2 === 0 ? 2 : 0;
    const on = world(processes === 0 ? "kill" : "kill with workers", round, { processes });
    const zombies: Owner[] = [];
    for (let done = 0; done < faults && !(done > 0 && isOver());) {
      const owner = on.begin();
      await owner.up;
      if (done > 0) owner.works.then(tally.recovered, () => undefined);
      if (processes > 0) await owner.hasWorkers(processes, 15_000);
      await sleep(random.whole(100, 400));
      const worker = owner.workers()[0];
      if (worker !== undefined && random.whole(1, 3) === 1) {
        owner.signal("SIGKILL", worker);
        tally.fault("worker killed");
        done += 1;
        await sleep(random.whole(100, 400));
      }
      // Half of the time its workers live on, without an owner, while the next one is there.
      owner.signal("SIGKILL");
      await owner.ended;
      tally.fault("owner killed");
      done += 1;
      if (random.whole(0, 1) === 0) await owner.killAll();
      else zombies.push(owner);
      on.look();
    }
    await Promise.all(zombies.map((owner) => owner.killAll()));
    await on.heal();
  },
};
