/** The limits that hold, as rows of a table. */
import { limitText, type HeldKeys, type LimitStatus } from "../views/limits.ts";
import { count, counted, fit, instant, iso, printable } from "./format.ts";
import { span, symbols, table } from "./style.ts";
import type { Cell, Line } from "./style.ts";

const columns = [
  { title: "limit", max: 40 },
  { title: "holds" },
  { title: "in flight", align: "right" },
  { title: "told to come back later" },
] as const;

/** A table, and a line before it; nothing where nothing is limited. `before` is a first column: what each is of. */
export function limitLines(
  limits: readonly (LimitStatus & { readonly before?: string })[],
  now: number,
  before?: string,
): Line[] {
  if (limits.length === 0) return [];
  const title = before === undefined ? [] : [{ title: before, max: 24 }];
  const rows = limits.map((one) => [
    ...(before === undefined ? [] : [one.before ?? ""]),
    ...cells(one, now),
  ]);
  return [[], ...table([...title, ...columns], rows)];
}

function cells(one: LimitStatus, now: number): readonly Cell[] {
  const text = limitText(one);
  return [
    `${one.of === "step" || one.of === "job" ? `${one.of} ` : ""}${one.name}`,
    one.of === "key" ? `${text} for each key` : text,
    one.inFlight === undefined ? "" : count(one.inFlight),
    told(one, now),
  ];
}

function told({ heldUntil, keys }: LimitStatus, now: number): Cell {
  const until = heldUntil ?? keys?.until;
  if (until === undefined) return "";
  const which =
    keys === undefined ? "" : `${counted(keys.held, "key")}${keys.held === 1 ? "" : ", the last"} `;
  return span("held", `${symbols.held} ${which}until ${instant(until, now)}${named(keys)}`);
}

/** ": gmail.com, gmx.de, … 7 more" */
function named(keys: HeldKeys | undefined): string {
  if (keys === undefined || keys.first.length === 0) return "";
  const more = keys.held - keys.first.length;
  const names = keys.first.map(({ key }) => fit(printable(key), 40));
  return `: ${names.join(", ")}${more > 0 ? `, … ${count(more)} more` : ""}`;
}

/** The same for machines. */
export function limitFields({
  heldUntil,
  keys,
  concurrency,
  rate,
  inFlight,
  ...of
}: LimitStatus): Readonly<Record<string, unknown>> {
  return {
    ...of,
    concurrency: concurrency ?? null,
    rate: rate ?? null,
    inFlight: inFlight ?? null,
    heldUntil: heldUntil === undefined ? null : iso(heldUntil),
    keys: keys === undefined ? null : heldFields(keys),
  };
}

function heldFields({ held, until, first }: HeldKeys): Readonly<Record<string, unknown>> {
  const names = first.map((one) => ({ key: one.key, until: iso(one.until) }));
  return { held, until: iso(until), first: names };
}
