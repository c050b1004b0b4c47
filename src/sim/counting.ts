/** What steps told of themselves for statistics: the sum of all tellings is what the step came to, whatever was redriven in between. */
import type { Refold } from "./refold.ts";

type Ended = {
  readonly type: string;
  readonly run: string;
  readonly step: string;
  readonly counted?: { readonly outcomes: readonly number[]; readonly us: number };
};

export type Counting = {
  /** Looks at what a commit wrote, after the model has taken in what it consumed. */
  readonly take: (model: Refold, texts: readonly string[], tell: (what: string) => void) => void;
};

const removed = '{"type":"run.removed"';

export function counting(): Counting {
  const told = new Map<string, readonly number[]>();
  return {
    take(model, texts, tell) {
      for (const [n, text] of texts.entries()) {
        if (text.startsWith(removed)) forget(told, text);
        if (!text.startsWith('{"type":"step.ended"')) continue;
        const event = JSON.parse(text) as Ended; // oxlint-disable-line typescript/no-unsafe-type-assertion -- managers write nothing else
        const { run, counted } = event;
        const name = `${run}/${event.step}`;
        if (counted === undefined) return tell(`${name} ended and told nothing`);
        const before = told.get(name) ?? [];
        const now = counted.outcomes.map((n, at) => n + (before[at] ?? 0));
        told.set(name, now);
        if (counted.us < 0) tell(`${name} took ${counted.us} µs`);
        // The model no longer has it, or one that came after it.
        if (texts.slice(n).some((later) => later.startsWith(`${removed},"run":"${run}"`))) continue;
        const step = model.runs.get(run)?.steps.find(({ plan }) => plan.name === event.step);
        const is = step?.ends.shift();
        if (is === undefined || step?.plan.kind !== "fan-out") continue;
        if (is.join() !== now.join()) tell(`${name} came to ${is.join()}, and told ${now.join()}`);
      }
    },
  };
}

/** Who comes after it under the same id tells anew. */
function forget(told: Map<string, readonly number[]>, text: string): void {
  const { run } = JSON.parse(text) as Ended; // oxlint-disable-line typescript/no-unsafe-type-assertion -- managers write nothing else
  for (const name of told.keys()) if (name.startsWith(`${run}/`)) told.delete(name);
}
