/** One simulated world: drawn by its seed, stormy for a while, then quiet until everything has ended. */
import type { Entry } from "../core/event.ts";
import { keys, partitionOf, scheduleOf } from "../core/ids.ts";
import { memoryEngine } from "../engines/memory/engine.ts";
import { ConflictError, UnavailableError } from "../errors.ts";
import { reader as readerOf } from "../roles/reader.ts";
import {
  check,
  checkStored,
  leftOpen,
  type Accepted,
  type Checked,
  type History,
} from "./checkers.ts";
import { newLife, simClock, type Life } from "./clock.ts";
import { drawer } from "./draw.ts";
import { isEnded, type Run } from "./model.ts";
import { boot, planNodes, type Booted, type NodePlan } from "./node.ts";
import { people as peopleOf } from "./people.ts";
import { faultyEngine, type Between, type Process } from "./ports.ts";
import { recording } from "./recording.ts";
import { checkGone } from "./removal.ts";
import { isOfOther } from "./inputs.ts";
import { itemsOf, plansOf, scheduledFlow, type Users } from "./program.ts";
import { checkSchedule, drawSchedules } from "./schedules.ts";
import { clear, drawWeather, each, faultKinds, type FaultKind } from "./weather.ts";
import { checkLeft } from "./left.ts";
import { judgeTelling, type Begun } from "./telling.ts";
import { newWitness } from "./witness.ts";

/** What of the draw is taken smaller, or away: how a failing seed is shrunk. */
export type Smaller = {
  readonly without?: readonly FaultKind[];
  readonly nodes?: number;
  readonly runs?: number;
  readonly items?: number;
  readonly commands?: number;
};

export type Report = {
  readonly seed: number;
  readonly violations: readonly string[];
  readonly faults: Readonly<Record<FaultKind | "restart", number>>;
  readonly runs: number;
  readonly folds: number;
  readonly joins: number;
  readonly executions: number;
  readonly swept: number;
  /** Things that happened, and in how much virtual time. */
  readonly steps: number;
  readonly virtualMs: number;
  readonly trace: string;
  /** What was drawn, in a line. */
  readonly about: string;
};

/** A report, and what it was made from. */
export type Simulated = { readonly report: Report; readonly history: History };

/** After the storm everything must have ended within this. */
const patienceMs = 40 * 60_000;
/** Of one kind, the first says what is wrong. */
const tellAtMost = 3;
/** What is under way when the last run ends still arrives, and the listener, who is deaf now and then, hears of it. */
const afterwardsMs = 30_000;
const longestBootMs = 4_000;
/** A world in which more happens is one that goes round in circles; most have a few thousand. */
const stepsAtMost = 3_000_000;

type Node = { readonly plan: NodePlan; life: Life; booted: Booted | undefined; lives: number };

