/** redrive and skip: which failed sub-jobs, how many they are, whether that is meant, and what came of it. */
import { Command } from "commander";

import type { Run } from "../../app/run.ts";
import type { Selected } from "../../app/selecting.ts";
import type { RateText } from "../../define/duration.ts";
import type { State } from "../../define/flow.ts";
import { isWhole, numbered } from "../../views/failures.ts";
import type { Status, StepStatus } from "../../views/status.ts";
import { runNamed, stepNamed } from "../address.ts";
import { byUser, did, isMeant, keysLine, reasonOf, type Caution } from "../asking.ts";
import { interruptible } from "../context.ts";
import type { Act, Context } from "../context.ts";
import { editingFrom, type Editing } from "../editing.ts";
import { exitCodes } from "../exit.ts";
import type { ExitCode } from "../exit.ts";
import { usage } from "../failure.ts";
import { beside, follow, isStill } from "../follow.ts";
import { count } from "../format.ts";
import { jsonLine } from "../json.ts";
import { open } from "../load.ts";
import type { Opened } from "../load.ts";
import * as options from "../options.ts";
import { given } from "../options.ts";
import { progress } from "../progress.ts";
import { faint, span, symbols } from "../style.ts";
import type { Line } from "../style.ts";
import { quoted } from "../view.ts";
import { groupNumbered } from "./failures.ts";

type BulkOptions = Caution & {
  readonly group?: number;
  readonly step?: string;
  readonly keys?: readonly string[];
  readonly all?: boolean;
  readonly reason?: string;
  readonly rate?: RateText;
  readonly edit?: string;
  readonly wait?: boolean;
  readonly json?: boolean;
};

type Make = (act: Act<BulkOptions>) => () => Promise<void>;

function bulk(verb: string): Command {
  return new Command(verb)
    .argument("<run>", "its id")
    .option(
      "--group <n>",
      "those of one kind: its number in  fanfold failures",
      options.wholeNumber(1, 10_000),
    )
    .option("--step <name>", "those of this step")
    .option("--keys <keys>", "these, with commas between them", options.list)
    .option("--all", "all that have failed")
    .option("--reason <text>", "why; kept with the decision")
    .option("--dry-run", "say which they are, and stop there")
    .option("--yes", "do not ask");
}

export function redriveCommand(act: Make): Command {
  return bulk("redrive")
    .summary("run failed sub-jobs again")
    .description(
      "Runs failed sub-jobs again, with all their attempts; what succeeded stays. Says first which they are, and asks. Then it waits until they have outcomes: success means that they ran and passed.",
    )
    .option("--rate <rate>", "so many per time, from now on: 10/s, 100/m", options.rate)
    .option(
      "--edit <input>",
      "correct inputs: JSON, @file or - for stdin; of the one sub-job of --keys, or lines with key and input as `export` prints them",
    )
    .option("--no-wait", "do not wait for their outcomes")
    .option("--json", "print one JSON object")
    .addHelpText(
      "after",
      `
Examples:
  fanfold redrive invoices-2026-10 --group 1
  fanfold redrive invoices-2026-10 --keys c-00013,c-00891 --yes
  fanfold redrive invoices-2026-10 --all --dry-run
  fanfold redrive invoices-2026-10 --all --rate 5/s     for what has just come back to life
  fanfold redrive invoices-2026-10 --keys c-00013 --edit '{"customer":"c-00013","email":"new@example.com"}'
  fanfold export invoices-2026-10 --only failed > failed.jsonl     edit the inputs in it, then
  fanfold redrive invoices-2026-10 --edit @failed.jsonl --reason "they have moved"

Exit codes: 0 all of them passed · 1 some failed again · 5 somebody was first · 6 nothing matched`,
    )
    .action(act(redrive));
}

export function skipCommand(act: Make): Command {
  return bulk("skip")
    .summary("count failed sub-jobs as skipped")
    .description(
      "Counts failed sub-jobs as skipped: they are no failures any more. Says first which they are, and asks. A reason is needed.",
    )
    .option("--json", "print one JSON object")
    .addHelpText(
      "after",
      `
Examples:
  fanfold skip invoices-2026-10 --group 2 --reason "they moved, we asked"
  fanfold skip invoices-2026-10 --keys c-00013 --reason "billed by hand" --yes

Exit codes: 0 done · 5 somebody was first · 6 nothing matched`,
    )
    .action(act(skip));
}

