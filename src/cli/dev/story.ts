/** What happens to runs, a line for each event. */
import type { RunEvent } from "../../core/run-event.ts";
import type { Flow } from "../../define/flow.ts";
import { count, counted, duration, instant, timeOfDay } from "../format.ts";
import { faint, span, symbol, symbols } from "../style.ts";
import type { Line } from "../style.ts";

const fansOut = "⑂";

/** Tells what it is given, in order. Undefined of what would only repeat another line. */
export function story(flows: ReadonlyMap<string, Flow>): (event: RunEvent) => Line | undefined {
  /** When the steps under way began. */
  const begun = new Map<string, number>();

  function tookOf(event: RunEvent): string | undefined {
    if (!("step" in event) || !("generation" in event)) return undefined;
    const place = `${event.run}/${event.step}`;
    if (event.type === "step.began") begun.set(place, event.at);
    const at = begun.get(place);
    if (event.type === "step.ended") begun.delete(place);
    return at === undefined || event.type === "step.began" ? undefined : duration(event.at - at);
  }

  return (event) => {
    const took = tookOf(event);
    const said = sayingOf(event, flows);
    if (said === undefined) return undefined;
    const [mark, where, about] = said;
    const more = [about, took].filter((one) => one !== undefined && one !== "").join("   ");
    return ["  ", faint(timeOfDay(event.at)), "  ", mark, ` ${where}`, faint(more && `   ${more}`)];
  };
}

type Saying = readonly [mark: Line[number], where: string, about: string];

function sayingOf(event: RunEvent, flows: ReadonlyMap<string, Flow>): Saying | undefined {
  const { run } = event;
  const risk = span("retrying", symbols.risk);
  switch (event.type) {
    case "run.delayed":
      return [symbol("waiting"), run, `${event.flow}   begins ${instant(event.beginAt, event.at)}`];
    case "run.began":
      return [symbol("running"), run, event.flow];
    case "step.began":
      return stepBegan(event, flows);
    case "fan-out.joined": {
      const { step, ok, failed, skipped } = event;
      const others = [
        ...(failed > 0 ? [`${count(failed)} failed`] : []),
        ...(skipped > 0 ? [`${count(skipped)} skipped`] : []),
      ];
      return [
        symbol("ok"), // It is joined: no more have failed than are tolerated, or somebody has let it go on.
        `${run}/${step}`,
        [`${count(ok)} ok`, ...others].join(" · "),
      ];
    }
    case "step.ended":
      return isFanOut(flows.get(event.flow), event.step) && event.outcome === "ok"
        ? undefined // Its join has said it.
        : [symbol(event.outcome), `${run}/${event.step}`, ""];
    case "run.held":
      return [symbol("held"), run, `${event.because}   fanfold failures ${run}`];
    case "run.resumed":
      return [symbol("running"), run, "goes on"];
    case "run.late":
      return [risk, run, "late"];
    case "run.at-risk":
      return [risk, run, `forecast ${instant(event.forecastAt, event.at)}, past its deadline`];
    case "run.adjusted":
      return [symbol("running"), run, `priority ${event.priority}`];
    case "run.ended":
      return [symbol(event.state), run, [event.state, event.because].filter(Boolean).join(": ")];
  }
}

function stepBegan(
  { run, step, flow, ...event }: RunEvent & { readonly type: "step.began" },
  flows: ReadonlyMap<string, Flow>,
): Saying | undefined {
  const found = flows.get(flow)?.plan.steps.find(({ name }) => name === step);
  if (found?.kind !== "fan-out") return undefined;
  const again = event.generation > 1 ? `, ${counted(event.generation, "generation")}` : "";
  return [span("running", fansOut), `${run}/${step}`, `sub-jobs of ${found.job.name}${again}`];
}

function isFanOut(flow: Flow | undefined, step: string): boolean {
  return flow?.plan.steps.some(({ name, kind }) => name === step && kind === "fan-out") === true;
}
