/** The fourth door: spans by the OpenTelemetry API, for `app({ tracing })`. What becomes of them is said by the SDK that the program has. */
import {
  context,
  createTraceState,
  isSpanContextValid,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  TraceFlags,
  type Context,
  type HrTime,
  type Span as OpenSpan,
} from "@opentelemetry/api";
import { traceOf, type Trace } from "./core/trace.ts";
import { share, type Percent } from "./define/duration.ts";
import type { Ending, NewSpan, Span, Tracing } from "./roles/tracing.ts";

export type { Tracing } from "./roles/tracing.ts";

export type OpenTelemetryOptions = {
  /**
   * The share of sub-jobs whose attempts have spans, chosen by run, step and key, so that all attempts of one have. Those that
   * fail have one in any case, up to a hundred a second. Default "1%".
   */
  readonly subJobs?: Percent;
};

const kinds = {
  producer: SpanKind.PRODUCER,
  consumer: SpanKind.CONSUMER,
  internal: SpanKind.INTERNAL,
} as const;

/** Spans of starts, runs, steps and attempts. Without an SDK that records them it does nothing. */
export function openTelemetry({ subJobs = "1%" }: OpenTelemetryOptions = {}): Tracing {
  const tracer = trace.getTracer("fanfold");
  return {
    subJobs: share(subJobs, "subJobs of openTelemetry"),
    begin({ name, kind, parent, link, at, attributes }: NewSpan) {
      const around = parent === "active" ? context.active() : contextOf(parent);
      const links = link === undefined ? [] : [{ context: spanContextOf(link) }];
      const options = { kind: kinds[kind], attributes, links, startTime: timeOf(at) };
      return spanOf(tracer.startSpan(name, options, around), around);
    },
    inside(at) {
      const around = contextOf(at);
      return (work) => context.with(around, work);
    },
  };
}

function spanOf(span: OpenSpan, around: Context): Span {
  let isOver = false;
  return {
    trace: traceFrom(span),
    within: (work) => context.with(trace.setSpan(around, span), work),
    end({ at, attributes, failure }: Ending) {
      if (isOver) return;
      isOver = true;
      if (attributes !== undefined) span.setAttributes(attributes);
      if (failure !== undefined) {
        const { name, message } = failure;
        span.setAttribute("error.type", name);
        span.recordException({ name, message }, timeOf(at));
        span.setStatus({ code: SpanStatusCode.ERROR, message });
      }
      span.end(timeOf(at));
    },
  };
}

function traceFrom(span: OpenSpan): Trace | undefined {
  const about = span.spanContext();
  if (!isSpanContextValid(about)) return undefined;
  const flags = about.traceFlags.toString(16).padStart(2, "0");
  return traceOf(`00-${about.traceId}-${about.spanId}-${flags}`, about.traceState?.serialize());
}

function contextOf(parent: Trace | undefined): Context {
  if (parent === undefined) return ROOT_CONTEXT;
  return trace.setSpanContext(ROOT_CONTEXT, spanContextOf(parent));
}

function spanContextOf({ traceparent, tracestate }: Trace) {
  const [, traceId = "", spanId = "", flags = ""] = traceparent.split("-");
  return {
    traceId,
    spanId,
    traceFlags: Number.parseInt(flags, 16) & TraceFlags.SAMPLED,
    isRemote: true,
    ...(tracestate === undefined ? {} : { traceState: createTraceState(tracestate) }),
  };
}

/** Seconds and ns: of a single number, an SDK would have to guess what it counts. */
function timeOf(ms: number): HrTime {
  const seconds = Math.floor(ms / 1_000);
  return [seconds, Math.floor((ms - seconds * 1_000) * 1e6)];
}
