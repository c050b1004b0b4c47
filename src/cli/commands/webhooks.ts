import { Command } from "commander";

import type { Answer, Notice, NoticeState } from "../../core/notice.ts";
import type { WebhookStatus } from "../../webhooks/ledger.ts";
import { byUser, did } from "../asking.ts";
import type { Act, Context, GlobalOptions } from "../context.ts";
import { exitCodes } from "../exit.ts";
import type { ExitCode } from "../exit.ts";
import { usage } from "../failure.ts";
import { count, instant, iso } from "../format.ts";
import { list, watchOption, type Listed, type ListOptions } from "../listing.ts";
import { open, openToRead } from "../load.ts";
import { given, noticeStates, wholeNumber } from "../options.ts";
import { faint, span, stated, table } from "../style.ts";
import type { Cell, Line } from "../style.ts";
import { unknownNames } from "../unknown.ts";
import { quoted } from "../view.ts";

type WebhooksOptions = ListOptions & {
  readonly state?: readonly NoticeState[];
  readonly run?: string;
  readonly limit: number;
  readonly reason?: string;
};

export function webhooksCommand(act: (act: Act<WebhooksOptions>) => () => Promise<void>): Command {
  return new Command("webhooks")
    .summary("what other programs are told; send it again")
    .description(
      "Lists webhooks; the notices of one, which are its events on their way and what came of them; sends them again; tells a webhook again that was gone.",
    )
    .argument("[action]", "notices, redrive or enable")
    .argument("[webhook]", "name of a webhook of the app")
    .argument("[ids...]", "redrive: ids of events; all that failed or were cancelled if left out")
    .option("--state <states>", "notices: waiting, ok, failed, cancelled", noticeStates)
    .option("--run <run>", "notices: of this run only")
    .option("--limit <n>", "notices: at most so many", wholeNumber(1, 10_000), 50)
    .option("--reason <text>", "redrive: why; kept with the notice")
    .option(...watchOption)
    .option("--json", "print one JSON object a line; with --watch, one for the whole list")
    .addHelpText(
      "after",
      `
Examples:
  fanfold webhooks
  fanfold webhooks --watch
  fanfold webhooks notices ops --state waiting,failed
  fanfold webhooks redrive ops --reason "it is back"       all that it did not hear
  fanfold webhooks enable ops                              after a 410, what happens from now on

Exit codes: 0 done · 6 nothing to send again`,
    )
    .action(act(webhooks));
}

const webhooks: Act<WebhooksOptions> = async (context, options, action, name, ...ids) => {
  if (action === "redrive" || action === "enable")
    return decide(context, options, action, name, ids);
  if (action !== undefined && action !== "notices")
    throw usage(
      `unknown action "${action}": expected notices, redrive or enable`,
      "fanfold webhooks --help",
    );
  const { app } = await openToRead(context, options);
  try {
    if (action === undefined)
      return await list(context, options, async () => webhooksListed(await app.webhooks.list()));
    const { limit, state, run } = options;
    const query = { limit, ...given({ webhook: name, states: state, run }) };
    const unknown = unknownNames(app, given({ webhook: name }));
    return await list(context, options, async () =>
      noticesListed(await app.webhooks.notices(query), unknown, context.clock.now()),
    );
  } finally {
    await app.close();
  }
};

async function decide(
  context: Context,
  options: WebhooksOptions & GlobalOptions,
  action: "redrive" | "enable",
  webhook: string | undefined,
  ids: readonly string[],
): Promise<ExitCode> {
  const { talk } = context;
  if (webhook === undefined)
    throw usage(`say which webhook to ${action}`, `fanfold webhooks ${action} <webhook>`);
  if (options.watch === true)
    throw usage(`--watch is of the lists: there is none of ${action}`, "fanfold webhooks --watch");
  const { app } = await open(context, options);
  const look = `fanfold webhooks notices ${quoted(webhook)}`;
  try {
    if (action === "enable") {
      await app.webhooks.enable(webhook);
      talk.say([...did(`${webhook} is told again, within a second`), faint(`   ${look}`)]);
      return exitCodes.ok;
    }
    const which = ids.length === 0 ? { webhook } : { webhook, ids };
    const by = { ...byUser(), ...given({ reason: options.reason }) };
    const { matched } = await app.webhooks.redrive(which, by);
    if (matched === 0) {
      talk.say([
        `  nothing to send again: ${of(ids)} failed or was cancelled`,
        faint(`   ${look}`),
      ]);
      return exitCodes.nothing;
    }
    talk.say([...did(`sending ${count(matched)} again`), faint(`   ${look}`)]);
    return exitCodes.ok;
  } finally {
    await app.close();
  }
}

const of = (ids: readonly string[]): string =>
  ids.length === 0 ? "no notice" : `none of ${count(ids.length)}`;

function webhooksListed(all: readonly WebhookStatus[]): Listed {
  const none = "  no webhooks: define one with webhook(…) and put it among the app's parts";
  return {
    of: "webhooks",
    lines: all.length === 0 ? [] : table(columns, all.map(cells)),
    hints: all.length === 0 ? [[none]] : [],
    rows: all.map((one) => ["webhook", fieldsOf(one)]),
  };
}

const columns = [
  { title: "webhook" },
  { title: "url" },
  { title: "state" },
  { title: "waiting", align: "right" },
  { title: "ok", align: "right" },
  { title: "failed", align: "right" },
  { title: "cancelled", align: "right" },
] as const;

function cells(one: WebhookStatus): readonly Cell[] {
  return [
    one.name,
    one.url ?? faint("not in this program"),
    one.state === "gone" ? span("failed", "gone (410)") : "active",
    count(one.waiting),
    count(one.ok),
    one.failed === 0 ? "0" : span("failed", count(one.failed)),
    count(one.cancelled),
  ];
}

function noticesListed(notices: readonly Notice[], unknown: readonly Line[], now: number): Listed {
  return {
    of: "notices",
    command: "webhooks notices",
    lines: notices.length === 0 ? [] : table(noticeColumns, notices.map(noticeCells(now))),
    hints:
      notices.length === 0 ? [["  no notices match"], ...unknown, ["    fanfold webhooks"]] : [],
    rows: notices.map((one) => ["notice", noticeFields(one)]),
  };
}

const noticeColumns = [
  { title: "at" },
  { title: "webhook" },
  { title: "event" },
  { title: "run" },
  { title: "state" },
  { title: "attempts", align: "right" },
  { title: "last answer", max: 80 },
  { title: "id" },
] as const;

const noticeCells =
  (now: number) =>
  (one: Notice): readonly Cell[] => [
    instant(one.event.at, now),
    one.webhook,
    one.event.type,
    one.event.run,
    stated(one.state),
    count(one.attempts),
    one.because ?? answerText(one.answers.at(-1)),
    faint(one.event.id),
  ];

function answerText(answer: Answer | undefined): string {
  if (answer === undefined) return "";
  return [answer.status, answer.error].filter((part) => part !== undefined).join(" ");
}

function fieldsOf({ url, ...rest }: WebhookStatus): Readonly<Record<string, unknown>> {
  return { ...rest, url: url ?? null };
}

function noticeFields({
  event,
  since,
  at,
  answers,
  redriven,
  ...rest
}: Notice): Readonly<Record<string, unknown>> {
  return {
    ...rest,
    id: event.id,
    event: { ...event, at: iso(event.at) },
    since: iso(since),
    at: iso(at),
    answers: answers.map((one) => ({ ...one, at: iso(one.at) })),
    redriven: redriven === undefined ? null : { ...redriven, at: iso(redriven.at) },
  };
}
