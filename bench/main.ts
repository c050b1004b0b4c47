/** npm run bench -- NAME [--json] [--runs N] [--no-peers]; without a name, the list. */
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { measureAll, type Bench } from "./harness.ts";
import { machine } from "./machine.ts";
import { bench as invoices } from "./invoices.ts";
import { bench as latency } from "./latency.ts";
import { bench as noop100k } from "./noop-100k.ts";
import { bench as noop1m } from "./noop-1m.ts";
import { bench as recovery } from "./recovery.ts";
import { bench as postgresGrowth } from "./postgres-growth.ts";
import { bench as postgresLatency } from "./postgres-latency.ts";
import { bench as postgresNoop } from "./postgres-noop.ts";
import { bench as postgresSleep } from "./postgres-sleep.ts";
import { bench as postgresTakeover } from "./postgres-takeover.ts";
import { jsonLines, table } from "./report.ts";
import { bench as runs1000x100 } from "./runs-1000x100.ts";
import { bench as schedules } from "./schedules.ts";
import { bench as sends } from "./sends.ts";
import { bench as sleep10k } from "./sleep-10k.ts";
import { bench as split } from "./split.ts";
import { bench as status } from "./status.ts";
import { bench as traced } from "./traced.ts";
import { bench as watched } from "./watched.ts";
import { bench as webhooks } from "./webhooks.ts";

const benches: readonly Bench[] = [
  noop100k,
  noop1m,
  sleep10k,
  runs1000x100,
  latency,
  split,
  status,
  sends,
  schedules,
  watched,
  webhooks,
  traced,
  recovery,
  invoices,
  postgresNoop,
  postgresSleep,
  postgresLatency,
  postgresGrowth,
  postgresTakeover,
];

const usage = `npm run bench -- NAME [--json] [--runs N] [--no-peers] [--file ORDERS.csv.gz]

${benches.map(({ name, question }) => `  ${name.padEnd(18)}${question}`).join("\n")}

  --json       one object a line: name, value, unit, low, high, target, met, settings
  --runs N     measurements of each subject; 5 unless told, more where a few per cent are the question
  --no-peers   Fanfold and its limits only
  --only TEXT  subjects whose name contains it
  --file FILE  for invoices: the order lines
`;

/** Says on one line what is being measured, where somebody watches. */
function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001B[2K${text}`);
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      json: { type: "boolean" },
      runs: { type: "string" },
      "no-peers": { type: "boolean" },
      only: { type: "string", default: "" },
      file: { type: "string" },
      help: { type: "boolean" },
    },
  });
  const [name] = positionals;
  if (name === undefined || values.help === true) {
    process.stdout.write(usage);
    return 0;
  }
  const found = benches.find((bench) => bench.name === name);
  const runs = Number(values.runs ?? found?.runs ?? 5);
  if (found === undefined || !Number.isInteger(runs) || runs < 1) {
    process.stderr.write(found === undefined ? `unknown bench "${name}"\n\n${usage}` : usage);
    return 2;
  }
  if (values.file !== undefined) process.env["FANFOLD_INVOICES"] = values.file;
  const subjects = found.subjects.filter(
    (subject) =>
      !(values["no-peers"] === true && subject.role === "peer") &&
      subject.name.includes(values.only),
  );
  const bench = { ...found, subjects };
  progress("compiling what is measured");
  execFileSync("npm", ["run", "-s", "build"], {
    cwd: fileURLToPath(new URL("..", import.meta.url)),
    stdio: ["ignore", "ignore", "inherit"],
  });
  const report = await measureAll(bench, runs, progress);
  progress("");
  const on = machine();
  process.stdout.write(
    values.json === true ? jsonLines(bench, report, on) : table(bench, report, runs, on),
  );
  if (values.json === true) for (const line of report.skipped) process.stderr.write(`${line}\n`);
  return 0;
}

for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130));
process.exitCode = await main();
