/**
 * Runs a bench: every measurement in a fresh child process, on a fresh folder, the subjects in turn.
 *
 *   round 1:  Fanfold · limit · peer      round 2:  Fanfold · limit · peer      …      five rounds at least
 *
 * In turn, because a machine has calm and busy phases: what is compared should have shared them. In a fresh process, because
 * the second run of a warm one measures another program: compiled code, grown heap, cached pages.
 */
import { fork } from "node:child_process";
import { freshFolder, removeFolder, syncMs } from "./machine.ts";
import { median, rangeOf, type Range } from "./statistics.ts";

/** Named numbers: what a child is told, and what it says. */
export type Input = Readonly<Record<string, number | string>>;
export type Measured = Readonly<Record<string, number>>;

/** A measurement, as a module exports it. The folder is new and empty. Throws when the result is wrong: no figure then. */
export type Measure = (input: Input, folder: string) => Promise<Measured>;

/** Bounds are inclusive. */
export type Target = { readonly atLeast: number } | { readonly atMost: number };

/** One number of those that a measurement returns. */
export type Figure = {
  readonly key: string;
  readonly unit: string;
  readonly target?: Target;
  /** Print what part of the limits' figure of the same key this is. */
  readonly limited?: boolean;
  /** This number is itself a limit, measured by the same child: it gets a row of this name, with this key. */
  readonly isLimit?: { readonly name: string; readonly key: string };
};

/** What has to be there while a child measures: a server. Says what it used when it closes. */
export type Companion = {
  readonly input: Input;
  readonly close: () => Promise<Measured>;
};

export type Subject = {
  readonly name: string;
  readonly role: "fanfold" | "limit" | "peer";
  /** The child imports this and calls the function of that name. */
  readonly module: URL;
  readonly measure: string;
  readonly input: Input;
  readonly figures: readonly Figure[];
  /** Options of the child's Node; none where nothing is said. */
  readonly nodeOptions?: readonly string[];
  /** Rejects with SkippedError when it cannot be had here. */
  readonly companion?: (folder: string) => Promise<Companion>;
};

/** A figure made of several subjects' figures, round by round. */
export type Derived = {
  readonly name: string;
  readonly unit: string;
  readonly target?: Target;
  readonly of: (value: (subject: string, key: string) => number) => number;
};

/** What one subject costs more than another of the same kind, by the clock and by what the main thread did: neighbours disturb that less. */
export function costOf(
  kind: string,
  without: string,
  what: string,
  target: Target | undefined,
): readonly Derived[] {
  const [bare, laden] = [`${kind}, ${without}`, `${kind}, ${what}`];
  return [
    {
      name: `cost: ${laden}`,
      unit: "% of the throughput",
      ...(target === undefined ? {} : { target }),
      of: (value) => (1 - value(laden, "perSecond") / value(bare, "perSecond")) * 100,
    },
    {
      name: `cost: ${laden}`,
      unit: "% of the main thread",
      of: (value) => (1 - value(bare, "processorUs") / value(laden, "processorUs")) * 100,
    },
  ];
}

export type Bench = {
  readonly name: string;
  readonly question: string;
  readonly settings: Readonly<Record<string, string | number>>;
  readonly subjects: readonly Subject[];
  readonly derived?: readonly Derived[];
  /** Measurements of each subject, unless told: 5. */
  readonly runs?: number;
};

export type Row = {
  readonly subject: string;
  readonly role: Subject["role"] | "derived";
  readonly key: string;
  readonly unit: string;
  readonly range: Range;
  readonly runs: number;
  readonly target: Target | undefined;
  readonly limited: boolean;
  /** Median sync latency right before the measurements, in ms. */
  readonly syncMs: number | undefined;
  readonly input: Input;
};

export type Report = { readonly rows: readonly Row[]; readonly skipped: readonly string[] };

/** A subject that cannot be measured here; the message says why and what to do. */
export class SkippedError extends Error {
  override readonly name = "SkippedError";
}

export const isMet = (value: number, target: Target): boolean =>
  "atLeast" in target ? value >= target.atLeast : value <= target.atMost;

type Taken = { readonly values: Measured[]; readonly syncs: number[] };

