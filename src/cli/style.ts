/** Lines made of toned pieces: laid out by width first, coloured last, so that colour never costs a column. */
import { styleText } from "node:util";

import { cut, fit, printable, width } from "./format.ts";

/** What a piece of text means; how it looks is decided here and nowhere else. */
export type Tone = "ok" | "failed" | "retrying" | "running" | "held" | "faint" | "strong" | "plain";

export type Span = { readonly text: string; readonly tone: Tone };

export type Line = readonly (string | Span)[];

const looks = {
  ok: "green",
  failed: "red",
  retrying: "yellow",
  running: "cyan",
  held: "magenta",
  faint: "dim",
  strong: "bold",
} as const;

export function span(tone: Tone, text: string): Span {
  return { text, tone };
}

export const faint = (text: string): Span => span("faint", text);
export const strong = (text: string): Span => span("strong", text);

/** What stands beside every colour, so that none is needed. */
export const symbols = {
  waiting: "○",
  running: "▶",
  held: "‖",
  done: "✓",
  ok: "✓",
  failed: "✗",
  cancelled: "⊘",
  skipped: "–",
  retrying: "↻",
  risk: "!",
} as const;

const tones: Readonly<Record<string, Tone>> = {
  waiting: "faint",
  running: "running",
  held: "held",
  done: "ok",
  ok: "ok",
  failed: "failed",
  "timed-out": "failed",
  poison: "failed",
  cancelled: "faint",
  skipped: "faint",
  "retry-later": "retrying",
  "in-flight": "running",
};

/** The symbol of a state or outcome, in its tone. */
export function symbol(state: string): Span {
  const tone = tones[state] ?? "plain";
  const known: Readonly<Record<string, string>> = symbols;
  return span(tone, known[state] ?? (tone === "failed" ? symbols.failed : "·"));
}

/** A state in words, with its symbol. */
export function stated(state: string): Line {
  return [symbol(state), span(tones[state] ?? "plain", ` ${state}`)];
}

export function lineWidth(line: Line): number {
  return line.reduce((sum, piece) => sum + width(printable(textOf(piece))), 0);
}

/** What it says, without looks. */
export function textOfLine(line: Line): string {
  return line.map(textOf).join("");
}

function textOf(piece: string | Span): string {
  return typeof piece === "string" ? piece : piece.text;
}

/** One line of text, at most `columns` wide, with colours if wanted. Whatever was in it cannot control the terminal. */
export function paint(line: Line, columns: number, hasColour: boolean): string {
  const isCut = lineWidth(line) > columns;
  let left = isCut ? columns - 1 : columns;
  let painted = "";
  for (const piece of line) {
    const text = printable(textOf(piece));
    const shown = cut(text, left);
    painted += coloured(shown, typeof piece === "string" ? "plain" : piece.tone, hasColour);
    left -= width(shown);
    if (shown !== text) break;
  }
  return isCut ? `${painted}…` : painted.trimEnd();
}

function coloured(text: string, tone: Tone, hasColour: boolean): string {
  if (!hasColour || tone === "plain" || text.trim() === "") return text;
  return styleText(looks[tone], text, { validateStream: false });
}

export type Cell = string | Span | Line;
export type Column = { readonly title: string; readonly align?: "right"; readonly max?: number };

/** Rows under faint titles, columns as wide as their widest cell, two spaces apart, two in front. */
export function table(columns: readonly Column[], rows: readonly (readonly Cell[])[]): Line[] {
  const cells = rows.map((row) => row.map((cell, i) => cropped(asLine(cell), columns[i]?.max)));
  const widths = columns.map(({ title }, i) =>
    Math.max(width(title), ...cells.map((row) => lineWidth(row[i] ?? []))),
  );
  const lay = (row: readonly Line[]): Line =>
    row.flatMap((cell, i): Line => {
      const room = widths[i] ?? 0;
      const gap = " ".repeat(Math.max(0, room - lineWidth(cell)));
      return columns[i]?.align === "right" ? ["  ", gap, ...cell] : ["  ", ...cell, gap];
    });
  const titles = columns.map(({ title }): Line => [faint(title)]);
  return [...(columns.some(({ title }) => title !== "") ? [lay(titles)] : []), ...cells.map(lay)];
}

function asLine(cell: Cell): Line {
  return typeof cell === "string" || "tone" in cell ? [cell] : cell;
}

function cropped(line: Line, max: number | undefined): Line {
  if (max === undefined || lineWidth(line) <= max) return line;
  const [first = ""] = line;
  return typeof first === "string" ? [fit(first, max)] : [{ ...first, text: fit(first.text, max) }];
}
