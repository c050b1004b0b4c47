/** What the command line is asked about in dead.test.ts: sub-jobs, a split and a plain step that fail for good, and jobs that are sent. */
import { z } from "zod";
import {
  app,
  FatalError,
  flow,
  job,
  type App,
  type Flow,
  type Job,
  type Part,
} from "../../src/index.ts";
import { parts as known } from "./know-app.ts";

const nothing = z.object({});

const call = job("call", {
  input: z.object({ number: z.string() }),
  retry: 1,
  queue: "phone",
  run: ({ number }, ctx) => ctx.fatal(`nobody answers at ${number}`),
});

const calls = flow("calls", { input: nothing }).fanOut("calls", call, {
  over: (): { number: string }[] => {
    throw new FatalError("no list of numbers");
  },
  key: ({ number }) => number,
});

const report = flow("report", { input: nothing }).step(
  "write",
  () => {
    throw new Error("the printer is on fire");
  },
  { retry: 1 },
);

export { mailFlow } from "./know-app.ts";
export const callJob: Job<"call", { number: string }> = call;
export const callsFlow: Flow<"calls", Record<string, never>> = calls;
export const reportFlow: Flow<"report", Record<string, never>> = report;
export const parts: readonly Part[] = [...known, call, calls, report];
export const billing: App = app({ name: "billing", parts, url: process.env["FANFOLD_URL"] });
