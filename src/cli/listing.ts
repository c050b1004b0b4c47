/** Lists: printed once, or kept up to date until Ctrl-C. */
import { interruptible, type Context } from "./context.ts";
import { exitCodes, type ExitCode } from "./exit.ts";
import { count, iso, timeOfDay } from "./format.ts";
import { jsonLine, jsonObject, type Fields } from "./json.ts";
import { liveLines } from "./print.ts";
import { faint, textOfLine, type Line } from "./style.ts";

/** A list as it is now. */
export type Listed = {
  /** What it is a list of: "queues". */
  readonly of: string;
  /** Words after `fanfold` that print it whole; what it is a list of, if left out. */
  readonly command?: string;
  readonly lines: readonly Line[];
  /** What is said besides: that there is nothing, or where more is. */
  readonly hints?: readonly Line[];
  /** For machines: a schema and an object for each. */
  readonly rows: readonly (readonly [schema: string, fields: Fields])[];
  /** What of it counts as a change; its text if left out. */
  readonly mark?: string;
};

export type ListOptions = { readonly json?: boolean; readonly watch?: boolean };

/** For commander. */
export const watchOption = ["--watch", "keep it up to date until Ctrl-C"] as const;

/** Between two looks. */
const lookMs = 1_000;

/** Prints the list, or with `watch` every change of it. */
export async function list(
  context: Context,
  { json, watch }: ListOptions,
  look: () => Promise<Listed>,
): Promise<ExitCode> {
  if (watch === true) return keepUpToDate(context, json === true, look);
  printList(context, json === true, await look());
  return exitCodes.ok;
}

/** What is there on stdout, hints on stderr. */
export function printList(
  { data, talk }: Pick<Context, "data" | "talk">,
  isJson: boolean,
  listed: Listed,
): void {
  if (isJson) {
    for (const [schema, fields] of listed.rows) data.write(jsonLine(schema, fields));
    return;
  }
  const { lines, hints = [] } = listed;
  if (lines.length > 0) data.say(...lines);
  if (hints.length > 0) talk.say(...hints);
}

async function keepUpToDate(
  context: Context,
  isJson: boolean,
  look: () => Promise<Listed>,
): Promise<ExitCode> {
  const shown = isJson ? objects(context) : context.data.isLive ? live(context) : lines(context);
  return interruptible(
    context,
    () => undefined,
    async (signal) => {
      try {
        while (!signal.aborted) {
          shown.update(await look());
          await context.clock.sleep(lookMs, signal);
        }
      } finally {
        shown.end();
      }
      return exitCodes.interrupted;
    },
  );
}

type Shown = { readonly update: (listed: Listed) => void; readonly end: () => void };

/** Repainted in place, and left whole in the scrollback. */
function live({ data }: Context): Shown {
  let last: readonly Line[] = [];
  return {
    update({ of, command = of, lines, hints = [] }) {
      last = [...lines, ...hints];
      const most = liveLines - 1;
      const more = last.length - most;
      const rest: Line = [
        faint(`  … ${count(more)} more lines; all of them:   fanfold ${command}`),
      ];
      data.show(more > 1 ? [...last.slice(0, most), rest] : last);
    },
    end() {
      data.show([]);
      if (last.length > 0) data.say(...last);
    },
  };
}

/** The whole list again when it has changed, under the time. */
function lines(context: Context): Shown {
  const { data, clock } = context;
  return onChange((listed) => {
    data.say([faint(`  ${timeOfDay(clock.now())}`)]);
    printList(context, false, listed);
  });
}

/** One object for the whole list when it has changed: so what is gone is not in it. */
function objects({ data, clock }: Context): Shown {
  return onChange(({ of, rows }) => {
    const at = iso(clock.now());
    const all = rows.map(([schema, fields]) => jsonObject(schema, fields));
    data.write(jsonLine("list", { of, at, rows: all }));
  });
}

function onChange(print: (listed: Listed) => void): Shown {
  let said: string | undefined;
  return {
    update(listed) {
      const { lines, hints = [] } = listed;
      const mark = listed.mark ?? [...lines, ...hints].map(textOfLine).join("\n");
      if (mark === said) return;
      said = mark;
      print(listed);
    },
    end: () => undefined,
  };
}
