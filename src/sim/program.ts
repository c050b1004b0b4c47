/** What users would have written: flows of every shape, with work that succeeds, fails, hangs and takes its process down. */
import type { FlowPlan } from "../core/plan.ts";
import type { Ctx } from "../define/ctx.ts";
import type { Duration, Percent, RateText } from "../define/duration.ts";
import { flow, paged, type Flow } from "../define/flow.ts";
import type { Folds } from "../define/folds.ts";
import { job, type Job } from "../define/job.ts";
import { limit, type Limit } from "../define/limit.ts";
import { sent } from "../define/sent.ts";
import type { Schema } from "../define/schema.ts";
import type { Due, Work } from "../define/work.ts";
import type { Draw } from "./draw.ts";
import type { Witness } from "./witness.ts";

export type Item = {
  readonly key: string;
  readonly pad?: string;
  /** Of a corrected one: by what it differs. */
  readonly edit?: string;
};
export type Result = { readonly key: string; readonly n: number };

/** Where user code runs: its process, as far as it can feel it. */
export type Place = {
  readonly sleep: (ms: number, signal?: AbortSignal) => Promise<void>;
  /** Takes the process down; nothing after it runs. */
  readonly crash: () => Promise<never>;
};

export type Program = {
  readonly flows: ReadonlyMap<string, Flow>;
  readonly jobs: ReadonlyMap<string, Job>;
};

/** What the world's users have drawn; `healed`: limits are short, so that what hangs or got lost is noticed soon. */
export type Users = {
  readonly draw: Draw;
  readonly flows: number;
  readonly items: number;
  readonly healed: boolean;
  /** Nothing fails: every sub-job is run once, or something is wrong. */
  readonly calm: boolean;
  readonly witness: Witness;
  /** No flow says how long its runs are kept. */
  readonly forEver?: true;
};

const anything: Schema = {
  "~standard": { version: 1, vendor: "fanfold-sim", validate: (value) => ({ value }) },
};

/** Builders infer a type per step; here the steps are drawn. */
type Chain = Flow & {
  readonly step: (name: string, run: (state: unknown, ctx: Ctx) => unknown, more: Work) => Chain;
  readonly fanOut: (name: string, work: Job, more: object) => Chain;
};

export const stepNames = ["one", "two", "three", "four"] as const;

export function flowName(number: number): string {
  return `flow-${number}`;
}

/** The same program in every process, but each with its own place to run. */
export function program(users: Users, place: Place): Program {
  const flows = new Map<string, Flow>();
  const jobs = new Map<string, Job>();
  for (let number = 0; number < users.flows; number += 1) {
    const name = flowName(number);
    const given = { ...due(users, ["5s", "60s"], name), ...kept(users, name) };
    const empty: unknown = flow(name, { input: anything, ...given });
    let chain = empty as Chain; // oxlint-disable-line typescript/no-unsafe-type-assertion -- the steps are drawn, and so have no types
    const steps = users.draw.between(1, stepNames.length, name, "steps");
    for (const step of stepNames.slice(0, steps)) {
      const is = users.draw.chance(0.65, name, step, "fan-out");
      chain = is
        ? fanOut(chain, users, place, name, step, jobs)
        : chain.step(step, (_, ctx) => plainBody(users, place, ctx), stepWork(users, name, step));
    }
    flows.set(name, chain);
  }
  flows.set(scheduledFlow, scheduled(users, place));
  for (const one of [...jobs.values()].map(sent)) flows.set(one.name, one);
  return { flows, jobs };
}

/** Most have no deadline. Where nothing may fail, one that passes is only said. */
function due({ draw, calm }: Users, after: [Duration, Duration], ...about: string[]): Due {
  if (!draw.chance(0.25, ...about, "deadline")) return {};
  return {
    deadline: draw.pick(after, ...about, "due"),
    ...(calm ? {} : { atDeadline: draw.pick(["go on", "close", "cancel"], ...about, "late") }),
  };
}