const redrive: Act<BulkOptions> = async (context, wanted, id = "") => {
  const opened = await open(context, wanted);
  try {
    const run = await runNamed(opened.app, id);
    const status = await run.status();
    const whole = wholeStep(status, wanted);
    if (whole !== undefined) return await redriveStep(context, opened, run, whole, wanted);
    const again = `fanfold redrive ${quoted(id)} …`;
    const editing = await editingOf(context, wanted, again);
    const selected = await selection(run, status, withKeysOf(editing, wanted), "redrive");
    if (selected === undefined || selected.count === 0) return nothing(context, id);
    const edited = editing && (await selected.tryEdit(editing.edit));
    const about = aboutOf("retry", selected, edited);
    const question = `retry ${count(selected.count)}?`;
    if (!(await isMeant(context, wanted, { about, question, again }))) return exitCodes.ok;
    const { reason, rate } = wanted;
    const by = { ...byUser(), ...given({ reason, rate, edit: editing?.edit }) };
    const { matched, changed } = await selected.redrive(by);
    context.talk.say(did(`retrying ${count(matched)}`), ...changedLine(changed));
    if (wanted.wait === false) return exitCodes.ok;
    return await waitFor(context, opened, run, selected, wanted);
  } finally {
    await opened.app.close();
  }
};

const skip: Act<BulkOptions> = async (context, wanted, id = "") => {
  const { app } = await open(context, wanted);
  try {
    const command = `fanfold skip ${quoted(id)}`;
    const reason = reasonOf(wanted.reason, `${command} …`);
    const run = await runNamed(app, id);
    const selected = await selection(run, await run.status(), wanted, "skip");
    if (selected === undefined || selected.count === 0) return nothing(context, id);
    const about = aboutOf("skip", selected);
    const question = `skip ${count(selected.count)}?`;
    if (!(await isMeant(context, wanted, { about, question, again: `${command} …` })))
      return exitCodes.ok;
    const { matched, changed } = await selected.skip(reason, byUser());
    if (wanted.json === true)
      context.data.write(
        jsonLine("skip", {
          run: id,
          step: selected.step,
          selected: selected.count,
          matched,
          changed,
        }),
      );
    context.talk.say(did(`skipped ${count(matched)}`), ...changedLine(changed));
    return exitCodes.ok;
  } finally {
    await app.close();
  }
};

async function editingOf(
  context: Context,
  { edit, keys }: BulkOptions,
  next: string,
): Promise<Editing | undefined> {
  return edit === undefined ? undefined : editingFrom(context, edit, keys, next);
}

/** Where nothing else says which, those are meant that have an input. */
function withKeysOf(editing: Editing | undefined, wanted: BulkOptions): BulkOptions {
  const { group, keys, all } = wanted;
  const isSaid = group !== undefined || keys !== undefined || all === true;
  return editing === undefined || isSaid ? wanted : { ...wanted, keys: editing.keys };
}

/** A filter must be said: nothing said is not everything. Undefined: nothing has failed, wherever one looks. */
async function selection(
  run: Run<State>,
  status: Status,
  { group, step, keys, all }: BulkOptions,
  verb: string,
): Promise<Selected | undefined> {
  if (group === undefined && step === undefined && keys === undefined && all !== true)
    throw usage(
      "say which: --group, --keys, --step, or --all",
      `fanfold failures ${quoted(run.id)}     shows the groups;   fanfold ${verb} ${quoted(run.id)} --all     takes all`,
    );
  if (step !== undefined) stepNamed(status, step);
  else if (group === undefined && !status.steps.some(({ failed }) => failed > 0)) return undefined;
  const kind =
    group === undefined ? undefined : groupNumbered(numbered(status.steps), group, run.id);
  const where = { step: step ?? kind?.step, signature: kind?.signature, keys };
  return run.select(given(where));
}

/** A plain step, or a split, that failed as a whole. */
function wholeStep(
  status: Status,
  { step, group, keys, edit }: BulkOptions,
): StepStatus | undefined {
  if (keys !== undefined || edit !== undefined) return undefined;
  const kind = group === undefined ? undefined : numbered(status.steps)[group - 1];
  if (kind !== undefined && !isWhole(kind)) return undefined;
  const name = kind?.step ?? step ?? status.step;
  const found = status.steps.find((one) => one.name === name);
  if (found === undefined || (group !== undefined && kind === undefined)) return undefined;
  const isFailed = found.kind === "fan-out" || found.state === "failed";
  return isFailed && found.failures.some(isWhole) ? found : undefined;
}

