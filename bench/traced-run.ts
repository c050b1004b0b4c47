/** The same race with spans: by the API alone, and recorded by an SDK that exports them to nobody. */
import { join } from "node:path";
import { BatchSpanProcessor, NodeTracerProvider } from "@opentelemetry/sdk-trace-node";
import type { Tracing } from "../src/index.ts";
import { openTelemetry } from "../src/opentelemetry.ts";
import { throughput, type Contestant, type Setup } from "./fan-out.ts";
import { fanfoldOn, working } from "./fanfold.ts";
import type { Measure } from "./harness.ts";

function race(tracing?: Tracing): (setup: Setup) => Promise<Contestant> {
  return async ({ folder, slots, sleepMs }) => {
    const { fanfold, run } = fanfoldOn(`sqlite:${join(folder, "f.db")}`, sleepMs, { tracing });
    return { run, close: working(fanfold, { concurrency: slots }) };
  };
}

function record(): void {
  const nobody = {
    export: (_: unknown, done: (result: { readonly code: 0 }) => void) => done({ code: 0 }),
    shutdown: async () => undefined,
  };
  new NodeTracerProvider({ spanProcessors: [new BatchSpanProcessor(nobody)] }).register();
}

export const none: Measure = throughput(race());
export const api: Measure = throughput(race(openTelemetry()));
export const share: Measure = async (input, folder) => {
  record();
  return throughput(race(openTelemetry()))(input, folder);
};
export const all: Measure = async (input, folder) => {
  record();
  return throughput(race(openTelemetry({ subJobs: "100%" })))(input, folder);
};
