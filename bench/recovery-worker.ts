/** The process that recovery.ts kills and starts again. With zero items it only says that it is there. */
import { join } from "node:path";
import { app, flow, job } from "../src/index.ts";
import { item, numbers, size, working } from "./fanfold.ts";

export type Said =
  /** The first sub-job of this process runs. */
  | { readonly type: "running" }
  | { readonly type: "half" }
  | {
      readonly type: "done";
      readonly count: number;
      readonly sum: number;
      readonly calls: number;
    };

/** Resolves when it has been handed over. */
const say = (what: Said): Promise<void> =>
  new Promise((resolve) => process.send?.(what, () => resolve()));

async function main(folder: string, items: number, slots: number): Promise<void> {
  if (items === 0) return say({ type: "running" });
  let calls = 0;
  const one = job("one", {
    input: item,
    run({ n }) {
      calls += 1;
      if (calls === 1) void say({ type: "running" });
      if (calls === Math.floor(items / 2)) void say({ type: "half" });
      return n;
    },
  });
  const race = flow("race", { input: size }).fanOut("all", one, {
    over: ({ input }) => numbers(input.items),
    key: ({ n }) => `${n}`,
    fold: (folds) => ({ count: folds.count(), sum: folds.sum((n) => n) }),
  });
  const url = `sqlite:${join(folder, "fanfold.db")}`;
  const fanfold = app({ name: "bench", url, parts: [race, one] });
  const close = working(fanfold, { concurrency: slots });
  const run = await fanfold.start(race, { items }, { id: "run-0" });
  const { value } = await run.result();
  await say({ type: "done", ...value, calls });
  await close();
}

process.once("disconnect", () => process.exit(1)); // Nobody listens any more.
const [folder = "", items, slots] = process.argv.slice(2);
await main(folder, Number(items), Number(slots));
process.exit(0);
