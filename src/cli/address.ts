/** What a person names: a run, a step of it, or one sub-job. */
import type { App } from "../app/app.ts";
import type { Run } from "../app/run.ts";
import type { State } from "../define/flow.ts";
import { NotFoundError } from "../errors.ts";
import type { Status, StepStatus } from "../views/status.ts";
import { iso } from "./format.ts";
import { flowText, quoted } from "./view.ts";

export type Address = {
  readonly id: string;
  readonly step: string | undefined;
  readonly key: string | undefined;
};

/** run, run/step or run/step/key. A key may have slashes, a run and a step have none. */
export function addressOf(text: string): Address {
  const [, id = text, step, key] = /^([^/]+)(?:\/([^/]+))?(?:\/(.+))?\/?$/s.exec(text) ?? [];
  return { id, step, key };
}

/** Whatever its flow, its steps have names. Throws NotFoundError that names the latest runs. */
export async function runNamed(app: App, id: string): Promise<Run<State>> {
  const run: Run<State> | undefined = await app.run(id);
  if (run !== undefined) return run;
  const recent = await app.runs({ limit: 3 });
  const names = recent.map((row) => `"${row.run}"`).join(", ");
  const { kept, removed } = await app.retention();
  const gone = removed.find((one) => one.run === id);
  if (gone !== undefined)
    throw missing(
      `run "${id}" of ${flowText(gone.flow)} is not there any more: it was removed on ${iso(gone.at)}, because its retention was over`,
      "fanfold runs",
    );
  const maybe =
    kept.length === 0
      ? ""
      : `, or none any more (${listed(kept.map(({ flow }) => flowText(flow)))} ${kept.length === 1 ? "keeps its" : "keep their"} runs for a time only)`;
  throw missing(
    `there is no run "${id}"${maybe}${names === "" ? (maybe === "" ? ", nor any other" : "") : `; the latest are ${names}`}`,
    names === "" ? "fanfold start --help" : "fanfold runs",
  );
}

/** Three of them, and how many more. */
function listed(names: readonly string[]): string {
  const more = names.length - 3;
  return `${names.slice(0, 3).join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}

/** Throws NotFoundError that names the steps there are. */
export function stepNamed(status: Status, name: string): StepStatus {
  const found = status.steps.find((one) => one.name === name);
  if (found !== undefined) return found;
  const names = status.steps.map((one) => one.name).join(", ");
  throw missing(
    `"${status.run}" has no step "${name}": its steps are ${names}`,
    `fanfold show ${quoted(status.run)}`,
  );
}

export function noSubJob({ id, step, key }: Address): NotFoundError {
  return missing(
    `step "${step}" of "${id}" has no sub-job "${key}"`,
    `fanfold show ${quoted(`${id}/${step}`)}`,
  );
}

function missing(message: string, next: string): NotFoundError {
  return new NotFoundError(message, { details: { next } });
}
