import { Command } from "commander";

import { app } from "../../app/app.ts";
import type { Run } from "../../app/run.ts";
import type { FailureGroup, Status } from "../../views/status.ts";
import { interruptible } from "../context.ts";
import type { Act, Context } from "../context.ts";
import { code, invoicing } from "../demo/flow.ts";
import type { Folded } from "../demo/flow.ts";
import { virtual } from "../demo/virtual.ts";
import { world } from "../demo/world.ts";
import type { World } from "../demo/world.ts";
import { exitCodes, exitOfRun } from "../exit.ts";
import type { ExitCode } from "../exit.ts";
import { count, counted, duration } from "../format.ts";
import { beside, follow, isStill } from "../follow.ts";
import * as options from "../options.ts";
import { progress } from "../progress.ts";
import type { Progress } from "../progress.ts";
import { faint, span, strong, symbols, table } from "../style.ts";
import { groupLines, title, verdict, worst } from "../view.ts";

type DemoOptions = { readonly items: number; readonly speed: number; readonly fail: number };

/** Invoices of a minute each that one slot makes within the deadline, with some air for retries. */
const perSlot = 78;
const dueMinutes = 90;
const slotLimit = 5_000;

export function demoCommand(act: (act: Act<DemoOptions>) => () => Promise<void>): Command {
  return new Command("demo")
    .summary("10,000 invoices in memory, sped up; nothing to set up, nothing is written")
    .description(
      "Makes 10,000 invoices of one minute each within 90 minutes, in memory and sped up: about 25 seconds. " +
        "Some fail; they are grouped, the kind that can pass is tried again, and the results come as one answer.",
    )
    .option("--items <n>", "invoices", options.wholeNumber(1, 400_000), 10_000)
    .option("--speed <n>", "virtual seconds per second", options.wholeNumber(1, 100_000), 240)
    .option("--fail <share>", "how many fail for good", options.share, 0.83)
    .addHelpText(
      "after",
      "\nExamples:\n  fanfold demo\n  fanfold demo --items 1000 --fail 2%\n  fanfold demo --speed 60     an hour and a half in a minute and a half",
    )
    .action(act(demo));
}

const demo: Act<DemoOptions> = async (context, { items, speed, fail }) => {
  const { talk, clock } = context;
  const failures = Math.round((items * fail) / 100);
  const slots = Math.min(slotLimit, Math.ceil(items / perSlot));
  const life = world({ items, speed, failures, clock });
  const { parts, monthlyInvoices } = invoicing(life, {
    retry: { attempts: 3, first: `${realMs(0.5, speed)}ms`, max: `${realMs(2, speed)}ms` },
    deadline: `${realMs(dueMinutes, speed)}ms`,
  });
  const billing = app({ name: "demo", url: "memory:", parts });
  talk.say(
    ["  ", strong("fanfold demo"), faint("   memory:   nothing is written, nothing is sent")],
    [
      `  ${counted(items, "invoice")}, 1 minute each, due in ${dueMinutes}; ${counted(slots, "slot")}, ${count(speed)}× speed`,
    ],
    [],
  );
  const leave = (): void =>
    talk.say(["  stopped; it was in memory, so nothing remains.   Again:   fanfold demo"]);
  try {
    return await interruptible(context, leave, (signal) =>
      beside(
        (stop) => billing.work({ concurrency: slots, listen: false, signal: stop }),
        async () => {
          const month = { month: "2026-10" };
          const run = await billing.start(monthlyInvoices, month, { id: "invoices-2026-10" });
          return perform({ context, speed, life, run }, signal);
        },
      ),
    );
  } finally {
    await billing.close();
  }
};

/** Virtual minutes in whole real milliseconds. */
function realMs(minutes: number, speed: number): number {
  return Math.max(1, Math.round((minutes * 60_000) / speed));
}

type Stage = {
  readonly context: Context;
  readonly speed: number;
  readonly life: World;
  readonly run: Run<unknown, Folded>;
};

