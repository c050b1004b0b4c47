/** Those who start runs, change their minds, and look after what is held. They repeat what was not answered, and never give up. */
import {
  encode,
  type Adjustment,
  type Entry,
  type InputEvent,
  type Json,
  type Priority,
} from "../core/event.ts";
import { partitionOf, sentPrefix } from "../core/ids.ts";
import { isEverywhere } from "../core/pauses.ts";
import { UnavailableError } from "../errors.ts";
import type { Clock } from "../ports/clock.ts";
import type { Engine } from "../ports/engine.ts";
import type { Reader } from "../roles/reader.ts";
import { listRuns } from "../roles/run-list.ts";
import type { Pause, Status } from "../views/status.ts";
import type { Draw } from "./draw.ts";
import { wronglyListed } from "./listing.ts";
import { isGone } from "./removal.ts";
import { traceFrom } from "./traces.ts";
import { flowName, itemsOf, stepNames, type Item, type Users } from "./program.ts";

export type PeopleOptions = {
  readonly draw: Draw;
  readonly users: Users;
  readonly engine: Engine;
  readonly clock: Clock;
  readonly reader: Reader;
  /** Names of flows, those of jobs by themselves among them. */
  readonly flows: readonly string[];
  readonly runs: number;
  readonly commands: number;
  /** How often somebody says that a run need not be kept any longer. */
  readonly expirations: number;
  /** How long the storm lasts. */
  readonly stormMs: number;
  /** All that ever stood on it, also what was trimmed since. */
  readonly wholeLog: (partition: number) => Promise<readonly Entry[]>;
  /** What people see that cannot be. */
  readonly onWrong: (what: string) => void;
};

export type People = {
  /** Starts the runs and asks for things, at times drawn. */
  readonly act: () => void;
  /** Sees to it that every run ends: from now on. */
  readonly attend: () => void;
  /** The server has come back from its past: what it had acknowledged may be lost, and is said again. */
  readonly startAgain: () => void;
  /** Runs whose start was acknowledged. */
  readonly acknowledged: ReadonlySet<string>;
  readonly ids: readonly string[];
  /** Runs that a person saw ended. */
  readonly over: ReadonlySet<string>;
};

type Command =
  | "redrive"
  | "skip"
  | "release"
  | "close"
  | "cancel"
  | "reopen"
  | "pause"
  | "resume"
  | "adjust";
type OfAll = "pause-all" | "resume-all";

const customers = ["acme", "globex"] as const;
const commands: readonly [Command, ...Command[]] = [
  "redrive",
  "redrive",
  "skip",
  "release",
  "close",
  "cancel",
  "pause",
  "pause",
  "resume",
  "adjust",
  "adjust",
];
const adjustments: readonly [Adjustment, ...Adjustment[]] = [
  { concurrency: 1 },
  { concurrency: 5, priority: "urgent" },
  { concurrency: null },
  { rate: { count: 5, perMs: 1_000 } },
  { rate: { count: 90, perMs: 60_000 }, concurrency: 4 },
  { rate: null },
  { tolerate: { count: 0 } },
  { tolerate: { count: 5 } },
  { tolerate: { percent: 60 }, concurrency: 2 },
  { priority: "low" },
  { deadlineAt: null },
  { deadlineAt: 1_800_000_000_000, priority: "high" },
];
const everything = { limit: Number.MAX_SAFE_INTEGER };
const listRate = 0.02;
const repeatMs = 200;
const lookMs = 1_500;

