/** What other programs may do with the owner's engine: all that its ports can, but nothing that would stop the owner. */
import { decode, type Event, type OutputEvent } from "../core/event.ts";
import { UsageError } from "../errors.ts";
import type { Engine } from "../ports/engine.ts";

/** Only managers write these, in their commits; whoever else did would tell the list of runs what never was. */
const ofManagers: Readonly<Record<OutputEvent["type"], true>> = {
  "run.delayed": true,
  "run.began": true,
  "step.began": true,
  "step.ended": true,
  "fan-out.joined": true,
  "run.held": true,
  "run.resumed": true,
  "run.ended": true,
  "run.adjusted": true,
  "run.late": true,
  "run.at-risk": true,
};

/**
 * The engine with a log that takes events of workers and people only: a record that nobody can read would stop its partition, at
 * every restart (G18). To trim the log is the owner's, who knows what is no longer needed.
 */
export function forOthers(engine: Engine): Engine {
  const { log } = engine;
  return {
    ...engine,
    log: {
      ...log,
      async append(partition, texts) {
        for (const text of texts) checkRecord(text);
        return log.append(partition, texts);
      },
      trim() {
        throw new UsageError("only the process that owns the file trims its log");
      },
    },
  };
}

function checkRecord(text: string): void {
  const type = typeOf(text);
  if (typeof type !== "string")
    throw new UsageError(
      `a record must be an event, a JSON object with a type, got ${text.length} characters that are none`,
    );
  if (Object.hasOwn(ofManagers, type))
    throw new UsageError(`a record of type "${type}" is written by managers only`);
}

function typeOf(text: string): unknown {
  try {
    const { type }: Event = decode({ offset: -1, at: 0, text });
    return type;
  } catch {
    return undefined;
  }
}