/** Most runs are kept for ever; none less long than it may be out. */
function kept({ draw, forEver }: Users, ...about: string[]): { readonly retention?: Duration } {
  if (forEver === true || !draw.chance(0.3, ...about, "retention")) return {};
  return { retention: draw.pick(["1s", "75s"], ...about, "kept") };
}

/** What the managers need of it. */
export function plansOf(users: Users): ReadonlyMap<string, FlowPlan> {
  const { flows } = program(users, {
    sleep: () => Promise.resolve(),
    crash: () => new Promise(() => undefined),
  });
  return new Map([...flows].map(([name, { plan }]) => [name, plan]));
}

/** What schedules start: small, because there are many of them. */
export const scheduledFlow = "scheduled";

function scheduled(users: Users, place: Place): Flow {
  const empty: unknown = flow(scheduledFlow, { input: anything });
  const chain = empty as Chain; // oxlint-disable-line typescript/no-unsafe-type-assertion -- as above
  const work = { retry: { attempts: 2, backoff: "fixed", first: "1s" } } as const;
  return chain.step("only", (_, ctx) => plainBody(users, place, ctx), work);
}

function stepWork({ draw, healed }: Users, name: string, step: string): Work {
  return {
    retry: {
      attempts: draw.between(1, 4, name, step, "attempts"),
      backoff: "fixed",
      first: draw.pick(["50ms", "1s"], name, step, "first"),
    },
    timeout: healed ? "6s" : "10h",
    queue: draw.pick(["default", "other"], name, step, "queue"),
  };
}

/** Shared by jobs of several flows. */
const few = limit("few", { concurrency: 5 });
const slow = limit("slow", { rate: "40/s" });
/** By key: some hosts, and none for some. */
const host = ({ key }: Item): string | undefined =>
  ["a", "b", "c", "a", undefined][Number(/\d+$/.exec(key)?.[0] ?? 4) % 5];
const narrow = limit("narrow", { key: host, concurrency: 2 });
const paced = limit("paced", { key: host, rate: "4/s", concurrency: 3 });

function fanOut(
  chain: Chain,
  users: Users,
  place: Place,
  name: string,
  step: string,
  jobs: Map<string, Job>,
): Chain {
  const { draw, healed } = users;
  const work = job(`${name}-${step}`, {
    input: anything as Schema<Item, Item>, // oxlint-disable-line typescript/no-unsafe-type-assertion -- items are ours
    run: (item: Item, ctx): Result | Promise<Result> => itemBody(users, place, item, ctx),
    retry: {
      attempts: draw.between(1, 4, name, step, "tries"),
      backoff: draw.pick(["exponential", "linear", "fixed"], name, step, "backoff"),
      first: draw.pick(["20ms", "300ms", "2s"], name, step, "wait"),
      max: "5s",
    },
    timeout: healed ? draw.pick<Duration>(["2s", "8s"], name, step, "timeout") : "10h",
    queue: draw.pick(["default", "other"], name, step, "jobs"),
    ...kept(users, name, step),
    ...draw.pick<{ concurrency?: number; rate?: RateText }>(
      [{}, {}, {}, { concurrency: 3 }, { rate: "30/s" }, { concurrency: 1, rate: "10/s" }],
      name,
      step,
      "limit",
    ),
    ...draw.pick<{ limits?: readonly Limit<Item>[] }>(
      [
        {},
        {},
        { limits: [few] },
        { limits: [slow, few] },
        { limits: [narrow] },
        { limits: [paced] },
        { limits: [few, narrow] },
      ],
      name,
      step,
      "shared",
    ),
    ...draw.pick<{ estimate?: Duration }>(
      [{}, { estimate: "5ms" }, { estimate: "2s" }],
      name,
      step,
      "estimate",
    ),
  });
  jobs.set(work.name, work);
  return chain.fanOut(step, work, {
    over: source(users, place, name, step),
    key: ({ key }: Item) => key,
    ...draw.pick([{}, {}, { concurrency: 1 }, { concurrency: 3 }], name, step, "concurrency"),
    tolerate: draw.pick<number | Percent>([0, 1, 3, "10%", "50%", "100%"], name, step, "tolerate"),
    beyond: draw.chance(0.8, name, step, "beyond") ? "hold" : "fail",
    ...draw.pick(
      [
        {},
        {
          fold: (f: Folds<Result>) => ({
            count: f.count(),
            sum: f.sum((result) => result.n),
            top: f.top(3, (result) => result.n),
            kinds: f.countBy((result) => `${result.n % 3}`),
          }),
        },
      ],
      name,
      step,
      "fold",
    ),
    split: stepWork(users, name, `${step}-split`),
    ...due(users, ["1s", "20s"], name, step),
  });
}

