/**
 * The simulator's world on a real PostgreSQL and in real time: its users, its people, its roles, and its checkers; only time, chance of the moment
 * and the engine are not simulated. Processes are crashed, backends ended, and the network cut, until the storm is over.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { encode, type Entry } from "../../src/core/event.ts";
import { keys, partitionOf } from "../../src/core/ids.ts";
import { postgresEngine } from "../../src/engines/postgres/engine.ts";
import { systemClock } from "../../src/engines/system.ts";
import { ConflictError, UnavailableError } from "../../src/errors.ts";
import type { Engine } from "../../src/ports/engine.ts";
import { reader as readerOf } from "../../src/roles/reader.ts";
import { check, checkStored, type Accepted, type Checked } from "../../src/sim/checkers.ts";
import { newLife, type Life } from "../../src/sim/clock.ts";
import { drawer } from "../../src/sim/draw.ts";
import { checkLeft } from "../../src/sim/left.ts";
import { boot, type Booted, type NodePlan } from "../../src/sim/node.ts";
import { people as peopleOf } from "../../src/sim/people.ts";
import { plansOf, type Users } from "../../src/sim/program.ts";
import { checkGone, isGone } from "../../src/sim/removal.ts";
import { newWitness } from "../../src/sim/witness.ts";
import { proxyTo } from "../servers/proxy.ts";
import { sql } from "../servers/databases.ts";
import { until } from "../until.ts";

export type World = {
  readonly violations: readonly string[];
  readonly checked: Checked;
  readonly crashes: number;
  readonly ended: number;
};

const partitions = 2;
const stormMs = 6_000;
const bootMs = 500;
/** Two sweeps after the longest timeout. */
const patienceMs = 170_000;
export const runs = 4;

const queues = ["default", "other"];
const nodes: readonly NodePlan[] = [
  { name: "first", manages: true, slots: 4, queues, owns: false },
  { name: "second", manages: true, slots: 0, queues, owns: false },
  { name: "third", manages: false, slots: 8, queues, owns: false },
];

/** What a manager asked for, and whether it was told that it is so. */
type Asked = Accepted & { readonly isSure: boolean };

export async function worldOn(url: string, seed: number): Promise<World> {
  const draw = drawer(seed);
  const witness = newWitness();
  const users: Users = {
    forEver: true,
    draw,
    witness,
    calm: false,
    healed: true,
    flows: 2,
    items: 12,
  };
  const plans = plansOf(users);
  const asked = Array.from({ length: partitions }, (): Asked[] => []);
  const violations: string[] = [];
  const proxy = await proxyTo(url);
  let crashes = 0;
  let isOver = false;
  /** Ends what still waits: work that hangs would keep this process for hours. */
  const over = new AbortController();
  let processes = 0;
  const engines: Engine[] = [];
  const starts: Promise<void>[] = [];
  const booted = new Map<string, Booted>();
  const lives = new Map<string, Life>();

  async function open(life: Life, by: string): Promise<Engine> {
    const engine = await postgresEngine(by, { clock: systemClock(), partitions, connections: 4 });
    engines.push(engine);
    return mortal(recording(engine, asked), life);
  }

  async function start(plan: NodePlan): Promise<void> {
    const life = newLife();
    lives.set(plan.name, life);
    processes += 1;
    const process = { id: processes, name: `${plan.name}-${processes}`, life, calls: 0 };
    const engine = await until<Engine | "over" | undefined>(() =>
      isOver ? "over" : open(life, proxy.url).catch(() => undefined),
    );
    if (engine === "over") return;
    booted.set(
      plan.name,
      boot({
        plan,
        process,
        engine: plan.manages ? engine : { ...engine, manages: false },
        clock: { clockOf: (of) => clockOf(of, over.signal) },
        users,
        plans,
        schedules: [],
        removeAtOnce: 7,
        trimAtLeast: Infinity,
        crash: () => crash(plan, life),
        onError(role, error) {
          if (!life.alive || error instanceof UnavailableError || error instanceof ConflictError)
            return;
          violations.push(`${role} of ${process.name} threw ${String(error)}`);
        },
      }),
    );
  }

  function crash(plan: NodePlan, life: Life): void {
    if (!life.alive || isOver) return;
    life.alive = false;
    crashes += 1;
    starts.push(sleep(bootMs).then(() => start(plan)));
  }

  async function disturb(): Promise<void> {
    const end = performance.now() + stormMs;
    for (let n = 0; performance.now() < end; n += 1) {
      await sleep(100 + 400 * draw.unit("disturb", n));
      const [victim] = nodes.toSorted((a, b) => draw.unit(n, a.name) - draw.unit(n, b.name));
      const life = lives.get(victim?.name ?? "");
      const harm = draw.pick(["crash", "backends", "backends", "cut"], "harm", n);
      if (harm === "crash" && victim !== undefined && life !== undefined) crash(victim, life);
      if (harm === "backends") await sql(url, endBackends);
      if (harm === "cut") {
        proxy.cut();
        await sleep(300);
        proxy.heal();
      }
    }
  }

  try {
    for (const plan of nodes) await start(plan);
    const mine = newLife();
    lives.set("people", mine); // Who asks of an engine that is closed is not answered, and would ask for ever.
    const engine = await open(mine, url);
    const options = { engine, clock: clockOf(mine, over.signal) };
    const wholeLog = (partition: number): Promise<readonly Entry[]> =>
      engine.log.read(partition, 0, all);
    const gone = async (run: string): Promise<boolean> =>
      isGone(await wholeLog(partitionOf(run, partitions)), run);
    const reader = readerOf({ ...options, plans });
    const people = peopleOf({
      ...options,
      draw,
      users,
      flows: [...plans.keys()],
      runs,
      commands: 6,
      expirations: 12,
      wholeLog,
      onWrong: (what) => violations.push(what),
      stormMs,
      reader,
    });
    people.act();
    await disturb();
    people.attend();
    await until(() => people.over.size === runs, {
      withinMs: patienceMs,
      what: "people see the end of every run",
    });
    for (const run of people.ids.slice(0, runs / 2)) await remove(engine, run, gone);
    isOver = true;
    // What they have on the way is written down, and nothing new begins.
    await Promise.all([...booted.values()].map((one) => one.stop().catch(() => undefined)));

    const last = await open(newLife(), url);
    const history = {
      plans,
      partitions: await Promise.all(
        asked.map(async (commits, partition) => {
          const entries = await last.log.read(partition, 0, all);
          return { entries, commits: accepted(commits, new Set(entries.map(({ text }) => text))) };
        }),
      ),
    };
    const checked = check(history);
    violations.push(...checked.violations);
    for (const run of people.acknowledged)
      if (!checked.runs.has(run) && !checked.removed.has(run) && !checked.leaving.has(run))
        violations.push(`the start of ${run} was acknowledged, and there is no such run`);
    for (const [home, { entries }] of history.partitions.entries()) {
      const stored = new Map(await last.store.scan(home, "", Number.MAX_SAFE_INTEGER));
      for (const run of checked.runs.values())
        if (stored.has(keys.run(run.id)))
          checkStored(run, stored, (what) => violations.push(`at the end: ${what}`));
      violations.push(...(await checkGone(last.store, home, checked, entries)));
    }
    violations.push(...(await checkLeft(last, people, witness, false)));
    return { violations, checked, crashes, ended: people.over.size };
  } finally {
    isOver = true;
    for (const life of lives.values()) life.alive = false;
    over.abort();
    await Promise.all(starts);
    await Promise.all(engines.map((engine) => engine.close()));
    await proxy.close();
  }
}

