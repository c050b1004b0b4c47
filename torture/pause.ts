/** SIGSTOP for longer than a lease, then SIGCONT: who wakes up believes that it still has its tasks. */
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import type { Tally } from "./tally.ts";
import { world, type Nemesis, type World } from "./world.ts";

/** limits.leaseMs is 10 s. */
const pastTheLeaseMs = 11_500;
/** Within this, a second process has said its no; also on a machine that has much else to do. */
const answerMs = 30_000;

export const pause: Nemesis = {
  name: "pause",
  about: "SIGSTOP of a worker, and of the owner, past their leases, then SIGCONT",
  perStore: 2,
  async round(round, faults) {
    const { tally } = round;
    const on = world("pause", round, { processes: 2 });
    const owner = on.begin();
    await owner.up;
    await owner.hasWorkers(2, 15_000);
    for (let done = 0; done < faults; done += 1) {
      await sleep(round.random.whole(300, 800));
      const victim = done === 0 ? owner.workers()[0] : owner.pid;
      owner.signal("SIGSTOP", victim);
      if (victim === owner.pid) await rival(on, tally);
      await sleep(pastTheLeaseMs);
      owner.signal("SIGCONT", victim);
      tally.fault(done === 0 ? "worker stood still" : "owner stood still");
      await sleep(1_500);
    }
    await owner.killAll();
    const taken = lostTasks(on.order.store);
    tally.add("tasks taken from who stood still", taken);
    if (taken === 0)
      tally.note(`${on.name}: nothing was taken from who stood still, so this has tested nothing`);
    await on.heal();
  },
};

/** Its owner stands still and holds the file all the same: another one must be refused. */
async function rival(on: World, tally: Tally): Promise<void> {
  const second = on.begin();
  const exit = await Promise.race([second.ended, sleep(answerMs)]);
  await second.killAll();
  await Promise.race([second.silent, sleep(answerMs)]);
  if (exit !== undefined && exit.code !== 0 && second.said().includes("is in use"))
    return tally.add("second owners refused");
  tally.found(on.name, {
    guarantee: "G8",
    where: on.order.store,
    expected: "a second owner refused",
    got: `${JSON.stringify(exit)} ${second.said()}`,
  });
}

function lostTasks(store: string): number {
  const db = new DatabaseSync(store, { readOnly: true });
  const row = db
    .prepare(
      `select count(*) as n from log where text like '{"type":"task.lost"%' and text not like '%"clean":true%'`,
    )
    .get();
  db.close();
  return Number(row?.["n"]);
}
