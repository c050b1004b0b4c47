/** Which flow a run is of, whose it is and how it is tagged: what events do not repeat and their readers want. */
import { partitionOf } from "../core/ids.ts";
import type { Engine } from "../ports/engine.ts";
import type { AboutRun, Told } from "../core/run-event.ts";
import { loadStoredRun } from "./loading.ts";

/** Says it at once of the event itself or from what was asked before, else reads the store. Of a run that was forgotten, the flow is "". */
export type About = (event: Told) => AboutRun | Promise<AboutRun>;

/** Runs remembered: the newest that were asked about. */
const remembered = 10_000;

export function aboutRuns({ store, partitions }: Pick<Engine, "store" | "partitions">): About {
  const known = new Map<string, AboutRun>();

  async function stored(run: string): Promise<AboutRun> {
    const found = await loadStoredRun(store, partitionOf(run, partitions), run);
    return remember(run, found ?? { flow: "" });
  }

  function remember(run: string, { flow, customer, tags }: AboutRun): AboutRun {
    const about = {
      flow,
      ...(customer === undefined ? {} : { customer }),
      ...(tags === undefined ? {} : { tags }),
    };
    known.set(run, about);
    for (const oldest of known.keys()) {
      if (known.size <= remembered) break;
      known.delete(oldest);
    }
    return about;
  }

  return (event) =>
    known.get(event.run) ??
    (event.type === "run.began" ? remember(event.run, event) : stored(event.run));
}
