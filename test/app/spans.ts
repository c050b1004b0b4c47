/** The OpenTelemetry SDK, as a program has it, with spans kept where a test can look at them. */
import { SpanStatusCode, type Attributes, type HrTime } from "@opentelemetry/api";
import {
  InMemorySpanExporter,
  NodeTracerProvider,
  SimpleSpanProcessor,
  type ReadableSpan,
} from "@opentelemetry/sdk-trace-node";

export type Told = {
  readonly name: string;
  readonly trace: string;
  readonly id: string;
  readonly parent: string | undefined;
  readonly kind: number;
  readonly startedAt: number;
  readonly endedAt: number;
  readonly failed: string | undefined;
  readonly links: readonly string[];
  readonly attributes: Attributes;
};

export type Spans = {
  readonly all: () => readonly Told[];
  /** Those of this name, the oldest first. */
  readonly named: (name: string) => readonly Told[];
  readonly clear: () => void;
};

const ms = ([seconds, ns]: HrTime): number => seconds * 1_000 + ns / 1e6;

export function told(span: ReadableSpan): Told {
  const { name, kind, parentSpanContext, status, links, attributes } = span;
  const { traceId, spanId } = span.spanContext();
  return {
    name,
    trace: traceId,
    id: spanId,
    parent: parentSpanContext?.spanId,
    kind,
    startedAt: ms(span.startTime),
    endedAt: ms(span.endTime),
    failed: status.code === SpanStatusCode.ERROR ? (status.message ?? "") : undefined,
    links: links.map(({ context }) => context.spanId),
    attributes,
  };
}

/** For this process, from now on. */
export function recorded(): Spans {
  const exporter = new InMemorySpanExporter();
  new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }).register();
  const all = (): readonly Told[] =>
    exporter
      .getFinishedSpans()
      .map(told)
      .toSorted((a, b) => a.startedAt - b.startedAt);
  return {
    all,
    named: (name) => all().filter((span) => span.name === name),
    clear: () => exporter.reset(),
  };
}