const all = { records: Infinity, bytes: Infinity };

/** As retention asks for it, and asks again: who lists runs is a moment behind. */
async function remove(
  engine: Engine,
  run: string,
  gone: (run: string) => Promise<boolean>,
): Promise<void> {
  const asks = async (): Promise<boolean> => {
    if (await gone(run)) return true;
    const row = await engine.views.run(run);
    const text = encode({ type: "run.expired", run, flow: row?.flow ?? "", retentionMs: 0 });
    await engine.log.append(partitionOf(run, partitions), [text]);
    await sleep(bootMs);
    return false;
  };
  await until(asks, { withinMs: patienceMs, what: `${run} is removed` });
}

const endBackends = `
  select pg_terminate_backend(pid) from pg_stat_activity
  where application_name = 'fanfold' and datname = current_database() and pid <> pg_backend_pid()
  order by state = 'active' desc, random() limit 3`;

/** The real clock, for as long as the process lives; then it never comes back. */
function clockOf(life: Life, over: AbortSignal) {
  const clock = systemClock();
  return {
    now: clock.now,
    sleep: (ms: number, signal = over) =>
      whileAlive(life, () => clock.sleep(ms, AbortSignal.any([signal, over]))),
  };
}

/** A process that has crashed hears no answer, and what it asks for then does not happen. */
async function whileAlive<T>(life: Life, act: () => Promise<T>): Promise<T> {
  if (!life.alive) return new Promise<never>(() => undefined);
  try {
    return await act();
  } finally {
    // oxlint-disable-next-line no-unsafe-finally -- whoever is dead gets no answer, good or bad
    if (!life.alive) await new Promise<never>(() => undefined);
  }
}

type Port = Readonly<Record<string, unknown>>;

function mortal(engine: Engine, life: Life): Engine {
  const port = <P extends object>(of: P): P => {
    const calls = Object.entries(of as Port).map(([name, call]) => [
      name,
      typeof call !== "function"
        ? call
        : (...given: readonly unknown[]) =>
            whileAlive(life, async () =>
              (call as (...all: readonly unknown[]) => unknown)(...given),
            ),
    ]);
    return Object.fromEntries(calls) as P; // oxlint-disable-line typescript/no-unsafe-type-assertion -- the same names
  };
  const { log, queue, store, views } = engine;
  return { ...engine, log: port(log), queue: port(queue), store: port(store), views: port(views) };
}

/** Notes every commit that is asked for: of one whose answer got lost, the log says whether it happened. */
function recording(engine: Engine, asked: readonly Asked[][]): Engine {
  return {
    ...engine,
    store: {
      ...engine.store,
      async commit(claim, commit) {
        const { partition, offset: from, epoch } = claim;
        const note = (isSure: boolean) => asked[partition]?.push({ from, epoch, commit, isSure });
        try {
          const next = await engine.store.commit(claim, commit);
          note(true);
          return next;
        } catch (error) {
          if (error instanceof UnavailableError) note(false);
          throw error;
        }
      },
    },
  };
}

/** In their order. Each begins where the one before ended; of those without an answer, the one whose records are there. */
function accepted(asked: readonly Asked[], written: ReadonlySet<string>): readonly Accepted[] {
  const chain: Accepted[] = [];
  for (let at = 0; ;) {
    const here = asked.filter(({ from }) => from === at);
    const next =
      here.find(({ isSure }) => isSure) ??
      here.find(
        ({ commit }) =>
          commit.events.length > 0 && commit.events.every((text) => written.has(text)),
      ) ??
      here.find(({ commit }) => asked.some(({ from }) => from === commit.to));
    if (next === undefined || next.commit.to === at) return chain;
    chain.push(next);
    at = next.commit.to;
  }
}
