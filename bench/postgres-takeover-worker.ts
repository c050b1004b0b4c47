/** A process of postgres-takeover.ts: manages and works until it is killed. It tells of each sub-job that it begins, and ends none. */
import { app, flow, job, type App, type Flow } from "../src/index.ts";
import { item, numbers, size } from "./fanfold.ts";

export type Taking = {
  readonly fanfold: App;
  readonly race: Flow<"race", { items: number }>;
};

export function takingOn(url: string, onBegin: () => void): Taking {
  const one = job("one", {
    input: item,
    timeout: "1h",
    run() {
      onBegin();
      return new Promise<number>(() => undefined);
    },
  });
  const race = flow("race", { input: size }).fanOut("all", one, {
    over: ({ input }) => numbers(input.items),
    key: ({ n }) => `${n}`,
  });
  return { fanfold: app({ name: "bench", url, parts: [race, one] }), race };
}

if (import.meta.main) {
  process.once("disconnect", () => process.exit(1)); // Nobody listens any more.
  const [url = "", slots = "500"] = process.argv.slice(2);
  const { fanfold } = takingOn(url, () => void process.send?.("begun"));
  await fanfold.work({ concurrency: Number(slots), onReady: () => void process.send?.("ready") });
}
