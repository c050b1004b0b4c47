/**
 * Writing to a terminal, or to what is none.
 *
 * No full-screen mode: at most eight lines at the bottom are repainted in place, everything above is scrollback that can be
 * selected, copied and piped. Where nothing can be repainted (a pipe, CI, TERM=dumb, --plain) there are lines and nothing else.
 * Live lines are cut to the width; what stays is whole, and the terminal wraps it: what is cut cannot be read, nor copied.
 */
import { clearLine, clearScreenDown, cursorTo, moveCursor } from "node:readline";

import { lineWidth, paint } from "./style.ts";
import type { Line } from "./style.ts";

/** Lines that are repainted at the most. */
export const liveLines = 8;

/** The part of a stream that is used; process.stdout is one, and so is any writable. */
export type Stream = NodeJS.WritableStream & {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
  readonly cork?: () => void;
  readonly uncork?: () => void;
};

export type Terminal = {
  /** Whether lines can be repainted. */
  readonly isLive: boolean;
  readonly hasColour: boolean;
  /** Of live lines. Infinity where nobody cuts: a file or a pipe gets whole lines. */
  readonly columns: () => number;
  /** Text as it is. */
  readonly write: (text: string) => void;
  /** Lines above the live ones, never cut. */
  readonly say: (...lines: readonly Line[]) => void;
  /** Replaces the live lines; none removes them. Does nothing where lines cannot be repainted. */
  readonly show: (lines: readonly Line[]) => void;
  /** Leaves the live lines where they are, as part of what stays. */
  readonly keep: () => void;
};

export type Wishes = {
  readonly plain?: boolean;
  /** --color, --no-color. */
  readonly color?: boolean;
};

type Environment = Readonly<Record<string, string | undefined>>;

/** A wish on the command line beats FORCE_COLOR, which beats NO_COLOR, as in Node; else colours go to terminals only. */
function wantsColour(stream: Stream, env: Environment, wish: boolean | undefined): boolean {
  if (wish !== undefined) return wish;
  const forced = env["FORCE_COLOR"];
  if (forced !== undefined) return forced !== "0" && forced !== "false";
  if ((env["NO_COLOR"] ?? "") !== "") return false;
  return stream.isTTY === true && env["TERM"] !== "dumb";
}

/** CI counts as set unless it says no. */
function canRepaint(stream: Stream, env: Environment, isPlain: boolean): boolean {
  const ci = env["CI"] ?? "";
  const isCi = ci !== "" && ci !== "0" && ci !== "false";
  return stream.isTTY === true && !isPlain && !isCi && env["TERM"] !== "dumb";
}

/**
 * `neighbours` are streams that may be the same screen. While lines are live, what others write there (a console.log in a
 * job, say) goes above the live lines, a whole line at a time, instead of into them.
 */
export function terminal(
  stream: Stream,
  env: Environment,
  wishes: Wishes = {},
  neighbours: readonly Stream[] = [],
): Terminal {
  const isLive = canRepaint(stream, env, wishes.plain === true);
  const hasColour = wantsColour(stream, env, wishes.color);
  let live: readonly Line[] = [];
  /** Widths as painted: a terminal made narrower since has wrapped them, and there are more rows to go up. */
  let painted: readonly number[] = [];
  let isOurs = false;
  let alone: (() => void) | undefined;

  // One less than there is: in the last column the cursor waits to wrap, and clearing would take that character away.
  const columns = (): number =>
    stream.isTTY === true ? Math.max(1, (stream.columns ?? 80) - 1) : Infinity;
  const whole = (line: Line): string => `${paint(line, Infinity, hasColour)}\n`;

  function rewind(): void {
    if (painted.length === 0) return;
    const rows = painted.reduce((sum, w) => sum + Math.max(1, Math.ceil(w / (columns() + 1))), 0);
    moveCursor(stream, 0, -rows);
    cursorTo(stream, 0);
    painted = [];
  }

  /** In one write, over what was there and not after clearing it, so that nothing flickers. */
  function repaint(above: readonly Line[]): void {
    const most = Math.max(1, Math.min(liveLines, (stream.rows ?? 24) - 1));
    const shown = live.slice(0, most);
    isOurs = true;
    stream.cork?.();
    rewind();
    // They may wrap: what was there would stand beside their last rows.
    if (above.length > 0) clearScreenDown(stream);
    stream.write(above.map(whole).join(""));
    for (const line of shown) {
      stream.write(paint(line, columns(), hasColour));
      clearLine(stream, 1);
      stream.write("\n");
    }
    clearScreenDown(stream);
    stream.uncork?.();
    isOurs = false;
    painted = shown.map((line) => Math.min(columns(), lineWidth(line)));
  }

  /** Lets somebody else write where the live lines are, and puts them below. */
  function aside(write: () => void): void {
    isOurs = true;
    rewind();
    clearScreenDown(stream);
    write();
    isOurs = false;
    repaint([]);
  }

  function release(): void {
    live = [];
    painted = [];
    alone?.();
    alone = undefined;
  }

  return {
    isLive,
    hasColour,
    columns,
    write: (raw) => void stream.write(raw),
    say(...lines) {
      if (isLive && painted.length > 0) return repaint(lines);
      stream.write(lines.map(whole).join(""));
    },
    show(lines) {
      if (!isLive) return;
      live = lines;
      if (lines.length > 0) alone ??= byLines(neighbours, () => isOurs, aside);
      repaint([]);
      if (lines.length === 0) release();
    },
    keep: release,
  };
}

/** Until the returned function is called, what is written to these terminals and is not ours goes through `aside`, by whole lines. */
function byLines(
  streams: readonly Stream[],
  isOurs: () => boolean,
  aside: (write: () => void) => void,
): () => void {
  const restores = streams
    .filter((stream) => stream.isTTY === true)
    .map((stream) => {
      const original = stream.write.bind(stream);
      const decoder = new TextDecoder();
      let rest = "";
      stream.write = (chunk: string | Uint8Array, ...more: readonly unknown[]): boolean => {
        if (isOurs()) return original(chunk);
        rest += typeof chunk === "string" ? chunk : decoder.decode(chunk, { stream: true });
        const end = rest.lastIndexOf("\n") + 1;
        const lines = rest.slice(0, end);
        rest = rest.slice(end);
        if (end > 0) aside(() => original(lines));
        const done = more.at(-1);
        if (typeof done === "function")
          queueMicrotask(() => void Reflect.apply(done, undefined, []));
        return true;
      };
      return () => {
        stream.write = original;
        if (rest !== "") original(`${rest}\n`);
      };
    });
  return () => {
    for (const restore of restores) restore();
  };
}
