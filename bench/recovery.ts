import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { numberOf, sumBelow } from "./fan-out.ts";
import type { Bench, Figure, Measure } from "./harness.ts";
import type { Said } from "./recovery-worker.ts";

const program = new URL("recovery-worker.ts", import.meta.url);

function begin(folder: string, items: number, slots: number): ChildProcess {
  return fork(program, [folder, `${items}`, `${slots}`], {
    execArgv: ["--import", new URL("compiled.ts", import.meta.url).href],
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
}

/** Resolves with the first message of that type; rejects if the process ends before. */
function heard<T extends Said["type"]>(
  child: ChildProcess,
  type: T,
): Promise<Extract<Said, { type: T }>> {
  return new Promise((resolve, reject) => {
    child.on("message", (said: Said) => {
      if (said.type === type) resolve(said as Extract<Said, { type: T }>);
    });
    child.once("exit", () => reject(new Error(`the process ended before it said "${type}"`)));
  });
}

/** kill -9 when half of the sub-jobs ran; then the time from the start of a new process to the first that runs again. */
export const restart: Measure = async (input, folder) => {
  const items = numberOf(input, "items", 0);
  const slots = numberOf(input, "slots", 0);
  const first = begin(folder, items, slots);
  await heard(first, "half");
  first.kill("SIGKILL");
  await once(first, "exit");

  const from = performance.now();
  const second = begin(folder, items, slots);
  const done = heard(second, "done");
  await heard(second, "running");
  const ms = performance.now() - from;
  const { count, sum, calls } = await done;
  await once(second, "exit");
  if (count !== items || sum !== sumBelow(items))
    throw new Error(`wrong result: ${count} folded with sum ${sum}, expected ${items}`);
  return { ms, again: calls - Math.floor(items / 2) };
};

/** The same program up to the moment before it opens the file. */
export const bareStart: Measure = async (_input, folder) => {
  const from = performance.now();
  const child = begin(folder, 0, 0);
  await heard(child, "running");
  const ms = performance.now() - from;
  await once(child, "exit");
  return { ms };
};

const toFirst: Figure = { key: "ms", unit: "ms, process start → first sub-job", limited: true };
const input = { items: 1_000_000, slots: 1_000 };
const here = new URL(import.meta.url);

export const bench: Bench = {
  name: "recovery",
  question: "killed half-way through 1,000,000: how long until a new process runs sub-jobs again?",
  settings: input,
  subjects: [
    {
      name: "Fanfold",
      role: "fanfold",
      module: here,
      measure: "restart",
      input,
      figures: [
        { ...toFirst, target: { atMost: 1_000 } },
        { key: "again", unit: "sub-jobs ran a second time" },
      ],
    },
    {
      name: "Node and imports alone",
      role: "limit",
      module: here,
      measure: "bareStart",
      input,
      figures: [toFirst],
    },
  ],
};
