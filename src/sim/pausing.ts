/** Pause and resume, by the second set of rules: names of what is paused, and what could not be put meanwhile. */
import type { Life } from "./life.ts";
import type { Run, Told } from "./model.ts";

export type Pausing = {
  /** 1, or undefined where it is refused. */
  readonly pauseRun: (run: Run, event: Told) => number | undefined;
  /** Of a customer or a job: the first partition decides, the others are told. */
  readonly pauseAll: (event: Told) => void;
  readonly adopt: (event: Told) => void;
};

export function pausing(
  runs: ReadonlyMap<string, Run>,
  paused: Set<string>,
  { isCurrent, issue }: Pick<Life, "isCurrent" | "issue">,
): Pausing {
  const answered = new Set<string>();
  let version = 0;

  function pauseRun(run: Run, event: Told): number | undefined {
    const position = run.steps.findIndex(({ plan }) => plan.name === event.step);
    const isWhole = event.step === undefined;
    const isPause = event.type === "pause.asked";
    if (!isWhole && (position === -1 || (isPause && position < run.at))) return undefined;
    const name = isWhole ? `run ${run.id}` : `step ${run.id}/${event.step}`;
    if (!change(name, isPause)) return undefined;
    putWaiting(run, event.at);
    return 1;
  }

  /** False: it was so before. */
  function change(name: string, isPause: boolean): boolean {
    if (paused.has(name) === isPause) return false;
    if (isPause) paused.add(name);
    else paused.delete(name);
    return true;
  }

  /** What could not be put while it was paused. */
  function putWaiting(run: Run, at: number): void {
    const step = run.steps[run.at];
    if (step !== undefined && isCurrent(run, step) && step.main.state === "waiting")
      issue(run, step, at);
  }

  function pauseAll(event: Told): void {
    const request = String(event["request"]);
    if (answered.has(request)) return;
    answered.add(request);
    const name = `${String(event["of"])} ${String(event["name"])}`;
    if (!change(name, event.type === "pause-all.asked")) return;
    version = event.offset + 1;
    for (const run of runs.values()) putWaiting(run, event.at);
  }

  function adopt(event: Told): void {
    if (Number(event["version"]) <= version) return;
    version = Number(event["version"]);
    const told = event["pauses"] as readonly { readonly of: string; readonly name: string }[]; // oxlint-disable-line typescript/no-unsafe-type-assertion -- as core/event.ts has it
    for (const name of paused) if (!/^(run|step) /.test(name)) paused.delete(name);
    for (const { of, name } of told) paused.add(`${of} ${name}`);
    for (const run of runs.values()) putWaiting(run, event.at);
  }

  return { pauseRun, pauseAll, adopt };
}
