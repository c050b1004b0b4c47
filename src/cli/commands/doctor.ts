import { existsSync } from "node:fs";

import { Command } from "commander";

import {
  clockCheck,
  fileChecks,
  nodeCheck,
  retentionCheck,
  sqliteCheck,
  syncCheck,
  throughputCheck,
  words,
} from "../checks.ts";
import type { Check } from "../checks.ts";
import type { Act, Context, GlobalOptions } from "../context.ts";
import { codeOf, exitCodes } from "../exit.ts";
import { duration } from "../format.ts";
import { jsonLine } from "../json.ts";
import { mendsOf } from "../mending.ts";
import { given } from "../options.ts";
import { did, isMeant, type Caution } from "../asking.ts";
import { filePath, openToRead, urlOf } from "../load.ts";
import type { Opened } from "../load.ts";
import { isPostgres, postgresChecks } from "../postgres-checks.ts";
import { faint, span, symbols, table } from "../style.ts";
import type { Span } from "../style.ts";

type DoctorOptions = Caution & { readonly fix?: boolean; readonly json?: boolean };

/** What app() uses when nobody says where. */
const usualUrl = "sqlite:.fanfold/dev.db";

export function doctorCommand(act: (act: Act<DoctorOptions>) => () => Promise<void>): Command {
  return new Command("doctor")
    .summary("is everything as it should be?")
    .description(
      "Looks at Node, SQLite, the connection, retention, the file and its owner or the PostgreSQL server, the disk and the clock, and tries " +
        "how fast it is. --fix mends what can be mended by itself, of a file that nobody has open: it says what, and asks.",
    )
    .option("--fix", "give free pages of a file back to the disk, remove what a doctor left")
    .option("--dry-run", "with --fix: say what it would do, and stop there")
    .option("--yes", "with --fix: do not ask")
    .option("--json", "print one JSON object")
    .addHelpText(
      "after",
      `
Examples:
  fanfold doctor
  fanfold doctor --fix --dry-run
  fanfold doctor --url sqlite:/data/billing.db --json | jq '.checks[] | select(.state != "ok")'

Exit codes: 0 all is well (or only warnings) · 9 something must be fixed`,
    )
    .action(act(doctor));
}

const doctor: Act<DoctorOptions> = async (context, options) => {
  const checks: Check[] = [];
  const found = (...more: readonly Check[]): void => {
    checks.push(...more);
    if (options.json !== true) context.data.say(...more.flatMap(lines));
  };
  found(nodeCheck(process.versions.node), await sqliteCheck());
  const { opened, check } = await appCheck(context, options);
  found(check);
  const url = urlOf(context, options) ?? opened?.url ?? usualUrl;
  const path = filePath(url);
  if (path !== undefined) found(...(await fileChecks(path)));
  // A file that is not there is not made by looking for it.
  const isThere = path === undefined || existsSync(path);
  if (opened !== undefined && isThere) found(...(await connectionChecks(context, opened, path)));
  if (isPostgres(url)) found(...(await postgresChecks(url, context.clock)));
  else found(syncCheck(path, context.clock), await throughputCheck(path, context.clock));
  const mended = options.fix === true ? await mend(context, options, path) : undefined;
  const isUnfit = checks.some(({ state }) => state === "bad");
  if (options.json === true)
    context.data.write(jsonLine("doctor", { fit: !isUnfit, checks, ...given({ mended }) }));
  else summary(context, checks);
  return isUnfit ? exitCodes.unfit : exitCodes.ok;
};

/** Resolves to what was done. */
async function mend(
  context: Context,
  caution: Caution,
  path: string | undefined,
): Promise<readonly string[]> {
  const { talk, clock } = context;
  const mends = path === undefined ? [] : await mendsOf(path, clock);
  if (mends.length === 0) {
    talk.say([faint("  nothing that can be mended by itself")]);
    return [];
  }
  const about = mends.map(({ would }) => [`  would ${would}`]);
  const question = mends.length === 1 ? "do it?" : "do all of it?";
  if (!(await isMeant(context, caution, { about, question, again: "fanfold doctor --fix" })))
    return [];
  for (const one of mends) {
    await one.mend();
    talk.say(did(one.would));
  }
  return mends.map(({ would }) => would);
}

async function appCheck(
  context: Context,
  options: GlobalOptions,
): Promise<{ readonly opened: Opened | undefined; readonly check: Check }> {
  try {
    const opened = await openToRead(context, options);
    const flows = opened.app.parts.filter((part) => part.kind === "flow").length;
    const text = `${opened.app.name}, ${flows} flow${flows === 1 ? "" : "s"}, ${opened.connection}`;
    return { opened, check: { name: "app", state: "ok", text } };
  } catch (error) {
    // No app is no illness: somebody may only look at what the machine can do.
    const isMissing = words(error).startsWith("no app found");
    const check: Check = {
      name: "app",
      state: isMissing ? "warn" : "bad",
      text: words(error),
      next: "fanfold init",
    };
    return { opened: undefined, check };
  }
}

/** Asks for one run, which needs everything a question needs; a file in use is its owner's, and no illness. */
async function connectionChecks(
  { clock }: Context,
  opened: Opened,
  path: string | undefined,
): Promise<readonly Check[]> {
  const { app } = opened;
  try {
    const before = clock.now();
    const [newest] = await app.runs({
      states: ["running", "held", "done", "failed"],
      limit: 1,
    });
    const took = duration(clock.now() - before);
    return [
      { name: "connection", state: "ok", text: `answers in ${took}` },
      clockCheck(clock.now(), newest?.startedAt),
      retentionCheck(await app.retention(), clock.now()),
    ];
  } catch (error) {
    // What looks at the server says the same, and what to do about it.
    if (opened.url !== undefined && isPostgres(opened.url)) return [];
    const isInUse = path !== undefined && codeOf(error) === "conflict";
    return [
      isInUse
        ? { name: "connection", state: "ok", text: words(error) }
        : {
            name: "connection",
            state: "bad",
            text: words(error),
            next: "fanfold worker     on the machine that owns the data",
          },
      clockCheck(clock.now(), undefined),
    ];
  } finally {
    await app.close();
  }
}

const marks: Readonly<Record<Check["state"], Span>> = {
  ok: span("ok", symbols.done),
  warn: span("retrying", "!"),
  bad: span("failed", symbols.failed),
};

function lines({ name, state, text, next }: Check): ReturnType<typeof table> {
  const [row = []] = table(
    [{ title: "" }, { title: "" }, { title: "" }],
    [[marks[state], name.padEnd("connection".length), text]],
  );
  return next === undefined || state === "ok" ? [row] : [row, [`                 ${next}`]];
}

function summary({ talk }: Context, checks: readonly Check[]): void {
  const count = (state: Check["state"]): number =>
    checks.filter((one) => one.state === state).length;
  const bad = count("bad");
  const warnings = count("warn");
  if (bad > 0)
    talk.say(
      [],
      [
        "  ",
        span("failed", `${symbols.failed} ${bad} to fix`),
        faint("   then again:   "),
        "fanfold doctor",
      ],
    );
  else
    talk.say(
      [],
      [
        "  ",
        span("ok", `${symbols.done} fit`),
        faint(warnings > 0 ? `   ${warnings} to know about` : ""),
      ],
    );
}
