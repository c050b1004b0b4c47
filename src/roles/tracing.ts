/** Spans, as roles see them. What makes them is handed in by the app; without it, nothing here runs. */
import type { Trace } from "../core/trace.ts";

export type NewSpan = {
  readonly name: string;
  readonly kind: "producer" | "consumer" | "internal";
  /** What it belongs to: a trace that came as data, or the span that is active now. Without one it begins a trace. */
  readonly parent?: Trace | "active" | undefined;
  /** What it follows from. */
  readonly link?: Trace | undefined;
  /** Epoch ms. */
  readonly at: number;
  readonly attributes: Readonly<Record<string, string | number>>;
};

export type Ending = {
  readonly at: number;
  readonly attributes?: Readonly<Record<string, string | number>>;
  /** Why it counts as failed. */
  readonly failure?: { readonly name: string; readonly message: string } | undefined;
};

export type Span = {
  /** How others refer to it; undefined where nobody records anything. */
  readonly trace: Trace | undefined;
  /** Does the work while the span is active: what it calls belongs to it. */
  readonly within: <T>(work: () => T) => T;
  /** Only the first call counts. */
  readonly end: (how: Ending) => void;
};

/** Makes spans of what happens: `openTelemetry()` is one. */
export type Tracing = {
  /** Which share of sub-jobs has spans, from 0 to 1. */
  readonly subJobs: number;
  readonly begin: (span: NewSpan) => Span;
  /** Does work as part of this trace, without a span of its own. */
  readonly inside: (trace: Trace) => <T>(work: () => T) => T;
};