export async function simulate(seed: number, smaller: Smaller = {}): Promise<Simulated> {
  const draw = drawer(seed);
  const without = new Set(smaller.without);
  // ---- what is drawn
  const calm = draw.chance(0.08, "calm");
  const healed = !calm && draw.chance(0.5, "healed");
  const isShared = draw.chance(0.6, "profile");
  const partitions = draw.pick([1, 1, 2], "partitions");
  const stormMs = 1_000 * draw.between(5, 40, "storm");
  const kinds = calm ? new Set(faultKinds) : without;
  const storm = drawWeather(draw, kinds, { healed, isShared });
  const witness = newWitness();
  const users: Users = {
    draw,
    witness,
    calm,
    healed,
    flows: draw.between(1, 2, "flows"),
    items: smaller.items ?? draw.pick([3, 12, 40], "items"),
  };
  const runs = smaller.runs ?? draw.between(1, 4, "runs");
  const commands = smaller.commands ?? (calm ? 0 : draw.pick([0, 1, 3, 6], "commands"));
  const plans = planNodes(isShared, smaller.nodes ?? 9, draw.between(1, 3, "workers"), (slot) =>
    draw.pick([1, 2, 8], "slots", slot),
  );
  const restartRate = calm ? 0 : draw.pick([0, 0, 0.1], "restarts");

  // ---- the world
  const clock = simClock();
  const began = clock.now();
  const logLife = newLife();
  const memory = memoryEngine({ clock: clock.clockOf(logLife), partitions });
  const commits = Array.from({ length: partitions }, (): Accepted[] => []);
  /** From where on who is told, by reader and partition. */
  const begunAt = new Map<string, number>();
  /** The log as it was before it was trimmed, by partition. */
  const trimmed = commits.map((): Entry[] => []);
  const shared = recording(memory, isShared, commits, begunAt, trimmed);
  const faults = { ...each(() => 0), restart: 0 };
  const violations: string[] = [];
  const flowPlans = plansOf(users);
  const schedules = drawSchedules(draw, scheduledFlow, began + stormMs);
  let weather = storm;
  let isStorm = true;
  let trace = 0;
  let processes = 0;
  let servers = 1;
  const nodes = plans.map((plan): Node => ({ plan, life: newLife(), booted: undefined, lives: 0 }));
  const owner = isShared ? undefined : nodes[0];

  const between: Between = {
    clock,
    seed,
    weather: () => weather,
    reachable: () => owner === undefined || owner.life.alive,
    server: () => servers,
    crash: ({ life }) => {
      const node = nodes.find((one) => one.life === life);
      if (node !== undefined) crash(node);
    },
    onFault: (kind) => {
      faults[kind] += 1;
    },
    trace: (sign) => {
      trace = (Math.imul(trace ^ (sign % 4_294_967_296), 0x9e3779b1) ^ (trace >>> 15)) | 0;
    },
  };

  function newProcess(name: string, life: Life): Process {
    processes += 1;
    return { id: processes, name, life, calls: 0 };
  }

  function start(node: Node): void {
    node.lives += 1;
    const { plan } = node;
    const before = node.life.skewMs;
    node.life = newLife(before);
    const process = newProcess(`${plan.name}-${node.lives}`, node.life);
    const { life } = node;
    const engine = faultyEngine(shared, process, between, healed);
    node.booted = boot({
      plan,
      process,
      engine: plan.manages ? engine : { ...engine, manages: false },
      clock,
      users,
      plans: flowPlans,
      schedules,
      crash: () => between.crash(process),
      removeAtOnce: draw.pick([1, 7, 500], "removed at once"),
      trimAtLeast: draw.pick([1, 50, Infinity], "trimmed at least"),
      onError: (role, error) => {
        const isExpected = error instanceof UnavailableError || error instanceof ConflictError;
        if (!life.alive || isExpected || (servers > 1 && isGoneBack(error))) return;
        violations.push(`${role} of ${process.name} threw ${told(error)}`);
      },
    });
  }

  function down(node: Node, bootMs: number): void {
    node.life.alive = false;
    node.booted = undefined;
    if (node.plan.owns) memory.loseQueue();
    clock.after(bootMs, () => start(node));
  }

  function crash(node: Node): void {
    if (!node.life.alive) return;
    down(node, draw.unit("boot", node.plan.name, node.lives) * longestBootMs);
  }

  /** In good order; a process that cannot stop in good order just ends. */
  async function restart(node: Node): Promise<void> {
    const { booted, life } = node;
    if (booted === undefined || !life.alive) return;
    node.booted = undefined;
    faults.restart += 1;
    try {
      await booted.stop();
    } catch (error) {
      if (!(error instanceof UnavailableError))
        violations.push(`stopping ${node.plan.name} threw ${told(error)}`);
    }
    if (life.alive) down(node, 200);
  }

  /** A replica that is so far behind takes the place of the server, while everybody lives on and people have not gone home. */
  function failOver(behindMs: number): void {
    const takeBack = shared.copy();
    const server = servers;
    clock.after(Math.min(behindMs, began + stormMs - clock.now()), () => {
      if (server !== servers) return; // It was a replica of the server before this one, which nobody follows any more (seed 7756).
      takeBack();
      servers += 1;
      people.startAgain();
    });
  }

  function disturb(second: number): void {
    if (!isStorm) return;
    const { rates } = weather;
    const hit = (kind: FaultKind, name: string): boolean => {
      const is = draw.chance(rates[kind], second, kind, name);
      if (is) faults[kind] += 1;
      return is;
    };
    for (const node of nodes) {
      const { name } = node.plan;
      if (hit("worker's clock", name))
        node.life.skewMs += draw.between(-10_000, 10_000, second, name, "jump");
      if (draw.chance(restartRate, second, name, "restart")) void restart(node);
    }
    if (hit("log's clock", "log")) logLife.skewMs += draw.between(500, 15_000, second, "jump");
    if (hit("lost queue", "queue")) memory.loseQueue();
    if (hit("failover", "server")) failOver(draw.between(50, 3_000, second, "behind"));
    clock.after(1_000, () => disturb(second + 1));
  }

  const peopleLife = newLife();
  const engineOfPeople = faultyEngine(shared, newProcess("people", peopleLife), between, healed);
  const peopleClock = clock.clockOf(peopleLife);
  const options = { engine: engineOfPeople, clock: peopleClock };
  const people = peopleOf({
    ...options,
    draw,
    users,
    flows: [...flowPlans.keys()],
    runs,
    commands,
    stormMs,
    expirations: calm ? 0 : draw.pick([0, 0, 3, 12], "expirations"),
    wholeLog,
    onWrong: (what) => violations.push(what),
    reader: readerOf({ ...options, plans: flowPlans }),
  });

  async function wholeLog(partition: number): Promise<readonly Entry[]> {
    const before = trimmed[partition] ?? [];
    const max = { records: Infinity, bytes: Infinity };
    return [...before, ...(await memory.log.read(partition, before.length, max))];
  }

  // ---- the storm, and after it
  for (const node of nodes) start(node);
  people.act();
  clock.after(1_000, () => disturb(1));
  const isEndless = (): boolean => clock.steps() > stepsAtMost;
  await clock.run(isEndless, began + stormMs);
  isStorm = false;
  weather = { ...clear, latencyMs: storm.latencyMs };
  for (const node of nodes) {
    node.life.pausedUntil = 0;
    node.life.skewMs = Math.max(node.life.skewMs, logLife.skewMs);
  }
  people.attend();
  const deadline = clock.now() + patienceMs;
  await clock.run(() => people.over.size === runs || isEndless(), deadline);
  const isLate = people.over.size < runs;
  const isBusy = schedules.length > 0; // What they started goes on.
  if (!isLate) await clock.run(isEndless, clock.now() + afterwardsMs);
  if (isEndless()) violations.push(`${clock.steps()} things happened, and no end of it`);

  // ---- the judgement
  const history = {
    plans: flowPlans,
    partitions: await Promise.all(
      commits.map(async (accepted, partition) => ({
        commits: accepted,
        entries: await wholeLog(partition),
      })),
    ),
  };
  const checked = check(history);
  violations.push(...checked.violations);
  for (const schedule of schedules) {
    const home = history.partitions[partitionOf(schedule.name, partitions)];
    if (home !== undefined) violations.push(...checkSchedule(schedule, home).slice(0, tellAtMost));
  }
  if (isLate)
    for (const run of people.ids) if (!people.over.has(run)) violations.push(hangs(run, checked));
  for (const run of people.acknowledged)
    if (!checked.runs.has(run) && !checked.removed.has(run) && !checked.leaving.has(run))
      violations.push(`the start of ${run} was acknowledged, and there is no such run`);
  if (!isLate) await judgeEnd();

  /** When all is over: everything stored is what the log says, and what was done outside fits to it. */
  async function judgeEnd(): Promise<void> {
    for (const [partition, accepted] of commits.entries()) {
      const end = await memory.log.end(partition);
      if ((accepted.at(-1)?.commit.to ?? 0) < end - (isBusy ? 500 : 50))
        violations.push(`partition ${partition}: its end was not consumed`);
      const all = await memory.store.scan(partition, "", Number.MAX_SAFE_INTEGER);
      const stored = new Map(all);
      for (const run of checked.runs.values())
        if (stored.has(keys.run(run.id)))
          checkStored(run, stored, (what) => violations.push(`at the end: ${what}`));
      violations.push(
        ...(await checkGone(memory.store, partition, checked, await wholeLog(partition))),
      );
    }
    for (const run of checked.runs.values()) judgeRun(run);
    for (const [partition, { entries }] of history.partitions.entries()) {
      const begun: Begun = (reader) => begunAt.get(`${reader} ${partition}`);
      violations.push(...judgeTelling(entries, partition, begun, users).slice(0, tellAtMost));
    }
    const untrimmed = { ...memory, log: { ...memory.log, read: wholeLog } };
    violations.push(...(await checkLeft(untrimmed, people, witness, servers > 1)));
  }

  function judgeRun(run: Run): void {
    // Nobody looks after what a schedule has started: it may be held, or under way.
    if (!isEnded(run) && scheduleOf(run.id) !== undefined) return;
    if (!isEnded(run)) violations.push(`run ${run.id} is ${run.state} although people saw its end`);
    if (run.state !== "failed" && leftOpen(run) > 0)
      violations.push(`run ${run.id} is ${run.state} with ${leftOpen(run)} sub-jobs open`);
    for (const step of run.steps) {
      if (step.plan.kind === "step") continue;
      const wanted = [...new Set(itemsOf(users, run.id, step.plan.name).map(({ key }) => key))];
      if (step.state === "done" && !step.closed && step.subJobs.length !== wanted.length)
        violations.push(
          `${run.id}/${step.plan.name} has ${step.subJobs.length} sub-jobs of ${wanted.length} keys`,
        );
      for (const [index, one] of step.subJobs.entries()) {
        const key = `${run.id}/${step.plan.name}/${wanted[index]}`;
        const issued = checked.issues.get(`${run.id}/${step.plan.name}/${index}`) ?? 0;
        if (one.state === "ok" && witness.ended(key) === 0)
          violations.push(`${key} is ok and was never done`);
        if (isOfOther(users.draw, { run: run.id, step: step.plan.name, key: wanted[index] }, one))
          violations.push(
            `${key} worked on another input than ${JSON.stringify(one.edited?.item)}`,
          );
        if (calm && (witness.begun(key) !== 1 || issued !== 1))
          violations.push(
            `without a fault ${key} was put ${issued} times and done ${witness.begun(key)} times`,
          );
      }
      const { late, stale, duplicate, swept } = step;
      if (calm && late + stale + duplicate + swept > 0)
        violations.push(
          `without a fault ${run.id}/${step.plan.name} counts ${late} late, ${stale} stale, ${duplicate} duplicate, ${swept} swept`,
        );
    }
  }

  for (const node of nodes) node.life.alive = false;
  peopleLife.alive = false;
  const report = {
    seed,
    violations,
    faults,
    runs,
    folds: checked.folds,
    joins: checked.joins,
    executions: witness.executions(),
    swept: checked.swept,
    steps: clock.steps(),
    virtualMs: clock.now() - began,
    trace: (trace >>> 0).toString(16).padStart(8, "0"),
    about: `${isShared ? "shared" : "owned"}, ${nodes.length} processes, ${partitions} partitions, ${runs} runs, ${users.items} items, ${commands} commands${healed ? ", healed" : ""}${calm ? ", calm" : ""}`,
  };
  return { report, history };
}

/** Who had read further than a server that came back from its past says so, and begins anew. */
function isGoneBack(error: unknown): boolean {
  return (
    error instanceof Error &&
    /^(?:the log of partition \d+ went back|offset must be an integer)/.test(error.message)
  );
}

function hangs(id: string, { runs }: Checked): string {
  const run = runs.get(id);
  if (run === undefined) return `run ${id} never began`;
  const at = run.steps[run.at];
  const open = at?.subJobs.filter(({ state }) => state === "open" || state === "flying").length;
  return `run ${id} hangs: it is ${run.state} at step ${at?.plan.name} (${at?.plan.kind}, ${at?.state}, main ${at?.main.state}), ${open} of ${at?.subJobs.length} sub-jobs open, total ${at?.total}`;
}

function told(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