// ---- items

/** What a run's step is about; the same whenever it is asked. Of a job by itself, one item of its own name. */
export function itemsOf({ draw, items }: Users, run: string, step: string): readonly Item[] {
  if (!stepNames.some((name) => name === step)) return [{ key: run }];
  const count = draw.between(0, items, run, step, "count");
  const repeated = draw.pick([0, 0, 0.15], run, step, "repeated");
  const pad = draw.chance(0.06, run, step, "fat") ? { pad: "x".repeat(40_000) } : {};
  return Array.from({ length: count }, (_, n) => {
    const twin = n > 0 && draw.chance(repeated, run, step, "twin", n);
    return { key: `k${twin ? draw.between(0, n - 1, run, step, "of", n) : n}`, ...pad };
  });
}

/** A split that breaks half-way, now and then or always. */
function breaks({ draw, calm, witness }: Users, run: string, step: string): boolean {
  const times = witness.begin(`${run}/${step}`);
  if (calm) return false;
  if (draw.chance(0.1, run, step, "broken")) return !isMended(draw, witness, run, step, "split");
  return draw.chance(0.2, run, step, "shaky") && times <= 1;
}

type Source = "array" | "generator" | "async" | "paged";

function source(users: Users, place: Place, name: string, step: string): unknown {
  const { draw } = users;
  const kind = draw.pick<Source>(["array", "generator", "async", "paged"], name, step, "source");
  const itemsFor = (ctx: Ctx): { items: readonly Item[]; breaksAt: number } => {
    const items = itemsOf(users, ctx.run, ctx.step);
    return {
      items,
      breaksAt: breaks(users, ctx.run, ctx.step) ? Math.floor(items.length / 2) : -1,
    };
  };
  switch (kind) {
    case "array":
      return (_: unknown, ctx: Ctx) => {
        const { items, breaksAt } = itemsFor(ctx);
        if (breaksAt >= 0) throw new Error("the list is not there");
        return items;
      };
    case "generator":
      return function* (_: unknown, ctx: Ctx) {
        const { items, breaksAt } = itemsFor(ctx);
        for (const [n, item] of items.entries()) {
          if (n === breaksAt) throw new Error("the list ends too soon");
          yield item;
        }
      };
    case "async":
      return async function* (_: unknown, ctx: Ctx) {
        const { items, breaksAt } = itemsFor(ctx);
        for (const [n, item] of items.entries()) {
          if (n === breaksAt) throw new Error("the list ends too soon");
          if (n % 16 === 0) await place.sleep(20, ctx.signal);
          yield item;
        }
      };
    case "paged": {
      const size = draw.between(1, 20, name, step, "page");
      return paged(async (_: unknown, cursor: number | undefined, ctx) => {
        const items = itemsOf(users, ctx.run, ctx.step);
        const from = cursor ?? 0;
        if (from === 0 && cursor === undefined) users.witness.begin(`${ctx.run}/${ctx.step}`);
        else if (from > 0 && !users.calm && draw.chance(0.05, ctx.run, ctx.step, "page", from)) {
          if (users.witness.begin(`${ctx.run}/${ctx.step}@${from}`) <= 1)
            throw new Error("the page is not there");
        }
        await place.sleep(10, ctx.signal);
        const page = items.slice(from, from + size);
        return from + size < items.length ? { items: page, next: from + size } : { items: page };
      });
    }
  }
}

