/** What happened to one run, oldest first, as the log of its partition says it: what people asked for, and what managers decided. */
import { decode, typeIn, type Entry, type InputEvent } from "../core/event.ts";
import { headlineIn, toldOf, type Told } from "../core/run-event.ts";
import type { StoredRun } from "../core/stored.ts";
import type { Log } from "../ports/log.ts";
import { offsetAt } from "./seek.ts";
import { readLeft } from "./trimmed.ts";

type Asked = Extract<InputEvent, { readonly run: string; readonly type: `${string}.asked` }>;
type Started = Omit<Extract<InputEvent, { readonly type: "run.started" }>, "input">;
type Stands = { readonly offset: number; readonly at: number };

/** Of one run; those of sub-jobs are in their records. */
export type HistoryEvent = Told | (Asked & Stands) | (Started & Stands);

/** What is read at once. */
const portion = { records: 1_000, bytes: 4_194_304 } as const;

/**
 * From where the run began (of one that was delayed, not from where it was asked for) to its end, or to what there is now. Where the
 * log was trimmed, it begins with what is left. Reads no more of the log than that time, and parses no record of another run.
 */
export async function* historyOf(
  log: Pick<Log, "read" | "end">,
  partition: number,
  { run, startedAt, endedAt = Infinity }: Pick<StoredRun, "run" | "startedAt" | "endedAt">,
): AsyncGenerator<HistoryEvent> {
  const end = await log.end(partition);
  for (let from = await offsetAt(log, partition, startedAt); from < end;) {
    const entries = await readLeft(log, partition, from, portion);
    for (const entry of entries) {
      if (entry.offset >= end) return;
      const event = eventIn(entry, run);
      if (event !== undefined) yield event;
      if (event?.type === "run.ended" && event.at >= endedAt) return; // It was written after what ended it.
    }
    from = (entries.at(-1)?.offset ?? end) + 1;
  }
}

function eventIn(entry: Entry, run: string): HistoryEvent | undefined {
  const { text } = entry;
  const type = typeIn(entry);
  const isInput = type === "run.started" || type.endsWith(".asked");
  const headline = isInput ? undefined : headlineIn(entry);
  if (!isInput && headline === undefined) return undefined;
  if (!text.includes(`"run":${JSON.stringify(run)}`)) return undefined;
  if (headline !== undefined) {
    const told = toldOf(headline);
    return told.run === run ? told : undefined;
  }
  const { body: _, ...event } = decode(entry);
  if (!("run" in event) || event.run !== run) return undefined;
  if (event.type !== "run.started") return isAsked(event) ? event : undefined;
  const { input: __, ...started } = event;
  return started;
}

function isAsked(event: { readonly type: string }): event is Asked & Stands {
  return event.type.endsWith(".asked");
}
