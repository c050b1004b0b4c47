/**
 * A run as server-sent events, for a page that shows it: a web-standard answer that any server can give.
 *
 *   event: status                       id: 4711
 *   data: {"state":"running",…}         event: step.ended
 *                                       data: {"type":"step.ended","step":"invoices",…}
 *
 * The id of an event is its offset on the log, so a browser that comes back says with Last-Event-ID where it was, and misses
 * nothing. A status has none: it is how things are now. Nothing is made before it is asked for, so a slow reader gets fewer
 * statuses, and never a longer queue.
 */
import type { RunEvent } from "../core/run-event.ts";
import { UsageError } from "../errors.ts";
import type { Status } from "../views/status.ts";

export type Followed = {
  readonly status: () => Promise<Status>;
  readonly events: (from: {
    readonly after?: number;
    readonly signal?: AbortSignal;
  }) => AsyncIterable<RunEvent>;
};

/** What of a run a page is shown. */
export type EventStreamOptions = {
  /** What of the status the page may see; by default the counts and states, no values, keys or messages of failures. */
  readonly show?: (status: Status) => unknown;
};

/** A status at most this often, and seldom while nothing changes. */
const statusEveryMs = 250;
const seldomMs = 2_000;
/** After so long without a word, one is said, so that proxies keep the connection. */
const heartbeatMs = 15_000;

/**
 * The answer to a GET of a page's EventSource: follows the run until it is over, or the reader leaves. Then a browser would ask
 * again: the last event is `end`, at which the page closes its EventSource.
 *
 * Throws UsageError where Last-Event-ID is none of ours.
 */
export function eventStream(
  run: Followed,
  request: Request,
  { show = shownOf }: EventStreamOptions = {},
): Response {
  const left = new AbortController();
  const signal = AbortSignal.any([left.signal, request.signal]);
  const all = messages(run, lastEventId(request.headers), show, signal);
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const next = await all.next();
        if (next.done === true) controller.close();
        else controller.enqueue(utf8.encode(next.value));
      },
      cancel() {
        left.abort(run);
      },
    },
    { highWaterMark: 0 },
  );
  return new Response(body, {
    headers: { "content-type": "text/event-stream", "cache-control": "no-store" },
  });
}

async function* messages(
  run: Followed,
  after: number | undefined,
  show: (status: Status) => unknown,
  signal: AbortSignal,
): AsyncGenerator<string, void> {
  const events = run.events({ signal, ...(after === undefined ? {} : { after }) });
  const iterator = events[Symbol.asyncIterator]();
  let next = iterator.next();
  let shown = "";
  let saidAt = performance.now();
  let everyMs = statusEveryMs;
  yield "retry: 1000\n\n";
  try {
    for (;;) {
      const said = JSON.stringify(show(await run.status()));
      const silentMs = performance.now() - saidAt;
      if (said !== shown) yield message("status", said);
      else if (silentMs >= heartbeatMs) yield ": still here\n\n";
      if (said !== shown || silentMs >= heartbeatMs) saidAt = performance.now();
      everyMs = said === shown ? Math.min(everyMs * 2, seldomMs) : statusEveryMs;
      shown = said;
      for (let until = performance.now() + everyMs; ;) {
        const event = await within(next, until - performance.now(), signal);
        if (signal.aborted) return;
        if (event === undefined) break;
        if (event.done === true) {
          yield message("status", JSON.stringify(show(await run.status())));
          yield message("end", "{}");
          return;
        }
        next = iterator.next();
        yield `id: ${event.value.offset}\n${message(event.value.type, JSON.stringify(event.value))}`;
        saidAt = performance.now();
        until = Math.min(until, saidAt + statusEveryMs);
      }
    }
  } finally {
    next.catch(() => undefined); // Nobody waits for it any more.
    void iterator.return?.();
  }
}

/** Undefined: not in that time, or nobody wants it any more. */
async function within<T>(
  asked: Promise<T>,
  ms: number,
  signal: AbortSignal,
): Promise<T | undefined> {
  const { promise: over, resolve } = Promise.withResolvers<undefined>();
  const end = (): void => resolve(undefined);
  const timer = setTimeout(end, Math.max(0, ms));
  signal.addEventListener("abort", end, { once: true });
  try {
    return await Promise.race([asked, over]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", end);
  }
}

/** JSON has no raw newline, so it is one line of data. */
function message(event: string, data: string): string {
  return `event: ${event}\ndata: ${data}\n\n`;
}

/** What a browser sends that was here before: the offset of the last event it got. */
function lastEventId(headers: Headers): number | undefined {
  const id = headers.get("last-event-id");
  if (id === null || id === "") return undefined;
  if (/^\d{1,15}$/.test(id)) return Number(id);
  throw new UsageError(
    `Last-Event-ID must be the id of an event of this stream, got ${JSON.stringify(id.slice(0, 40))}`,
  );
}

function shownOf(status: Status): unknown {
  const { run, flow, state, step, done, failed, total, startedAt, endedAt, deadlineAt, steps } =
    status;
  return {
    run,
    flow,
    state,
    step,
    done,
    failed,
    total,
    startedAt,
    endedAt,
    deadlineAt,
    steps: steps.map((one) => ({
      name: one.name,
      kind: one.kind,
      state: one.state,
      total: one.total,
      size: one.size,
      ok: one.ok,
      failed: one.failed,
      skipped: one.skipped,
      startedAt: one.startedAt,
      endedAt: one.endedAt,
    })),
  };
}

const utf8 = new TextEncoder();
