/** Follows a run on a terminal: live lines where they can be repainted, a line per 5 % or 10 s where not. */
import type { Status } from "../views/status.ts";
import { jsonLine, statusFields } from "./json.ts";
import type { Terminal } from "./print.ts";
import { live, logLine, settled } from "./view.ts";

/** In the log's time. */
const silenceMs = 10_000;
const percentStep = 5;

export type Progress = {
  readonly update: (status: Status) => void;
  /** Leaves the last state of the steps in the scrollback. */
  readonly end: () => void;
};

/** `speed` is how fast the status's time runs, for lines that come every so often. */
export function progress(out: Terminal, speed = 1): Progress {
  if (out.isLive) return livePainter(out);
  return lineWriter((status) => out.say([logLine(status)]), silenceMs * speed);
}

/** The same moments as the lines of a log, each as one object. */
export function jsonProgress(out: Terminal): Progress {
  return lineWriter((status) => out.write(jsonLine("run", statusFields(status))), silenceMs);
}

function livePainter(out: Terminal): Progress {
  return { update: (status) => out.show(live(status, out.columns())), end: out.keep };
}

function lineWriter(write: (status: Status) => void, patienceMs: number): Progress {
  let said: { readonly at: number; readonly mark: string } | undefined;
  return {
    update(status) {
      const mark = markOf(status);
      if (said !== undefined && said.mark === mark && status.at - said.at < patienceMs) return;
      said = { at: status.at, mark };
      write(status);
    },
    end: () => undefined,
  };
}

/** Changes whenever a line is due: another step, another state, the next 5 %. */
function markOf(status: Status): string {
  const step = status.steps.find((one) => one.name === status.step);
  const total = step?.total ?? 0;
  const share = step === undefined || total === 0 ? 0 : (settled(step) / total) * 100;
  return `${status.state} ${status.step} ${step?.generation} ${Math.floor(share / percentStep)}`;
}
