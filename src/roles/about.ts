/** Which flow a run is of, whose it is and how it is tagged: what events do not repeat and their readers want. */
import { partitionOf } from "../core/ids.ts";
import type { Engine } from "../ports/engine.ts";
import type { AboutRun, Told } from "../core/run-event.ts";
import { loadStoredRun } from "./loading.ts";

/** Reads it from the event itself, from what was asked before, or from the store. Of a run that was forgotten, the flow is "". */
export type About = (event: Told) => Promise<AboutRun>;

/** Runs remembered: the newest that were asked for. */
const remembered = 10_000;

export function aboutRuns({ store, partitions }: Pick<Engine, "store" | "partitions">): About {
  const known = new Map<string, AboutRun>();

  async function stored(run: string): Promise<AboutRun> {
    const found = await loadStoredRun(store, partitionOf(run, partitions), run);
    return found ?? { flow: "" };
  }

  return async (event) => {
    const { run } = event;
    const found = event.type === "run.began" ? event : (known.get(run) ?? (await stored(run)));
    const { flow, customer, tags } = found;
    const about = {
      flow,
      ...(customer === undefined ? {} : { customer }),
      ...(tags === undefined ? {} : { tags }),
    };
    known.delete(run);
    known.set(run, about);
    for (const oldest of known.keys()) {
      if (known.size <= remembered) break;
      known.delete(oldest);
    }
    return about;
  };
}
