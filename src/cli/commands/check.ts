import { existsSync } from "node:fs";

import { Command } from "commander";

import { check as checkStore, type Checked } from "../../check/check.ts";
import { maskUrl, withoutClient } from "../../engines/open.ts";
import { codeOf, explained } from "../../engines/postgres/problems.ts";
import { postgresUrl } from "../../engines/postgres/url.ts";
import type { Act, Context } from "../context.ts";
import { exitCodes } from "../exit.ts";
import type { ExitCode } from "../exit.ts";
import { usage } from "../failure.ts";
import { count } from "../format.ts";
import { jsonLine } from "../json.ts";
import { filePath } from "../load.ts";
import { given } from "../options.ts";
import { isPostgres } from "../postgres-checks.ts";
import { faint, span, symbols } from "../style.ts";
import { checkFit } from "./fit.ts";

type CheckOptions = {
  readonly against?: string;
  readonly witness?: string;
  readonly json?: boolean;
};

export function checkCommand(act: (act: Act<CheckOptions>) => () => Promise<void>): Command {
  return new Command("check")
    .summary("do the runs under way fit this app? does a store keep what was promised?")
    .description(
      `Two checks. Neither changes anything, and both may run beside those who work.

Without <url>, of this app: can the runs under way go on by the flows, steps, folds and schemas that it has now? They are those of its connection, or of --against: ask before you deploy. Runs that would stand still or fail are what must be fixed.

With <url>, of a store, whatever its app: its log is folded without any code of the engine, and guarantees that do not hold are named. A file is read beside its owner; of PostgreSQL a snapshot is taken, which is copied into a temporary file first.`,
    )
    .argument(
      "[url]",
      "a store to judge, as in sqlite:.fanfold/dev.db or postgres://user@host/database",
    )
    .option("--against <url>", "the runs there, instead of those of the app's own connection")
    .option(
      "--witness <file>",
      'with <url>, what others saw, a JSON object a line: {"started":"run"}, {"cancelled":…}, {"ended":…}, {"ran":"run/step/key"}',
    )
    .option("--json", "print one JSON object")
    .addHelpText(
      "after",
      `
Examples:
  fanfold check
  fanfold check --against "$PROD_URL" || exit 1     before a deployment
  fanfold check sqlite:.fanfold/dev.db     a store
  fanfold check postgres://billing@db.example.org/billing
  fanfold check sqlite:/backup/dev.db --json | jq .violations

Exit codes: 0 all that was looked at fits, or holds · 9 something does not`,
    )
    .action(act(check));
}

const check: Act<CheckOptions> = async (context, options, url) => {
  const { against, witness } = options;
  if (url !== undefined) {
    if (against === undefined) return checkUrl(context, options, url);
    throw usage(
      "check looks at a store (<url>), or whether runs fit this app (--against): say one",
      "fanfold check --help",
    );
  }
  if (witness !== undefined)
    throw usage("--witness is of a store: name one", "fanfold check <url> --witness …");
  return checkFit(context, { ...options, ...given({ url: against }) });
};

async function checkUrl(context: Context, options: CheckOptions, url: string): Promise<ExitCode> {
  const { witness } = options;
  const path = filePath(url);
  if (path === undefined && !isPostgres(url))
    throw usage(
      `check reads SQLite's files and PostgreSQL's tables, and "${maskUrl(url)}" is neither: name one, as in`,
      "fanfold check sqlite:.fanfold/dev.db",
    );
  for (const file of [path, witness])
    if (file !== undefined && !existsSync(file))
      throw usage(`there is no file ${file}`, "fanfold check --help");
  const checked = path === undefined ? await database(url, witness) : checkStore(path, witness);
  const { violations, counts, unchecked } = checked;
  if (options.json === true)
    context.data.write(jsonLine("check", { url: maskUrl(url), violations, counts, unchecked }));
  else print(context, checked);
  return violations.length === 0 ? exitCodes.ok : exitCodes.unfit;
}

async function database(url: string, witness: string | undefined): Promise<Checked> {
  const { checkDatabase } = await import("../../check/postgres.ts");
  try {
    return await checkDatabase(postgresUrl(url).url, witness);
  } catch (error) {
    if (codeOf(error) === "ERR_MODULE_NOT_FOUND") withoutClient(error);
    throw explained(error, maskUrl(url));
  }
}

function print({ data, talk }: Context, { violations, counts, unchecked }: Checked): void {
  const looked = Object.entries(counts).filter(([, n]) => n > 0);
  data.say(
    ...violations.map(({ guarantee, where, expected, got }) => [
      "  ",
      span("failed", `${symbols.failed} ${guarantee.padEnd(3)}`),
      ` ${where}: expected ${expected}, got ${got}`,
    ]),
    [
      faint(
        `  ${looked.map(([what, n]) => `${count(n)} ${n === 1 ? what.replace(/s$/, "") : what}`).join(" · ")}`,
      ),
    ],
    ...unchecked.map((what) => [faint(`  not checked: ${what}`)]),
  );
  talk.say(
    violations.length === 0
      ? ["  ", span("ok", `${symbols.done} all that was looked at holds`)]
      : ["  ", span("failed", `${symbols.failed} ${violations.length} found`)],
  );
}
