/** A traced program with worker processes of its own, a line for each span: node tracing-program.ts URL */
import { writeSync } from "node:fs";
import { trace } from "@opentelemetry/api";
import {
  NodeTracerProvider,
  SimpleSpanProcessor,
  type ReadableSpan,
} from "@opentelemetry/sdk-trace-node";
import { app } from "../../src/index.ts";
import { openTelemetry } from "../../src/opentelemetry.ts";
import { summing } from "./parts.ts";
import { told } from "./spans.ts";

const say = (line: string): void => void writeSync(1, `${line}\n`);

new NodeTracerProvider({
  spanProcessors: [
    new SimpleSpanProcessor({
      export(spans: ReadableSpan[], done) {
        for (const span of spans)
          say(`span ${JSON.stringify({ ...told(span), pid: process.pid })}`);
        done({ code: 0 });
      },
      shutdown: async () => undefined,
    }),
  ],
}).register();

const { sums, parts } = summing(
  (n, { attempt }) => {
    trace.getTracer("test").startSpan(`call ${n}`).end();
    if (attempt === 1 && n === 0) throw new Error("not yet");
    return n;
  },
  20,
  { retry: 2 },
);
const url = process.argv[2] ?? "";
const tracing = openTelemetry({ subJobs: "100%" });
const test = app({ name: "traced", parts, url, tracing });
const isChild = process.env["FANFOLD_OWNER"] !== undefined;
const working = test.work({ processes: 2, concurrency: 2 });
if (!isChild) {
  const run = await test.start(sums, {}, { id: "r" });
  await run.result();
  process.kill(process.pid, "SIGTERM");
}
await working;
