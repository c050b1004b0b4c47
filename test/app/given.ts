/** What most tests of the app begin with: an app on a new file, workers that stop with the test, and a schema that takes anything. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { app, type App, type AppDefinition, type Log, type Part } from "../../src/index.ts";
import type { WorkOptions } from "../../src/index.ts";

const folder = mkdtempSync(join(tmpdir(), "fanfold-app-"));
process.once("exit", () => rmSync(folder, { recursive: true, force: true }));

let files = 0;
/** Of a file that does not exist yet, in a folder of its own. */
export function newPath(): string {
  files += 1;
  return join(folder, `${files}`, "test.db");
}

/** A line of the log: "warn worker 1: …". */
export function memoryLog(): { readonly log: Log; readonly lines: readonly string[] } {
  const lines: string[] = [];
  const to = (level: string) => (message: string) => void lines.push(`${level} ${message}`);
  const log = { debug: to("debug"), info: to("info"), warn: to("warn"), error: to("error") };
  return { log, lines };
}

export type Working = {
  /** Drains, and resolves when the worker is gone. */
  readonly stop: () => Promise<void>;
  readonly url: string | undefined;
};

/** The app, working until it is closed (with the test, if `opened` made it) or told to stop. */
export async function working(on: App, options?: WorkOptions): Promise<Working> {
  const stop = new AbortController();
  let stopped: Promise<void> = Promise.resolve();
  const url = await new Promise<string | undefined>((resolve, reject) => {
    stopped = on.work({
      drain: "1s",
      ...options,
      signal: stop.signal,
      onReady: ({ url }) => resolve(url),
    });
    stopped.catch(reject);
  });
  return {
    url,
    async stop() {
      stop.abort();
      await stopped;
    },
  };
}

export type Given = { readonly app: App; readonly path: string; readonly lines: readonly string[] };

/** An app on a file (a new one if none is named), closed with the test. */
export function opened(
  t: TestContext,
  parts: readonly Part[],
  { path = newPath(), ...more }: { path?: string } & Partial<AppDefinition> = {},
): Given {
  const { log, lines } = memoryLog();
  const made = app({ name: "test", parts, url: `sqlite:${path}`, log, ...more });
  t.after(made.close);
  return { app: made, path, lines };
}

/** The same, and it works. */
export async function given(
  t: TestContext,
  parts: readonly Part[],
  more: { path?: string; work?: WorkOptions } & Partial<AppDefinition> = {},
): Promise<Given & Working> {
  const { work, ...rest } = more;
  const made = opened(t, parts, rest);
  return { ...made, ...(await working(made.app, work)) };
}
