/** What other programs may do with the owner's engine: all that its ports can, but nothing that would stop the owner. */
import { decode, isOutputType, type Event } from "../core/event.ts";
import { UsageError } from "../errors.ts";
import type { Engine } from "../ports/engine.ts";

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
  // In a commit, and nowhere else: whoever else did would tell of what never was. And what has expired, the owner knows.
  if (isOutputType(type) || type === "run.expired")
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
