/** What can be done to processes that share a database, and to what is between them. Each of them returns when it is done, not when it is over. */
import { setTimeout as sleep } from "node:timers/promises";
import { Client } from "pg";
import type { Random } from "../random.ts";
import type { Tally } from "../tally.ts";
import type { Member } from "./crew.ts";
import type { Database } from "./database.ts";

export type Harm = (on: Database, random: Random, tally: Tally) => Promise<void>;

/** limits.leaseMs is 10 s, limits.claimMs 4 s. */
const pastTheLeaseMs = 11_500;

const kindOf = ({ part }: Member): string => (part === "works" ? "worker" : "manager");

/** Every other time one that only manages, since they are the fewer. */
function victim({ crew }: Database, random: Random): Member | undefined {
  const all = crew.members();
  const works = random.whole(0, 1) === 0;
  const wanted = all.filter(({ part }) => (part === "works") === works);
  const of = wanted.length > 0 ? wanted : all;
  return of.length === 0 ? undefined : random.one(of);
}

export const killOne: Harm = async (on, random, tally) => {
  const member = victim(on, random);
  if (member === undefined) return;
  on.crew.kill(member);
  tally.fault(`${kindOf(member)} killed`);
};

/** SIGSTOP; SIGCONT comes when its lease and its claims have ended, and others have what it had. */
export const stopOne: Harm = async (on, random, tally) => {
  const member = victim(on, random);
  if (member === undefined) return;
  member.process.signal("SIGSTOP");
  tally.fault(`${kindOf(member)} stood still`);
  on.later(sleep(pastTheLeaseMs).then(() => member.process.signal("SIGCONT")));
};

/** Those that are in the middle of a statement, if there are any: it may be a commit. */
const terminate = `
  select pg_terminate_backend(pid) from pg_stat_activity
  where application_name = 'fanfold' and pid <> pg_backend_pid()
  order by state = 'active' desc, wait_event_type = 'IO' desc nulls last, random() limit $1`;

export const endBackends: Harm = async (on, random, tally) => {
  const client = new Client({ connectionString: on.server.url });
  client.on("error", () => undefined);
  await client.connect();
  try {
    // Many at once find few that are in the middle of something; so it is done again and again.
    for (let time = 0; time < 10; time += 1) {
      const { rowCount } = await client.query(terminate, [random.whole(1, 3)]);
      for (let n = 0; n < (rowCount ?? 0); n += 1) tally.fault("backend ended");
      await sleep(random.whole(5, 40));
    }
  } finally {
    await client.end();
  }
};

/** Immediate shutdown: nothing is flushed, and the next start recovers from the write-ahead log. */
export const crashServer: Harm = async (on, _random, tally) => {
  tally.fault("server crashed");
  await on.server.restart();
};

/** What was acknowledged since the copy may be gone, and nothing else. */
export const failOver: Harm = async (on, random, tally) => {
  const mark = on.mark();
  const takeOver = await on.server.copy();
  await sleep(random.whole(100, 1_500));
  tally.fault("failover that lost commits");
  await takeOver();
  await on.forgive(mark);
};

/** Connections are reset and refused, or nothing comes through any more; of half of the processes, or of all. */
export const cutNetwork: Harm = async (on, random, tally) => {
  const networks = random.whole(0, 2) === 0 ? on.networks : [random.one(on.networks)];
  const isSilent = random.whole(0, 1) === 0;
  for (const network of networks)
    if (isSilent) network.silence();
    else network.cut();
  tally.fault(isSilent ? "network fell silent" : "network cut");
  await sleep(random.whole(200, isSilent ? 6_000 : 3_000));
  for (const network of networks) network.heal();
};
