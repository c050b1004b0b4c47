/** Which trace a run belongs to, as the W3C writes it: data that travels with events and tasks, and decides nothing. */

export type Trace = {
  /** `00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01`: trace, span, whether it is sampled. */
  readonly traceparent: string;
  /** What tracing systems add for themselves. */
  readonly tracestate?: string;
};

const traceparent = /^[\da-f]{2}-[\da-f]{32}-[\da-f]{16}-[\da-f]{2}$/;
/** As long as the W3C lets anybody forward; a longer one is left out. */
const tracestateLength = 512;

/** Source: https://www.w3.org/TR/trace-context/ */
export function isTrace(value: unknown): value is Trace {
  if (typeof value !== "object" || value === null || !("traceparent" in value)) return false;
  if (typeof value.traceparent !== "string" || !traceparent.test(value.traceparent)) return false;
  const state = "tracestate" in value ? value.tracestate : undefined;
  return state === undefined || (typeof state === "string" && state.length <= tracestateLength);
}

/** Undefined where it is none: nothing is lost because of a trace. */
export function traceIn(value: unknown): Trace | undefined {
  return isTrace(value) ? value : undefined;
}

export function isTraceOrNone(value: unknown): boolean {
  return value === undefined || isTrace(value);
}

export function traceOf(parent: string, state: string | undefined): Trace {
  return state === undefined || state === "" || state.length > tracestateLength
    ? { traceparent: parent }
    : { traceparent: parent, tracestate: state };
}
