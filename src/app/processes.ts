/** More processes of the same program, so that work that keeps a processor busy uses all of them. */
import { spawn, type ChildProcess } from "node:child_process";

export type Children = {
  /** Asks all to drain and stop; resolves when they are gone. Those that do not stop in time are killed. */
  readonly stop: (drainMs: number) => Promise<void>;
};

export type ChildrenOptions = {
  readonly count: number;
  /** Where the owner answers, and the token it wants. */
  readonly url: string;
  readonly token: string;
  /** Names a child's worker; another one each time. */
  readonly name: () => string;
  readonly onExit: (how: string, worker: string) => void;
};

/** A child that exits is started again after this: it may be a poison sub-job's victim, or wrong from the start. */
const restartMs = 500;
/** A child that was asked to stop is killed so long after its drain. */
const graceMs = 5_000;

/** In a child: where its owner answers. */
export const ownerVariable = "FANFOLD_OWNER";
export const tokenVariable = "FANFOLD_TOKEN";
/** And what its worker is called there, so that the owner can tell whose tasks are free when the child is gone. */
export const workerVariable = "FANFOLD_WORKER";

/** Runs this very program again, `count` times: its app then takes tasks from the owner instead of opening the file. */
export function startProcesses(options: ChildrenOptions): Children {
  const { count, url, token, name, onExit } = options;
  const [program = "", ...rest] = process.argv.slice(1);
  const children = new Set<ChildProcess>();
  let stopping = false;

  function start(): void {
    const worker = name();
    const about = { [ownerVariable]: url, [tokenVariable]: token, [workerVariable]: worker };
    const child = spawn(process.execPath, [...process.execArgv, program, ...rest], {
      env: { ...process.env, ...about },
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
    children.add(child);
    child.once("exit", (code, signal) => {
      children.delete(child);
      if (stopping) return;
      onExit(signal ?? `exit ${code}`, worker);
      setTimeout(() => {
        if (!stopping) start();
      }, restartMs).unref();
    });
  }

  for (let n = 0; n < count; n += 1) start();
  return {
    async stop(drainMs) {
      stopping = true;
      const gone = [...children].map(
        (child) =>
          new Promise<void>((resolve) => {
            child.once("exit", () => resolve());
            child.kill("SIGTERM");
            setTimeout(() => child.kill("SIGKILL"), drainMs + graceMs).unref();
          }),
      );
      await Promise.all(gone);
    },
  };
}
