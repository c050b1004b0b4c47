/** Progress for people: one line that is repainted in a terminal, a line per 5 % or 10 s anywhere else. */
import type { Status, StepStatus } from "../../src/index.ts";

export type Progress = {
  readonly show: (status: Status) => void;
  /** Leaves the line where it is, so that what is written next begins on its own. */
  readonly end: () => void;
};

const everyMs = 10_000;

export function progress(out: NodeJS.WriteStream): Progress {
  const repaints = out.isTTY && process.env["CI"] === undefined && process.env["TERM"] !== "dumb";
  let said: { readonly step: string; readonly share: number; readonly at: number } | undefined;
  return {
    show(status) {
      const step = status.steps.find(({ kind }) => kind === "fan-out");
      if (step === undefined) return;
      if (repaints) {
        const columns = out.columns > 0 ? out.columns : 80; // Some terminals do not know.
        out.write(`\r\u001b[2K${line(status, step).slice(0, columns - 1)}`);
        return;
      }
      const now = { step: status.step ?? status.state, share: share(step), at: status.at };
      const isNews =
        said === undefined ||
        said.step !== now.step ||
        now.share >= said.share + 0.05 ||
        now.at >= said.at + everyMs;
      if (!isNews) return;
      said = now;
      out.write(`${line(status, step)}\n`);
    },
    end() {
      if (repaints) out.write("\n");
    },
  };
}

const width = 24;

function line(status: Status, step: StepStatus): string {
  if (step.state === "waiting") return `  ${status.step ?? status.state}`;
  const full = Math.round(share(step) * width);
  const bar = "━".repeat(full) + "╌".repeat(width - full);
  const done = settled(step).toLocaleString("en-GB");
  const size = step.size.toLocaleString("en-GB");
  const total =
    step.total === undefined ? `${size} read so far` : step.total.toLocaleString("en-GB");
  return [
    `  ${(status.step ?? status.state).padEnd(9)} ${bar}  ${done} / ${total}`,
    step.perSecond === undefined ? "" : `${Math.round(step.perSecond)}/s`,
    step.failed === 0 ? "" : `✗ ${step.failed}`,
    step.retrying === 0 ? "" : `↻ ${step.retrying}`,
  ]
    .filter((part) => part !== "")
    .join("   ");
}

/** Sub-jobs that have an outcome. */
export function settled(step: StepStatus): number {
  return step.ok + step.failed + step.skipped + step.cancelled;
}

function share(step: StepStatus): number {
  return step.total === undefined || step.total === 0 ? 0 : settled(step) / step.total;
}
