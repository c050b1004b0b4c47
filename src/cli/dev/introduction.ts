/** What stands at the top of `fanfold dev`: what there is, and where. */
import type { App } from "../../app/app.ts";
import type { Schedule } from "../../define/schedule.ts";
import { count, insteadOf } from "../format.ts";
import { faint, strong } from "../style.ts";
import type { Line } from "../style.ts";
import { version } from "../version.ts";

/** More than that, nobody needs to know exactly. */
const mostRuns = 1_000;

export async function introduction(
  app: App,
  about: {
    readonly source: string;
    readonly url: string | undefined;
    readonly port: number;
    readonly concurrency?: number;
    readonly workers?: number;
    readonly hasKeys: boolean;
  },
): Promise<Line[]> {
  const { length: earlier } = await app.runs({ limit: mostRuns });
  const named = (kind: string): string =>
    app.parts
      .filter((part) => part.kind === kind)
      .map(({ name }) => name)
      .join(" · ");
  const schedules = app.parts.filter((part): part is Schedule => part.kind === "schedule");
  const key = schedules.length === 1 && about.hasKeys ? "s fires it" : "fanfold schedules fire";
  const { url, port } = about;
  const at = url === undefined ? undefined : `${url}${insteadOf(port, url)}`;
  const [flow] = app.parts.filter(({ kind }) => kind === "flow");
  const { workers = 1, concurrency = 50 } = about;
  const rows: readonly (readonly [string, string])[] = [
    ["address", [at, ...(about.hasKeys ? ["r runs · q quit"] : [])].join("     ")],
    ["flows", named("flow")],
    ["jobs", named("job")],
    ["listeners", named("listener")],
    ["webhooks", named("webhook")],
    ...schedules.map(
      ({ name, plan }) => ["schedules", `${name}   ${plan.rule}   (off in dev, ${key})`] as const,
    ),
    [
      "workers",
      `${count(workers)} ${workers === 1 ? "process" : "processes"} × ${count(concurrency)}, reloading on save`,
    ],
    [
      "begin one",
      flow === undefined
        ? ""
        : `fanfold start ${flow.name} '{"…": …}' --watch     in another terminal`,
    ],
  ];
  return [
    [
      "  ",
      strong(`fanfold ${version()}`),
      `   ${app.name}   ${about.source} `,
      faint(earlier === 0 ? "(new)" : `(kept; ${runs(earlier)})`),
    ],
    [],
    ...rows
      .filter(([, text]) => text !== "")
      .map(([name, text]): Line => ["  ", faint(name.padEnd(12)), text]),
    [],
  ];
}

function runs(earlier: number): string {
  const shown = earlier === mostRuns ? `${count(earlier)} or more` : count(earlier);
  return `${shown} earlier ${earlier === 1 ? "run" : "runs"}`;
}
