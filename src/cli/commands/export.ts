import { Command } from "commander";
import { stringify } from "csv-stringify/sync";

import type { ExportQuery } from "../../roles/export.ts";
import type { ExportedSubJob } from "../../views/status.ts";
import { runNamed, stepNamed } from "../address.ts";
import type { Act, Context } from "../context.ts";
import { exitCodes } from "../exit.ts";
import { counted } from "../format.ts";
import { exportedFields, jsonLine } from "../json.ts";
import { openToRead } from "../load.ts";
import * as options from "../options.ts";
import { faint } from "../style.ts";
import { quoted } from "../view.ts";

type ExportOptions = {
  readonly step?: string;
  readonly only?: NonNullable<ExportQuery["only"]>;
  readonly signature?: string;
  readonly from?: number;
  readonly format: "jsonl" | "csv";
};

export function exportCommand(act: (act: Act<ExportOptions>) => () => Promise<void>): Command {
  return new Command("export")
    .summary("inputs, results and failures of a step, as JSONL or CSV")
    .description(
      "Prints every sub-job of a fan-out, in the order of the split: its input, its result or its error. A million pass through little memory.",
    )
    .argument("<run>", "its id")
    .option("--step <name>", "of this step (default: the fan-out it is at, or its last)")
    .option("--only <what>", "ok, failed, skipped, cancelled or open", options.exported)
    .option("--signature <signature>", "only failures of this kind, as `failures` names it")
    .option(
      "--from <index>",
      "begin with this sub-job: one more than the last that arrived",
      options.wholeNumber(0, 20_000_000),
    )
    .option("--format <format>", "jsonl or csv", options.exportFormat, "jsonl")
    .addHelpText(
      "after",
      `
Examples:
  fanfold export invoices-2026-10 > invoices.jsonl
  fanfold export invoices-2026-10 --only failed --format csv > failed.csv
  fanfold export invoices-2026-10 --from 700000 >> invoices.jsonl     goes on after 699999

In CSV, input and result are JSON in one column each; what a spreadsheet would take for a formula gets a ' in front.`,
    )
    .action(act(exportRun));
}

const exportRun: Act<ExportOptions> = async (context, wanted, id = "") => {
  const { app } = await openToRead(context, wanted);
  try {
    const run = await runNamed(app, id);
    const step =
      wanted.step === undefined ? undefined : stepNamed(await run.status(), wanted.step).name;
    const { only, signature, from, format } = wanted;
    const rows = run.export(options.given({ step, only, signature, from }));
    const written = await write(context, rows, format, (from ?? 0) === 0);
    context.talk.say([faint(`  ${counted(written, "sub-job")} of ${quoted(id)}`)]);
    return written === 0 && (only ?? signature) !== undefined ? exitCodes.nothing : exitCodes.ok;
  } finally {
    await app.close();
  }
};

/** Rows that are written at once. */
const rowsAtOnce = 500;

/** As fast as stdout takes it: what waits to be written is one portion. */
async function write(
  { stdout }: Context,
  rows: AsyncIterable<ExportedSubJob>,
  format: "jsonl" | "csv",
  isWhole: boolean,
): Promise<number> {
  const textOf = format === "csv" ? csvText : jsonText;
  let portion: ExportedSubJob[] = [];
  let written = 0;
  async function flush(): Promise<void> {
    const text = textOf(portion, written === 0 && isWhole);
    written += portion.length;
    portion = [];
    if (text !== "" && !stdout.write(text))
      await new Promise<void>((resolve) => void stdout.once("drain", resolve));
  }
  for await (const row of rows) {
    portion.push(row);
    if (portion.length === rowsAtOnce) await flush();
  }
  await flush();
  return written;
}

function jsonText(rows: readonly ExportedSubJob[]): string {
  return rows.map((row) => jsonLine("exported-sub-job", exportedFields(row))).join("");
}

const columns = ["index", "key", "state", "attempts", "at", "ms", "error", "input", "result"];

function csvText(rows: readonly ExportedSubJob[], hasHeader: boolean): string {
  return stringify(
    rows.map((row) => {
      const { error, input, result } = row;
      return {
        ...exportedFields(row),
        error: error === undefined ? "" : `${error.name}: ${error.message}`,
        input: JSON.stringify(input),
        result: result === undefined ? "" : JSON.stringify(result),
      };
    }),
    { columns, header: hasHeader, escape_formulas: true },
  );
}