async function redriveStep(
  context: Context,
  opened: Opened,
  run: Run<State>,
  { name, kind, failed }: StepStatus,
  wanted: BulkOptions,
): Promise<ExitCode> {
  const what = kind === "step" ? `step ${name}` : `the split of ${name}`;
  const besides = kind === "fan-out" && failed > 0 ? `, and ${count(failed)} that failed` : "";
  const about: Line[] = [[`  would run ${what} again${besides}`]];
  const again = `fanfold redrive ${quoted(run.id)}`;
  if (!(await isMeant(context, wanted, { about, question: `run ${what} again?`, again })))
    return exitCodes.ok;
  await run.redrive({ step: name }, { ...byUser(), ...given({ reason: wanted.reason }) });
  context.talk.say(did(`${what} runs again`));
  if (wanted.wait === false) return exitCodes.ok;
  const last = await followed(context, opened, run, isStill);
  if (last === undefined) return exitCodes.interrupted;
  return last.state === "failed" ? exitCodes.failed : exitCodes.ok;
}

function nothing({ talk }: Context, id: string): ExitCode {
  talk.say(["  nothing that has failed matches"], [`    fanfold failures ${quoted(id)}`]);
  return exitCodes.nothing;
}

function aboutOf(verb: string, { count: all, step, keys }: Selected, edited?: number): Line[] {
  const what = all === 1 ? "sub-job" : "sub-jobs";
  const inputs = edited === undefined ? "" : `, ${count(edited)} of them with another input`;
  return [
    [`  would ${verb} ${count(all)} failed ${what} of ${step}${inputs}`],
    keysLine(keys, all),
  ];
}

function changedLine(changed: number): Line[] {
  if (changed === 0) return [];
  return [
    [
      faint(
        `    ${count(changed)} changed meanwhile, and ${changed === 1 ? "was" : "were"} left alone`,
      ),
    ],
  ];
}

/** Until all of them have outcomes; then what became of each, counted. */
async function waitFor(
  context: Context,
  opened: Opened,
  run: Run<State>,
  selected: Selected,
  { json }: BulkOptions,
): Promise<ExitCode> {
  const { data, talk } = context;
  const isOver = (status: Status): boolean => {
    const step = status.steps.find(({ name }) => name === selected.step);
    const left = step === undefined ? 0 : step.waiting + step.inFlight + step.retrying;
    return left === 0 || isStill(status);
  };
  if ((await followed(context, opened, run, isOver)) === undefined) return exitCodes.interrupted;
  const became = new Map<string, number>();
  const failing: string[] = [];
  for await (const { state, key, error } of selected.report()) {
    became.set(state, (became.get(state) ?? 0) + 1);
    if (error !== undefined) failing.push(key);
  }
  const passed = became.get("ok") ?? 0;
  const { step, count: all } = selected;
  if (json === true)
    data.write(
      jsonLine("redrive", {
        run: run.id,
        step,
        selected: all,
        ...Object.fromEntries(became),
        failing,
      }),
    );
  const others = [...became].filter(([state]) => state !== "ok");
  talk.say([
    `  ${count(all)}   `,
    span("ok", `${symbols.ok} ${count(passed)}`),
    ...others.flatMap(([state, n]) => ["   ", span("failed", `${count(n)} ${state}`)]),
  ]);
  if (failing.length === 0) return exitCodes.ok;
  talk.say([`  ${count(failing.length)} still failing:  fanfold failures ${quoted(run.id)}`]);
  return exitCodes.failed;
}

/** Shows it until then; works on it where nobody else can. Undefined: it was interrupted. */
async function followed(
  context: Context,
  { app, isEmbedded }: Opened,
  run: Run<State>,
  isEnough: (status: Status) => boolean,
): Promise<Status | undefined> {
  const shown = progress(context.talk);
  const leave = (): void => {
    shown.end();
    context.talk.say(
      ["  stopped watching; the run goes on"],
      [`    fanfold show ${quoted(run.id)}`],
    );
  };
  const work = (signal: AbortSignal): Promise<void> => app.work({ listen: false, signal });
  return interruptible(context, leave, (signal) =>
    beside(isEmbedded ? work : undefined, async () => {
      const last = await follow(run.watch(), shown, signal, isEnough);
      return last !== undefined && isEnough(last) ? last : undefined;
    }),
  );
}