export function people(options: PeopleOptions): People {
  const { draw, users, engine, clock, reader, stormMs } = options;
  const ids = Array.from({ length: options.runs }, (_, n) => `run-${n}`);
  const acknowledged = new Set<string>();
  /** Cancels that will be taken back, and of which run. */
  const mistakes = new Map<string, string>();
  const over = new Set<string>();
  const started: InputEvent[] = [];
  /** Runs of which something is asked that is perhaps not on the log yet (seed 402189). */
  const asking: string[] = [];

  /** Resolves when it is on the log; perhaps more than once. */
  async function append(run: string, event: InputEvent & { body?: string }): Promise<void> {
    asking.push(run);
    await appendTo(partitionOf(run, engine.partitions), event);
    asking.splice(asking.indexOf(run), 1);
  }

  async function appendTo(partition: number, asked: InputEvent & { body?: string }): Promise<void> {
    const { body, ...event } = asked;
    await answered(() => engine.log.append(partition, [encode(event as InputEvent, body)])); // oxlint-disable-line typescript/no-unsafe-type-assertion -- without its body, it is the same
  }

  async function answered<T>(ask: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await ask();
      } catch (error) {
        if (!(error instanceof UnavailableError)) throw error;
        await clock.sleep(repeatMs);
      }
    }
  }

  const status = (run: string): Promise<Status | undefined> => answered(() => reader.status(run));

  function flowOf(run: string): string {
    const jobs = options.flows.filter((name) => name.startsWith(sentPrefix));
    const [job] = jobs;
    return job !== undefined && draw.chance(0.25, run, "sent")
      ? draw.pick([job, ...jobs], run, "job")
      : flowName(draw.between(0, users.flows - 1, run, "flow"));
  }

  async function start(run: string, twin: string, within: number): Promise<void> {
    await clock.sleep(draw.unit(run, twin, "start") * stormMs * within);
    const priority = draw.pick<Priority>(["low", "normal", "high", "urgent"], run, "priority");
    const customer = draw.pick(customers, run, "customer");
    const flow = flowOf(run);
    const input: Json = flow.startsWith(sentPrefix) ? { key: run } : { run };
    const delayMs = draw.chance(0.3, run, "delayed") ? draw.unit(run, "delay") * stormMs * 0.5 : 0;
    const event: InputEvent = {
      type: "run.started",
      run,
      flow,
      input,
      request: `start-${run}-${twin}`,
      priority,
      customer,
      ...(delayMs > 0 ? { beginAt: Math.round(clock.now() + delayMs) } : {}),
      ...(draw.chance(0.3, run, "traced") ? { trace: traceFrom(`${run} ${twin}`) } : {}),
    };
    await append(run, event);
    acknowledged.add(run);
    started.push(event);
  }

  async function ask(run: string, command: Command, name: string): Promise<void> {
    const request = `${command}-${name}`;
    if (command === "redrive") users.witness.mended.add(run);
    const event = {
      type: `${command}.asked`,
      run,
      request,
      ...(await selection(run, command, name)),
    };
    const times = draw.chance(0.2, name, "twice") ? 2 : 1;
    for (let time = 0; time < times; time += 1) await append(run, event as InputEvent); // oxlint-disable-line typescript/no-unsafe-type-assertion -- every command has these fields
  }

  /** Of a customer or a job: the first partition decides. */
  async function askAll(command: OfAll, what: object, name: string): Promise<void> {
    const event = { type: `${command}.asked`, request: `${command}-${name}`, ...what };
    const times = draw.chance(0.2, name, "twice") ? 2 : 1;
    for (let time = 0; time < times; time += 1) await appendTo(0, event as InputEvent); // oxlint-disable-line typescript/no-unsafe-type-assertion -- both have these fields
  }

  function pausable(name: string): { readonly of: string; readonly name: string } {
    if (draw.chance(0.2, name, "queue"))
      return { of: "queue", name: draw.pick(["default", "other"], name, "which") };
    if (draw.chance(0.2, name, "whole flow"))
      return { of: "flow", name: flowName(draw.between(0, users.flows - 1, name, "flow")) };
    if (draw.chance(0.5, name, "of")) return { of: "customer", name: draw.pick(customers, name) };
    const flow = flowName(draw.between(0, users.flows - 1, name, "flow"));
    return { of: "job", name: `${flow}-${draw.pick(stepNames, name, "step")}` };
  }

  async function selection(run: string, command: Command, name: string): Promise<object> {
    if (command === "pause" || command === "resume")
      return draw.chance(0.5, name, "step") ? { step: draw.pick(stepNames, name, "which") } : {};
    if (command === "adjust")
      return {
        ...(draw.chance(0.5, name, "step") ? { step: draw.pick(stepNames, name, "which") } : {}),
        to: draw.pick<Adjustment>(adjustments, name, "to"),
      };
    if (command !== "redrive" && command !== "skip") return {};
    if (command === "redrive" && draw.chance(0.6, name, "edited")) return corrected(run, name);
    const how = draw.pick(["all", "all", "step", "indices", "signature"], name, "selection");
    const step = draw.pick(stepNames, name, "step");
    if (how === "all")
      return command === "redrive" && draw.chance(0.2, name, "rate")
        ? { rate: { count: 20, perMs: 1_000 } }
        : {};
    if (how === "step") return { step };
    if (how === "signature") {
      const seen = (await status(run))?.steps.flatMap(({ failures }) => failures) ?? [];
      const signature =
        seen[draw.between(0, Math.max(0, seen.length - 1), name, "which")]?.signature;
      return signature === undefined ? {} : { signature };
    }
    const size = itemsOf(users, run, step).length;
    return {
      step,
      indices: [draw.between(0, size, name, "from"), draw.between(1, 5, name, "count")],
    };
  }

  /** Of those that have failed, some with corrected inputs; and under which key they are limited from then on. */
  async function corrected(run: string, name: string): Promise<object> {
    const failing = (await status(run))?.steps.find(({ failed }) => failed > 0);
    if (failing === undefined) return {};
    const step = failing.name;
    const keys = [...new Set(itemsOf(users, run, step).map(({ key }) => key))];
    const known = failing.failures.flatMap((group) => group.keys.map((key) => keys.indexOf(key)));
    const edits = [...new Set(known)].filter(
      (index) => index >= 0 && draw.chance(0.7, name, "edits", index),
    );
    const items = edits.map((index): Item => ({ key: keys[index] ?? "", edit: name }));
    const hashes = edits.map((index) => draw.pick([0, 1, 2], name, "limited", index));
    return {
      step,
      indices: [0, draw.pick([keys.length, 5], name, "count")],
      edits,
      ...(draw.chance(0.5, name, "limits") ? { limitKeys: hashes } : {}),
      body: JSON.stringify(items),
    };
  }

  async function interfere(n: number): Promise<void> {
    const name = `command-${n}`;
    await clock.sleep(draw.unit(name, "when") * stormMs);
    const run = ids[draw.between(0, ids.length - 1, name, "run")] ?? "";
    if (draw.chance(0.2, name, "all"))
      return askAll(
        draw.pick<OfAll>(["pause-all", "pause-all", "resume-all"], name),
        pausable(name),
        name,
      );
    const command = draw.pick(commands, name);
    await ask(run, command, name);
    if (command !== "cancel" || !draw.chance(0.9, name, "mistake")) return;
    mistakes.set(name, run);
    await clock.sleep(draw.unit(name, "noticed") * stormMs * 0.2);
    await ask(run, "reopen", name);
    mistakes.delete(name);
  }

  /** What is said before its time, or of a run that is under way, must have no effect. */
  async function expire(n: number): Promise<void> {
    const name = `expiration-${n}`;
    await clock.sleep(draw.unit(name, "when") * stormMs);
    const run = draw.pick(["run-0", ...ids], name, "run");
    const retentionMs = draw.pick([0, 0, 500, 5_000], name, "retention");
    await append(run, { type: "run.expired", run, flow: flowOf(run), retentionMs });
  }

  /** What nobody has taken in yet may open it again, or begin another of its id once it is removed. */
  async function isAsked(run: string, from: number): Promise<boolean> {
    const all = { records: Infinity, bytes: Infinity };
    const partition = partitionOf(run, engine.partitions);
    const entries = await answered(() => engine.log.read(partition, from, all));
    return entries.some(({ text }) =>
      ["redrive.asked", "reopen.asked", "run.started"].some((type) =>
        text.startsWith(`{"type":"${type}","run":"${run}"`),
      ),
    );
  }

  /** Looks at a run until it has ended, and decides where it is held: first it is tried again, in the end it is let go. */
  async function look(run: string): Promise<void> {
    const home = partitionOf(run, engine.partitions);
    let resumed = 0;
    let isReopened = !draw.chance(0.8, run, "reopened");
    for (let asked = 0; ;) {
      await clock.sleep(lookMs);
      const isMistaken = [...mistakes.values()].includes(run);
      const isAsking = asking.includes(run);
      const now = await status(run);
      if (isAsking) continue;
      if (now === undefined && isGone(await answered(() => options.wholeLog(home)), run)) break;
      if (now === undefined) continue;
      const isOver = now.state === "done" || now.state === "failed" || now.state === "cancelled";
      if (isOver && !isMistaken && !(await isAsked(run, now.asOf))) {
        if (now.state !== "cancelled" || isReopened) break;
        isReopened = true;
        await ask(run, "reopen", `${run}-attended`);
      }
      for (const pause of now.paused) await resume(run, pause, `${run}-resumed-${(resumed += 1)}`);
      if (now.state !== "held") continue;
      const name = `${run}-attended-${asked}`;
      const choices: readonly [Command, ...Command[]] =
        asked < 3
          ? ["redrive", "redrive", "skip", "release", "adjust"]
          : ["release", "close", "cancel"];
      asked += 1;
      await ask(run, draw.pick(choices, name), name);
    }
    over.add(run);
  }

  /** The list of runs, just after something happened there. */
  async function list(partition: number): Promise<void> {
    const log = () => answered(() => options.wholeLog(partition));
    const { length: end } = await log();
    const rows = await answered(() => listRuns(engine, everything));
    const listed = new Map(rows.map((row) => [row.run, row.state]));
    const here = ids.filter((run) => partitionOf(run, engine.partitions) === partition);
    for (const wrong of wronglyListed(here, listed, await log(), end)) options.onWrong(wrong);
  }

  async function resume(run: string, { of, name: what }: Pause, name: string): Promise<void> {
    if (isEverywhere({ of })) return askAll("resume-all", { of, name: what }, name);
    const step = of === "step" ? { step: what.slice(run.length + 1) } : {};
    await append(run, { type: "resume.asked", run, request: `resume-${name}`, ...step });
  }

  return {
    act() {
      for (const run of ids) {
        void start(run, "a", 0.4);
        if (draw.chance(0.2, run, "twin")) void start(run, "b", 0.4);
        if (options.expirations > 0 && draw.chance(0.5, run, "again")) void start(run, "c", 0.9);
      }
      for (let n = 0; n < options.expirations; n += 1) void expire(n);
      for (let n = 0; n < options.commands; n += 1) void interfere(n);
      let hints = 0;
      engine.onHint((hint, partition) => {
        if (hint !== "state" || partition === undefined) return;
        hints += 1;
        if (draw.chance(listRate, "list", hints)) void list(partition);
      });
    },
    startAgain() {
      for (const event of started) if ("run" in event) void append(event.run ?? "", event);
    },
    attend() {
      for (const run of ids) void look(run);
    },
    acknowledged,
    ids,
    over,
  };
}
