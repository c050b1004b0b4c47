/**
 * The process that has the code: loads the app, waits to be told, works until it is told to stop.
 *
 * Another one of these replaces it whenever a file of the app is saved: nothing of the old code is left in memory, and whatever
 * the new one does, the old one goes on until the new one has been loaded.
 */
import type { App } from "../../app/app.ts";
import type { Flow } from "../../define/flow.ts";
import { hinting } from "../called.ts";
import { isDuration } from "../options.ts";
import { given } from "../options.ts";
import { exitCodes, exitOfError } from "../exit.ts";
import { failureLines } from "../failure.ts";
import { printList } from "../listing.ts";
import { elsewhere, find, isChild, isEmbedded } from "../load.ts";
import { runsListed } from "../commands/runs.ts";
import { terminal } from "../print.ts";
import { processIo } from "../process.ts";
import { faint, span, symbols } from "../style.ts";
import { version } from "../version.ts";
import { introduction } from "./introduction.ts";
import { isToChild, type FromChild, type Order, type ToChild } from "./messages.ts";
import { imported } from "./sources.ts";
import { story } from "./story.ts";

const order = JSON.parse(process.argv[2] ?? "{}") as Order; // oxlint-disable-line typescript/no-unsafe-type-assertion -- `fanfold dev` wrote it
const io = processIo();
const talk = hinting(terminal(process.stderr, process.env, order.wishes), io.called);
const files = imported();
let isWorking = false;

void main().catch(fail);

async function main(): Promise<void> {
  const { loaded, known, source } = await find(io, given({ app: order.app, url: order.url }));
  const app = elsewhere(loaded, { ...given({ url: known }), schedules: false });
  // One of the processes of --workers: it takes its work from the one that manages, and that is all.
  if (isChild(process.env)) return work(app, new AbortController().signal, () => undefined);
  const stop = new AbortController();
  process.on("message", (message) => {
    if (isToChild(message)) hear(message, app, source, stop).catch(fail);
  });
  tell({ say: "loaded", files: files(), isEmbedded: isEmbedded(known) });
}

async function hear(message: ToChild, app: App, source: string, stop: AbortController) {
  switch (message.say) {
    case "work":
      isWorking = true;
      await begin(app, source, stop.signal, message.isFirst);
      await app.close();
      return process.exit(exitCodes.ok);
    case "stop":
      stop.abort();
      return isWorking ? undefined : process.exit(exitCodes.ok);
    case "runs":
      return printList({ data: talk, talk }, false, await runsListed(io, app, { limit: 10 }));
    case "fire":
      return fire(app);
  }
}

async function begin(app: App, source: string, signal: AbortSignal, isFirst: boolean) {
  const flows = new Map(
    app.parts.filter((part): part is Flow => part.kind === "flow").map((flow) => [flow.name, flow]),
  );
  const tellOf = story(flows);
  app.on("*", (event) => {
    const line = tellOf(event);
    if (line !== undefined) talk.say(line);
  });
  await work(app, signal, async ({ url }) => {
    if (isFirst) talk.say(...(await introduction(app, { ...order, source, url })));
    tell({ say: "ready" });
  });
}

function work(
  app: App,
  signal: AbortSignal,
  onReady: (about: { readonly url: string | undefined }) => void | Promise<void>,
): Promise<void> {
  const { concurrency, workers, drain, port } = order;
  return app.work({
    ...given({ concurrency, processes: workers }),
    ...(drain !== undefined && isDuration(drain) ? { drain } : {}),
    listen: port,
    signal,
    onReady: (about) => void Promise.resolve(onReady(about)).catch(fail),
  });
}

/** Ticks start nothing here: a person does. */
async function fire(app: App): Promise<void> {
  const [schedule, ...others] = app.parts.filter(({ kind }) => kind === "schedule");
  if (schedule === undefined) return;
  if (others.length > 0) return talk.say(["  several schedules:   fanfold schedules fire <name>"]);
  const { run } = await app.schedule(schedule.name).fire();
  talk.say(["  ", span("ok", symbols.done), ` fired ${schedule.name}`, faint(`   ${run}`)]);
}

function tell(message: FromChild): void {
  process.send?.(message);
}

function fail(error: unknown): void {
  talk.say(...failureLines(error, { argv: ["dev"], verb: "dev", version: version() }));
  const code = exitOfError(error);
  if (process.send === undefined) process.exit(code);
  process.send({ say: "refused", files: files(), code } satisfies FromChild, () =>
    process.exit(code),
  );
}