async function perform(stage: Stage, signal: AbortSignal): Promise<ExitCode> {
  const { context, run, speed } = stage;
  const { talk } = context;
  talk.say(title({ id: run.id, flow: "monthly-invoices" }), []);
  let last = await follow(run.watch(), inVirtualTime(stage), signal);
  if (last?.state === "held") last = await secondChance(stage, last, signal);
  if (last?.state === "held") last = await goOn(stage, last, signal);
  if (last === undefined || !isStill(last)) return exitCodes.interrupted;
  talk.say([], ...verdict(virtual(last, speed), { hasCommands: false }));
  if (last.state !== "done") return exitOfRun(last);
  await conclude(stage, last);
  // Being late by the demo's own clock is nobody's failure.
  return exitCodes.ok;
}

function inVirtualTime({ context, speed }: Stage): Progress {
  const shown = progress(context.talk, speed);
  return { update: (status) => shown.update(virtual(status, speed)), end: shown.end };
}

/** What a person would do: look at the kinds, see which of them can pass now, and retry those and no others. */
async function secondChance(
  stage: Stage,
  held: Status,
  signal: AbortSignal,
): Promise<Status | undefined> {
  const { context, run, life } = stage;
  const { talk } = context;
  const busy = worst(held).find((group) => group.message.includes("mailbox busy"));
  talk.say(
    [],
    ["  ", span("held", `${symbols.held} held`), `   ${held.because ?? ""}`],
    ...groupLines(held, { hasCommands: false }),
  );
  if (busy === undefined) return held;
  life.repairMail();
  talk.say(
    [],
    ["  ", span("retrying", symbols.retrying), ` ${redriveCall(busy)}`],
    [faint(`    the mail server is back: those ${count(busy.count)} again, and no others`)],
    [],
  );
  const generations = new Map(held.steps.map((step) => [step.name, step.generation]));
  await run.redrive({ signature: busy.signature });
  // The status may still say held for a moment: it counts once the step was opened again.
  return follow(
    run.watch(),
    inVirtualTime(stage),
    signal,
    (status) =>
      isStill(status) &&
      status.steps.some((step) => step.generation > (generations.get(step.name) ?? 0)),
  );
}

/** What a person would do with those that no retry will help. */
async function goOn(
  stage: Stage,
  { because = "" }: Status,
  signal: AbortSignal,
): Promise<Status | undefined> {
  const { context, run } = stage;
  const reason = "the rest goes by post";
  context.talk.say(
    [],
    ["  ", span("held", `${symbols.held} held`), `   ${because}`],
    [],
    ["  ", span("running", symbols.running), ` run.release(${JSON.stringify(reason)})`],
    [faint("    no retry will help these: the run goes on with the failures it has")],
    [],
  );
  await run.release(reason);
  return follow(run.watch(), inVirtualTime(stage), signal);
}

function redriveCall({ signature }: FailureGroup): string {
  return `run.redrive({ signature: ${JSON.stringify(signature)} })`;
}

async function conclude({ context, run }: Stage, last: Status): Promise<void> {
  const { data, talk } = context;
  const { sent, cents, biggest } = await run.result();
  const euros = (amount: number): string =>
    `${count(Math.floor(amount / 100))}.${String(amount % 100).padStart(2, "0")}`;
  talk.say([], [faint("  folded while they came in; no list of results was ever in memory")]);
  data.say(
    ...table(
      [{ title: "" }, { title: "", align: "right" }],
      [
        ["sent", count(sent)],
        ["total", euros(cents)],
        ...biggest.map((invoice, i) => [
          i === 0 ? "biggest" : "",
          `${invoice.id}  ${euros(invoice.cents)}`,
        ]),
      ],
    ),
  );
  talk.say(
    [],
    [
      faint(
        `  the code that did it, in ${duration((last.endedAt ?? last.at) - last.startedAt)} of your time`,
      ),
    ],
    [],
  );
  data.write(code.replace(/^\n/, ""));
  talk.say(
    [],
    [
      "  yours:   ",
      strong("npx fanfold init invoices && cd invoices && npm install && npm run dev"),
    ],
  );
}
