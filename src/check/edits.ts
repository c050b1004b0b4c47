/** Corrected inputs: the record of a step says where they stand, and from which issue on they count. It is held against the redrives that brought them. */
import { failed, type Run, type Step } from "./model.ts";
import type { Seen, Tell, Value } from "./store.ts";
import type { Told } from "./told.ts";

/** As the record has them, oldest first. */
export type Edit = { readonly index: number; readonly offset: number; readonly issue: number };

export function editsOf(value: Value | undefined): readonly Edit[] {
  const list: unknown = typeof value === "string" ? JSON.parse(value) : [];
  const numbers = Array.isArray(list) ? list.map(Number) : [NaN];
  if (numbers.length % 3 !== 0 || !numbers.every(Number.isSafeInteger))
    throw new Error("corrected inputs that are no triples of numbers");
  return Array.from({ length: numbers.length / 3 }, (_, n) => {
    const [index = -1, offset = -1, issue = -1] = numbers.slice(n * 3, n * 3 + 3);
    return { index, offset, issue };
  });
}

/** A redrive that corrects inputs was asked for; `isDone`: the run remembers that it did something. */
export function asked(run: Run, name: string, step: Step, e: Told, isDone: boolean): void {
  const { edits = [], indices } = e;
  const all: unknown = JSON.parse(e.body ?? "[]");
  if (!Array.isArray(all) || all.length !== edits.length)
    throw new Error(`a redrive of ${edits.length} inputs has another number of them`);
  // Of two with one request, the second is passed over; and where it is not said of which step it is, the run decides.
  const isFirst = isDone && e.step === name && !run.requests.has(e.request);
  for (const index of edits) {
    step.edited.add(index);
    const isMeant = indices === undefined ? e.signature === undefined : isIn(indices, index);
    const isSure = isFirst && isMeant && step.masks[index] === failed;
    step.corrected.set(`${index}@${e.offset}`, isSure);
  }
}

/** Flat pairs: from, count. */
function isIn(ranges: readonly number[], index: number): boolean {
  return ranges.some(
    (from, n) => n % 2 === 0 && from <= index && index < from + (ranges[n + 1] ?? 0),
  );
}

/** What worked on an input that the sub-job had before this record counts no more. */
export function isOutdated(
  edits: readonly Edit[],
  index: number,
  issue: number,
  offset: number,
): boolean {
  return edits.some((edit) => edit.index === index && edit.offset < offset && issue < edit.issue);
}

export function checkEdits(
  edits: readonly Edit[],
  name: string,
  step: Step,
  issueOf: (index: number) => number,
  tell: Tell,
  seen: Seen,
): void {
  seen("corrected inputs", edits.length);
  const found = new Set<string>();
  const latest = new Map<number, Edit>();
  for (const edit of edits) {
    const { index, offset, issue } = edit;
    const where = `${name} #${index} "${step.keys[index]}"`;
    const id = `${index}@${offset}`;
    const before = latest.get(index);
    if (!step.corrected.has(id))
      tell("G10", where, "a redrive that corrects it", `one at ${offset}`);
    if (found.has(id)) tell("G10", where, `its correction at ${offset} once`, "twice");
    if (issue <= (before?.issue ?? 1) || issue > issueOf(index) || offset < (before?.offset ?? 0))
      tell(
        "G6",
        where,
        `a correction of an issue from ${(before?.issue ?? 1) + 1} to ${issueOf(index)}`,
        `of ${issue}`,
      );
    found.add(id);
    latest.set(index, edit);
  }
  for (const [id, isSure] of step.corrected)
    if (isSure && !found.has(id))
      tell("G10", `${name} #${id}`, "the input it was corrected to", "none");
}
