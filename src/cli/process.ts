/** The real world around a command: this process. */
import { systemClock } from "../engines/system.ts";
import { calledAs } from "./called.ts";
import type { Io, Signal } from "./context.ts";

export function processIo(): Io {
  return {
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
    cwd: process.cwd(),
    called: calledAs(process.argv[1] ?? "", process.cwd(), process.env),
    clock: systemClock(),
    onSignal(listener) {
      const signals: readonly Signal[] = ["SIGINT", "SIGTERM"];
      for (const signal of signals) process.on(signal, listener);
      return () => {
        for (const signal of signals) process.off(signal, listener);
      };
    },
    quit: (code) => process.exit(code),
  };
}
