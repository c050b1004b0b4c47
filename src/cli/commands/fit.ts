/** The other half of `check`: whether the runs under way fit the app. */
import type { FlowFit } from "../../views/fit.ts";
import { lookedAt } from "../../views/fit.ts";
import type { Context, GlobalOptions } from "../context.ts";
import { exitCodes } from "../exit.ts";
import type { ExitCode } from "../exit.ts";
import { jsonLine } from "../json.ts";
import { openAside } from "../load.ts";
import { faint, span, symbols } from "../style.ts";
import type { Line } from "../style.ts";
import { flowText, quoted } from "../view.ts";

/** Asks the app about the runs of its connection: those that cannot go on make it unfit. */
export async function checkFit(
  context: Context,
  options: GlobalOptions & { readonly json?: boolean },
): Promise<ExitCode> {
  const { app } = await openAside(context, options);
  const { data, talk } = context;
  try {
    const flows = await app.fit();
    const isFit = flows.every(({ misfits }) => misfits.every(({ isFatal }) => !isFatal));
    if (options.json === true) data.write(jsonLine("fit", { url: app.url, isFit, flows }));
    else if (flows.length === 0) talk.say(["  no runs are under way: whatever the app says fits"]);
    else data.say(...flows.flatMap(linesOf));
    return isFit ? exitCodes.ok : exitCodes.unfit;
  } finally {
    await app.close();
  }
}

function linesOf(fit: FlowFit): readonly Line[] {
  const name = flowText(fit.flow);
  const isFit = fit.misfits.every(({ isFatal }) => !isFatal);
  return [
    ...(isFit ? [["  ", span("ok", symbols.done), ` ${name}   ${lookedAt(fit)}`]] : []),
    ...fit.misfits.flatMap(({ isFatal, because, next, run }): readonly Line[] => [
      [
        "  ",
        isFatal ? span("failed", symbols.failed) : span("retrying", symbols.risk),
        ` ${name}   ${because}`,
      ],
      ...(next === undefined ? [] : [[`      ${next}`]]),
      [faint(`      one of them:   fanfold show ${quoted(run)}`)],
    ]),
  ];
}
