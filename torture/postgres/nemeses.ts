/** Ways to do harm on PostgreSQL: one kind at a time, and all of them together. */
import { setTimeout as sleep } from "node:timers/promises";
import { whyNoServer } from "../../test/servers/postgres.ts";
import type { Nemesis } from "../world.ts";
import { onDatabase } from "./database.ts";
import {
  crashServer,
  cutNetwork,
  endBackends,
  failOver,
  killOne,
  stopOne,
  type Harm,
} from "./harms.ts";

export type Counts = { readonly usual: number; readonly published: number };

/** Looks while everybody works on, after so many faults. */
const lookEvery = 5;

function nemesis(name: string, about: string, perStore: number, harms: readonly Harm[]): Nemesis {
  return {
    name,
    about,
    perStore,
    whyNot: whyNoServer,
    round: (round, faults) =>
      onDatabase(name, round, async (on) => {
        const { random, tally, isOver } = round;
        for (let done = 0; done < faults && !(done > 0 && isOver()); done += 1) {
          await sleep(random.whole(200, 900));
          await random.one(harms)(on, random, tally);
          if (done % lookEvery === lookEvery - 1) await on.look();
        }
        await sleep(random.whole(200, 900));
      }),
  };
}

export const nemesesOfPostgres: readonly (readonly [Nemesis, Counts])[] = [
  [
    nemesis("kill", "SIGKILL of a manager or a worker; another takes its place", 25, [killOne]),
    { usual: 50, published: 1_000 },
  ],
  [
    nemesis("backend", "backends ended, where possible in the middle of a commit", 20, [
      endBackends,
    ]),
    { usual: 40, published: 2_000 },
  ],
  [
    nemesis("crash", "the server ends at once and recovers, while the load goes on", 8, [
      crashServer,
    ]),
    { usual: 8, published: 200 },
  ],
  [
    nemesis("cut", "the network cut or silent, for some or for all", 10, [cutNetwork]),
    { usual: 10, published: 200 },
  ],
  [
    nemesis("pause", "SIGSTOP of managers and workers past claims and leases, then SIGCONT", 6, [
      stopOne,
    ]),
    { usual: 6, published: 100 },
  ],
  [
    nemesis(
      "failover",
      "the server comes back without its last commits, while the processes live on",
      5,
      [failOver, failOver, killOne],
    ),
    { usual: 5, published: 100 },
  ],
  [
    nemesis("storm", "all of it together", 20, [
      killOne,
      stopOne,
      endBackends,
      crashServer,
      cutNetwork,
    ]),
    { usual: 20, published: 400 },
  ],
];