// ---- work

/** A person asked for it again: most causes of failure are gone by then. */
function isMended(
  draw: Draw,
  witness: Witness,
  ...about: readonly [run: string, ...string[]]
): boolean {
  return witness.mended.has(about[0]) && draw.chance(0.7, ...about, "mended");
}

type Kind = "quick" | "works" | (typeof bad)[number];

/** Ways to go wrong; the first twice as often. */
const bad = ["flaky", "flaky", "fails", "fatal", "skips", "later", "hangs", "crashes"] as const;

function kindOf({ draw, healed, calm }: Users, run: string, step: string, key: string): Kind {
  const quick: Kind = draw.chance(0.4, run, step, "quick") ? "quick" : "works";
  const badness = draw.pick([0, 0.05, 0.3], run, step, "badness");
  if (calm || !draw.chance(badness, run, step, key, "bad")) return quick;
  const kind = draw.pick<Kind>(bad, run, step, key, "kind");
  return kind === "hangs" && !healed ? "flaky" : kind;
}

export function resultOf(draw: Draw, run: string, step: string, { key, edit = "n" }: Item): Result {
  return { key, n: draw.between(1, 1_000, run, step, key, edit) };
}

function itemBody(users: Users, place: Place, item: Item, ctx: Ctx): Result | Promise<Result> {
  const { key } = item;
  const { draw, witness } = users;
  const { run, step } = ctx;
  const times = witness.begin(ctx.key);
  const kind = kindOf(users, run, step, key);
  const result = resultOf(draw, run, step, item);
  if (kind === "quick") {
    witness.end(ctx.key);
    return result;
  }
  return act();

  async function act(): Promise<Result> {
    const ms = draw.pick([1, 40, 600], run, step, "duration") * draw.unit(run, step, key, "ms");
    await place.sleep(ms, ctx.signal);
    if (draw.chance(0.1, run, step, key, "progress")) ctx.progress(1, 2);
    if (!isMended(draw, witness, run, step, key)) await misbehave(times);
    witness.end(ctx.key);
    return result;
  }

  async function misbehave(times: number): Promise<void> {
    switch (kind) {
      case "quick":
      case "works":
        return;
      case "flaky":
        if (ctx.attempt <= draw.between(1, 2, run, step, key, "flaky"))
          throw new Error("mailbox is busy");
        return;
      case "fails":
        throw new Error(draw.pick(["no route to host", "mailbox is full"], run, step, key, "why"));
      case "fatal":
        return ctx.fatal("no address");
      case "skips":
        return ctx.skip("nothing to do");
      case "later":
        if (times <= 2)
          ctx.retryLater("300ms", "later", {
            of: draw.pick(["sub-job", "job", "key"], run, step, key, "of"),
          });
        return;
      case "hangs":
        await place.sleep(
          36_000_000,
          draw.chance(0.5, run, step, key, "heeds") ? ctx.signal : undefined,
        );
        throw new Error("told to stop");
      case "crashes":
        if (times <= draw.pick([1, 1, 1_000], run, step, key, "crashes")) await place.crash();
        return;
    }
  }
}

async function plainBody(users: Users, place: Place, ctx: Ctx): Promise<Result> {
  const { draw, witness, calm } = users;
  const { run, step } = ctx;
  const times = witness.begin(ctx.key);
  await place.sleep(draw.pick([0, 10, 500], run, step, "ms"), ctx.signal);
  if (!calm && !isMended(draw, witness, run, step)) {
    if (draw.chance(0.1, run, step, "flaky") && ctx.attempt === 1) throw new Error("not this time");
    if (draw.chance(0.04, run, step, "fatal")) ctx.fatal("never");
    if (draw.chance(0.05, run, step, "later") && times === 1) ctx.retryLater("1s");
    if (draw.chance(0.04, run, step, "crash") && times === 1) await place.crash();
  }
  witness.end(ctx.key);
  return resultOf(draw, run, step, { key: "" });
}
