/** Numbers and verbs in the sentences that views say. */
import type { Progress } from "../core/progress.ts";

/** ", 40 of 100 done"; nothing where nothing was said. */
export function said(progress: Progress | undefined): string {
  if (progress === undefined) return "";
  const { done, of } = progress;
  return `, ${number(done)}${of === undefined ? "" : ` of ${number(of)}`} done`;
}

/** "1 sub-job", "3,000 sub-jobs" */
export function subJobs(n: number): string {
  return counted(n, "sub-job");
}

export function counted(n: number, noun: string): string {
  return `${number(n)} ${noun}${n === 1 ? "" : "s"}`;
}

const singular: Readonly<Record<string, string>> = {
  are: "is",
  were: "was",
  fit: "fits",
  wait: "waits",
  serve: "serves",
  go: "goes",
};

/** The verb as it goes with so many. */
export function be(n: number, verb: string): string {
  return n === 1 ? (singular[verb] ?? verb) : verb;
}

/** 10,000 */
export function number(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, ",");
}