export async function measureAll(
  bench: Bench,
  runs: number,
  progress: (text: string) => void,
): Promise<Report> {
  const taken = new Map<string, Taken>(
    bench.subjects.map((s) => [s.name, { values: [], syncs: [] }]),
  );
  const skipped = new Map<string, string>();
  for (let round = 1; round <= runs; round += 1) {
    for (const subject of bench.subjects) {
      if (skipped.has(subject.name)) continue;
      progress(`${bench.name}  round ${round} of ${runs}  ${subject.name}`);
      try {
        const once = await measureOnce(subject); // oxlint-disable-line no-await-in-loop -- one at a time is the point
        taken.get(subject.name)?.values.push(once.values);
        taken.get(subject.name)?.syncs.push(once.syncMs);
      } catch (error) {
        if (!(error instanceof SkippedError)) throw error;
        skipped.set(subject.name, `${subject.name}: skipped, ${error.message}`);
      }
    }
  }
  const measured = bench.subjects.filter((subject) => !skipped.has(subject.name));
  const rows = measured.flatMap((subject) => rowsOf(subject, taken.get(subject.name)));
  return {
    rows: [...rows, ...derive(bench.derived ?? [], taken, runs)],
    skipped: [...skipped.values()],
  };
}

async function measureOnce(
  subject: Subject,
): Promise<{ readonly values: Measured; readonly syncMs: number }> {
  const folder = freshFolder();
  const forget = (): void => removeFolder(folder);
  process.once("exit", forget); // A person may stop the bench in the middle.
  try {
    const companion = await subject.companion?.(folder);
    let values: Measured;
    let latency: number;
    try {
      latency = syncMs(folder);
      values = await inChild(subject, { ...subject.input, ...companion?.input }, folder);
    } catch (error) {
      await companion?.close();
      throw error;
    }
    return { values: { ...values, ...(await companion?.close()) }, syncMs: latency };
  } finally {
    process.off("exit", forget);
    forget();
  }
}

export type Order = {
  readonly module: string;
  readonly measure: string;
  readonly input: Input;
  readonly folder: string;
};

export type Answer = { readonly values: Measured } | { readonly error: string };

const compiled = new URL("compiled.ts", import.meta.url).href;
const patienceMs = 15 * 60_000;

function inChild(subject: Subject, input: Input, folder: string): Promise<Measured> {
  const order: Order = { module: subject.module.href, measure: subject.measure, input, folder };
  return new Promise((resolve, reject) => {
    const child = fork(new URL("child.ts", import.meta.url), {
      execArgv: ["--import", compiled, ...(subject.nodeOptions ?? [])],
      stdio: ["ignore", "ignore", "inherit", "ipc"],
    });
    const timer = setTimeout(() => child.kill("SIGKILL"), patienceMs);
    let answer: Answer | undefined;
    child.once("message", (message: Answer) => {
      answer = message;
    });
    child.once("error", reject);
    child.once("exit", (code, signal) => {
      clearTimeout(timer);
      if (answer !== undefined && "values" in answer) resolve(answer.values);
      else {
        const why =
          answer?.error ?? `the child ended with ${signal ?? `exit code ${code}`} and no answer`;
        reject(new Error(`${subject.name}: ${why}`));
      }
    });
    child.send(order);
  });
}

function rowsOf(subject: Subject, taken: Taken | undefined): readonly Row[] {
  if (taken === undefined || taken.values.length === 0) return [];
  return subject.figures.flatMap(({ key, unit, target, limited, isLimit }) => {
    const values = taken.values.flatMap((measured) => measured[key] ?? []);
    if (values.length === 0) return [];
    return {
      subject: isLimit?.name ?? subject.name,
      role: isLimit === undefined ? subject.role : ("limit" as const),
      key: isLimit?.key ?? key,
      unit,
      range: rangeOf(values),
      runs: values.length,
      target,
      limited: limited ?? false,
      syncMs: median(taken.syncs),
      input: subject.input,
    };
  });
}

/** Left out where one of the subjects was skipped. */
function derive(
  derived: readonly Derived[],
  taken: ReadonlyMap<string, Taken>,
  runs: number,
): readonly Row[] {
  return derived.flatMap(({ name, unit, target, of }) => {
    const values: number[] = [];
    for (let round = 0; round < runs; round += 1) {
      const value = of((subject, key) => taken.get(subject)?.values[round]?.[key] ?? Number.NaN);
      if (!Number.isNaN(value)) values.push(value);
    }
    if (values.length === 0) return [];
    return {
      subject: name,
      role: "derived" as const,
      key: "",
      unit,
      range: rangeOf(values),
      runs: values.length,
      target,
      limited: false,
      syncMs: undefined,
      input: {},
    };
  });
}
