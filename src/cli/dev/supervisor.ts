/** Keeps one process at work, and puts another in its place whenever the code is saved. */
import { spawn, type ChildProcess } from "node:child_process";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";

import type { Context } from "../context.ts";
import { exitCodes } from "../exit.ts";
import { faint, span, symbols } from "../style.ts";
import type { Line } from "../style.ts";
import { timeOfDay } from "../format.ts";
import { isFromChild, type FromChild, type Order, type ToChild } from "./messages.ts";
import { watching } from "./watching.ts";

export type Supervisor = {
  /** Resolves when nothing is at work any more, to the exit code of what could not begin. */
  readonly ended: Promise<number>;
  readonly tell: (message: "runs" | "fire") => void;
  /** Lets what runs finish. */
  readonly stop: () => void;
  readonly kill: () => void;
};

type Code = {
  readonly process: ChildProcess;
  readonly loaded: Promise<Exclude<FromChild, { readonly say: "ready" }>>;
  readonly gone: Promise<Gone>;
};

type Gone = { readonly code: number | null; readonly how: string };

const childFile = fileURLToPath(new URL(`./child${import.meta.url.slice(-3)}`, import.meta.url));
const reloads = "⟲";
/** A process that was asked to stop is killed so long after its drain. */
const graceMs = 5_000;

export function supervisor(
  { talk, clock, cwd, env }: Pick<Context, "talk" | "clock" | "cwd" | "env">,
  order: Order,
  drainMs: number,
): Supervisor {
  const all = new Set<ChildProcess>();
  let current: Code | undefined;
  /** Something could begin, and said what there is. */
  let hasWorked = false;
  let isStopping = false;
  /** Saved since the last look; undefined where nothing was. */
  let saved: readonly string[] | undefined;
  let busy = false;
  let finish: (code: number) => void = () => undefined;
  const ended = new Promise<number>((resolve) => {
    finish = resolve;
  });
  const files = watching((changed) => {
    saved = [...new Set([...(saved ?? []), ...changed])];
    void renew();
  });

  function start(): Code {
    const child = spawn(
      process.execPath,
      ["--disable-warning=ExperimentalWarning", childFile, JSON.stringify(order)],
      // Its own group: Ctrl-C is for this process, which tells it.
      { cwd, env, stdio: ["ignore", "inherit", "inherit", "ipc"], detached: true },
    );
    all.add(child);
    const gone = new Promise<Gone>((resolve) => {
      child.once("exit", (code, signal) => {
        all.delete(child);
        resolve({ code, how: signal ?? `exit ${code}` });
      });
    });
    const loaded = new Promise<Awaited<Code["loaded"]>>((resolve) => {
      child.on("message", (message) => {
        if (!isFromChild(message)) return;
        if (message.say === "ready") hasWorked = true;
        else resolve(message);
      });
      void gone.then(() => resolve({ say: "refused", files: [], code: exitCodes.bug }));
    });
    return { process: child, loaded, gone };
  }

  /** Until nothing more was saved meanwhile. */
  async function renew(): Promise<void> {
    if (busy || isStopping) return;
    busy = true;
    do {
      const because = saved;
      saved = undefined;
      await replace(because);
    } while (saved !== undefined && !isStopping);
    busy = false;
  }

  async function replace(because: readonly string[] | undefined): Promise<void> {
    const next = start();
    const answer = await next.loaded;
    // A file that cannot be parsed has been named all the same; what it imports is as before.
    if (answer.files.length > 0) files.set(answer.files);
    if (isStopping) return;
    const names = (because ?? []).map((file) => basename(file)).join(", ");
    if (answer.say === "refused") {
      if (current === undefined && answer.files.length === 0) return finish(answer.code);
      return say(
        span("failed", symbols.failed),
        names === "" ? "nothing works" : `${names} saved`,
        current === undefined
          ? "save it again when it is right"
          : "it cannot be loaded: the old code goes on",
      );
    }
    if (current !== undefined) {
      say(
        span("running", reloads),
        `${names} saved`,
        "new attempts use it; what runs finishes on the old code",
      );
      await end(current, answer.isEmbedded);
    }
    if (saved !== undefined || isStopping) return send(next, { say: "stop" });
    current = next;
    send(next, { say: "work", isFirst: !hasWorked });
    void next.gone.then((gone) => fell(next, gone));
  }

  /** One file has one owner: there the new one waits for the old one to end. */
  async function end(old: Code, isAwaited: boolean): Promise<void> {
    current = undefined;
    send(old, { say: "stop" });
    const patience = new AbortController();
    const gone = old.gone.finally(() => patience.abort(old));
    const killed = clock
      .sleep(drainMs + graceMs, patience.signal)
      .then(() => old.process.kill("SIGKILL"));
    if (isAwaited) await Promise.race([gone, killed.then(() => gone)]);
  }

  /** It ended without being told to: the app ended its process, or the system did. */
  function fell(code: Code, { code: exit, how }: Gone): void {
    if (current !== code || isStopping) return;
    current = undefined;
    if (!hasWorked) return finish(exit ?? exitCodes.bug);
    say(
      span("failed", symbols.failed),
      `the process ended (${how})`,
      "nothing is lost; save a file to start it again",
    );
  }

  function send({ process: child }: Code, message: ToChild): void {
    if (child.connected) child.send(message);
  }

  function say(mark: Line[number], what: string, more: string): void {
    talk.say(["  ", faint(timeOfDay(clock.now())), "  ", mark, ` ${what}`, faint(`   ${more}`)]);
  }

  void renew();
  return {
    ended,
    tell(message) {
      if (current !== undefined) send(current, { say: message });
    },
    stop() {
      isStopping = true;
      files.close();
      for (const child of all) if (child.connected) child.send({ say: "stop" } satisfies ToChild);
      const left = [...all].map((child) => new Promise((resolve) => child.once("exit", resolve)));
      void Promise.all(left).then(() => finish(exitCodes.ok));
    },
    kill() {
      for (const child of all) child.kill("SIGKILL");
    },
  };
}
