import { Command } from "commander";

import type { Duration } from "../../define/duration.ts";
import { durationMs } from "../../define/duration.ts";
import type { Status } from "../../views/status.ts";
import { runNamed } from "../address.ts";
import { interruptible } from "../context.ts";
import type { Act } from "../context.ts";
import { exitCodes } from "../exit.ts";
import { follow, isStill } from "../follow.ts";
import { openToRead } from "../load.ts";
import * as options from "../options.ts";
import { jsonProgress, progress } from "../progress.ts";
import { span, symbols } from "../style.ts";
import { quoted, title } from "../view.ts";
import { conclude } from "./start.ts";

type WatchOptions = {
  readonly until: "done" | "held";
  readonly timeout?: Duration;
  readonly exitOnRisk?: boolean;
  readonly json?: boolean;
};

export function watchCommand(act: (act: Act<WatchOptions>) => () => Promise<void>): Command {
  return new Command("watch")
    .summary("follow a run; the exit code tells the outcome")
    .description(
      "Follows a run until it ends or a person must decide. Works on nothing; Ctrl-C stops watching, the run goes on.",
    )
    .argument("<run>", "its id")
    .option("--until <what>", "held: stop there, too; done: only at its end", options.until, "held")
    .option(
      "--timeout <duration>",
      "no longer than this: exit 8, the run goes on",
      options.duration,
    )
    .option("--exit-on-risk", "stop when it is late, or not likely to make its deadline: exit 4")
    .option("--json", "print one object a line as it goes on")
    .addHelpText(
      "after",
      `
Examples:
  fanfold watch invoices-2026-10
  fanfold watch invoices-2026-10 --until done --timeout 2h && ./publish-report
  fanfold watch invoices-2026-10 --exit-on-risk || ./call-somebody

Exit codes: 0 done · 1 failed or cancelled · 3 held, a person must decide · 4 late, or at risk · 8 --timeout elapsed`,
    )
    .action(act(watch));
}

const watch: Act<WatchOptions> = async (context, wanted, id = "") => {
  const { data, talk } = context;
  const { app } = await openToRead(context, wanted);
  try {
    const run = await runNamed(app, id);
    const { flow, customer } = await run.status();
    talk.say(title({ id, flow, customer }), []);
    const shown = wanted.json === true ? jsonProgress(data) : progress(talk);
    const isOver = (status: Status): boolean =>
      wanted.until === "held" ? isStill(status) : status.endedAt !== undefined;
    const isEnough = (status: Status): boolean =>
      isOver(status) || (wanted.exitOnRisk === true && isAtRisk(status));
    const leave = (): void => {
      shown.end();
      talk.say([], ["  ", span("running", "stopped watching"), "; the run goes on"]);
      talk.say([`    fanfold watch ${quoted(id)}`]);
    };
    return await interruptible(context, leave, async (stopped) => {
      const over = new AbortController();
      const { timeout } = wanted;
      const forget = new AbortController();
      if (timeout !== undefined)
        void context.clock
          .sleep(durationMs(timeout, "--timeout"), forget.signal)
          .then(() => over.abort(timeout));
      const last = await follow(
        run.watch(),
        shown,
        AbortSignal.any([stopped, over.signal]),
        isEnough,
      );
      forget.abort(id);
      if (last !== undefined && isOver(last)) return conclude(context, app, run, last, wanted);
      if (last !== undefined && isEnough(last)) {
        const what = last.lateAt === undefined ? "not likely to make its deadline" : "late";
        talk.say([], ["  ", span("failed", `${symbols.risk} ${what}`), "; the run goes on"]);
        talk.say([`    fanfold why ${quoted(id)}`]);
        return exitCodes.late;
      }
      if (stopped.aborted) return exitCodes.interrupted;
      talk.say([], ["  ", span("held", `not within ${timeout}`), "; the run goes on"]);
      talk.say([`    fanfold why ${quoted(id)}`]);
      return exitCodes.timeout;
    });
  } finally {
    await app.close();
  }
};

function isAtRisk({ lateAt, riskAt }: Status): boolean {
  return lateAt !== undefined || riskAt !== undefined;
}
