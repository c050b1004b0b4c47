/** What several commands have in common, told once: `fanfold help <topic>`. */
import { exitMeanings } from "./exit.ts";

export type Topic = { readonly about: string; readonly text: string };

export const topics: Readonly<Record<string, Topic>> = {
  addresses: {
    about: "how runs, steps and sub-jobs are named",
    text: `A run is named by its id, a step by run/step, a sub-job by run/step/key. What fanfold prints can be pasted.

  fanfold show invoices-2026-10
  fanfold show invoices-2026-10/invoices
  fanfold show invoices-2026-10/invoices/c-00013 --payload
  fanfold why invoices-2026-10/invoices/c-00013

A key may have slashes in it; an id and a step have none.`,
  },
  connection: {
    about: "which app, and where its data is",
    text: `The app is app.ts (or app.mts, .js, .mjs, or in src), or what --app names: app.ts#billing if it exports several.

Its data is where --url says, or FANFOLD_URL, or the app file; the first line of stderr shows it, secrets masked.

  sqlite:.fanfold/dev.db                one file, and one process that owns it
  http://127.0.0.1:4400                 the process that owns a file
  postgres://user@host/database         any number of processes
  memory:                               nothing is kept

Who only looks (show, watch, runs, failures, …) reads a file beside its owner. Who changes something asks its owner, where
that answers others:

  fanfold worker --port 4400
  fanfold runs --url http://127.0.0.1:4400`,
  },
  durations: {
    about: "how time is written",
    text: `A number and a unit, ms, s, m, h or d: 500ms, 30s, 90m, 1.5h, 7d. An instant is a date and time: 2026-12-01T08:00+01:00;
without an offset it is the time of this machine.

  fanfold start monthly-invoices '{"month":"2026-10"}' --deadline 90m
  fanfold start monthly-invoices '{"month":"2026-10"}' --at 2026-12-01T08:00
  fanfold runs --since 7d`,
  },
  "exit-codes": {
    about: "what a script can tell from the code alone",
    text: `${Object.entries(exitMeanings)
      .map(([code, meaning]) => `  ${code.padStart(3)}   ${meaning}`)
      .join("\n")}

  fanfold watch invoices-2026-10 --timeout 2h
  case $? in 0) ./publish ;; 3) ./call-somebody ;; 8) echo "still at it" ;; esac`,
  },
  output: {
    about: "what goes where, colours, JSON",
    text: `stdout is data, stderr is talk: what a command was asked for can be piped, and the rest is still read.

  fanfold runs --state held --json | jq -r .id
  fanfold show invoices-2026-10 --json | jq .steps

--json prints one object, or one a line; "schema" says which kind and version. On a terminal at most eight lines are repainted,
and everything above them is scrollback. Elsewhere, and with --plain, CI or TERM=dumb, there are lines only: one for every 5 %,
or every 10 seconds. Colours go to terminals; --color, --no-color, FORCE_COLOR and NO_COLOR are heard, in this order.`,
  },
  selections: {
    about: "which sub-jobs are meant: --group, --keys, --step, --all",
    text: `redrive and skip are about failed sub-jobs: those of one kind, these keys, a step, or all. Nothing said is an error, not
everything.

  fanfold failures invoices-2026-10                                  numbers the kinds
  fanfold redrive invoices-2026-10 --group 1 --dry-run               says which they are, and stops there
  fanfold redrive invoices-2026-10 --group 1                         says which, and asks
  fanfold redrive invoices-2026-10 --keys c-00013,c-00891 --yes      does not ask
  fanfold skip invoices-2026-10 --all --reason "they moved"

A selection is frozen when it is shown: what changed meanwhile is reported, and left alone. Decisions are kept with the name of
the user of this machine, and with the reason.`,
  },
};
