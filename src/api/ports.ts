/**
 * The ports of an engine over HTTP, for other processes of this machine; engines/http is the other end.
 *
 * A route per function of a port: POST /v1/queue/take { worker, queues, max, leaseMs } answers what `queue.take` resolves
 * to, and an error is the one it rejected with, as problem+json. What only the owner of the file may do (claim, commit)
 * has no route. Waiting is done by GET /v1/hints, so that no other request hangs.
 */
import type { HttpBindings } from "@hono/node-server";
import type { Socket } from "node:net";
import { Hono } from "hono";

import type { Engine } from "../ports/engine.ts";
import type { Value } from "../ports/store.ts";
import { assert, NotFoundError } from "../errors.ts";
import { readBody, refuseByHeaders } from "./body.ts";
import { eventStream, type Followed } from "./event-stream.ts";
import { guard } from "./guard.ts";
import { hintStream } from "./hints.ts";
import { refused, thrown } from "./problem.ts";
import { integer, list, optional, record, type Shape, text } from "./shape.ts";
import { changedRow, id, lease, runQuery, task } from "./words.ts";

export type PortsOptions = {
  /** Who knows it may use every route. Without one, every program of this machine may. */
  readonly token?: string | undefined;
  /** False: it is meant for other machines, too; then there must be a token. Default true. */
  readonly isLoopback?: boolean;
  /** Answers questions, and refuses whatever would change something. */
  readonly readOnly?: boolean | undefined;
  /** Ends the streams of hints, which have no end of their own. */
  readonly ended?: AbortSignal;
  /** A run by its id, to be followed; without it there is no such route. */
  readonly follow?: Follow | undefined;
};

/** The connection is known where a server of Node's carries it. */
export type PortsApi = Hono<{ Bindings: Partial<HttpBindings> }>;

export type Follow = (run: string) => Promise<Followed | undefined>;

/** A run as server-sent events, for programs and pages of this machine: it resumes at Last-Event-ID. */
const runEvents = "/v1/runs/:run/events";

const take = "/v1/queue/take";

/** Both ends must have the same. Raised when a route changes its meaning. */
const protocol = 2;

/** Longer leases hide a dead worker for too long to be meant. */
const longestLeaseMs = 3_600_000;

export function portsApi(engine: Engine, options: PortsOptions = {}): PortsApi {
  const { token, isLoopback = true, readOnly, ended, follow } = options;
  assert(isLoopback || token !== undefined, "who listens beyond loopback has a token");
  const app: PortsApi = new Hono();
  app.use(guard(token, isLoopback));
  app.get("/v1/engine", () => {
    const { name, partitions, queueSurvives } = engine;
    return answer({ protocol, name, partitions, queueSurvives });
  });
  app.get(
    "/v1/hints",
    () =>
      new Response(hintStream(engine.onHint, ended), {
        headers: { "content-type": "text/event-stream", "cache-control": "no-store" },
      }),
  );
  for (const path of ["/v1/engine", "/v1/hints"]) app.all(path, () => wrongMethod("GET"));
  if (follow !== undefined) {
    app.get(runEvents, async ({ req }) => {
      const id = req.param("run");
      const run = await follow(id);
      if (run === undefined) throw new NotFoundError(`there is no run "${id}"`);
      const signal = AbortSignal.any([req.raw.signal, ...(ended === undefined ? [] : [ended])]);
      return eventStream(run, new Request(req.url, { headers: req.raw.headers, signal }));
    });
    app.all(runEvents, () => wrongMethod("GET"));
  }
  for (const [path, run] of Object.entries(routes(engine))) {
    app.post(path, async (context) => {
      if (readOnly === true && !questions.has(path)) return changesNothing(path);
      const refusal = refuseByHeaders(context.req.raw.headers);
      if (refusal !== undefined) return refusal;
      const body = await readBody(context.req.raw);
      if (path === take && (await hasLeft(context.env.incoming?.socket)))
        return refused("unheard", "who asked has left");
      return answer(await run(body));
    });
    app.all(path, () => wrongMethod("POST"));
  }
  app.notFound(() => refused("no-such-route", "there is no such route"));
  app.onError((error) => thrown(error));
  return app;
}

/**
 * Whether the other end has closed the connection of a request that has been read.
 *
 * This process may have been blocked for longer than its callers wait. What it would hand out to one that has gone would be nobody's
 * until the sweep; all else may as well be done. What came after the request is read in the second turn.
 */
async function hasLeft(socket: Socket | undefined): Promise<boolean> {
  await turn();
  await turn();
  return socket?.readableEnded === true || socket?.destroyed === true;
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** What changes nothing; a new route is an action until it stands here. */
const questions: ReadonlySet<string> = new Set([
  "/v1/log/read",
  "/v1/log/end",
  "/v1/log/past",
  "/v1/store/load",
  "/v1/store/scan",
  "/v1/store/position",
  "/v1/views/checkpoint",
  "/v1/views/run",
  "/v1/views/runs",
]);

function changesNothing(path: string): Response {
  return refused(
    "read-only",
    `this address answers questions only, and ${path.slice("/v1/".length)} changes something: ask one that was not started with --read-only`,
  );
}

type Route = (body: unknown) => Promise<unknown>;

function routes({ partitions, log, queue, store, views }: Engine): Readonly<Record<string, Route>> {
  const partition = integer(0, partitions - 1);
  const leaseMs = integer(1, longestLeaseMs);
  const held = { worker: id, leases: list(lease, 10_000) };
  return {
    "/v1/log/append": route({ partition, texts: list(anyText, 10_000) }, (body) =>
      log.append(body.partition, body.texts),
    ),
    "/v1/log/read": route(
      { partition, from: count, records: count, bytes: count, past: optional(anyText) },
      (body) =>
        log.read(body.partition, body.from, {
          records: Math.min(body.records, 10_000), // Short answers are what L4 promises; long ones would fill the memory of both.
          bytes: Math.min(body.bytes, 8_388_608),
          past: body.past,
        }),
    ),
    "/v1/log/end": route({ partition }, (body) => log.end(body.partition)),
    "/v1/log/trim": route({ partition, before: count, past: anyText }, (body) =>
      log.trim(body.partition, body.before, body.past),
    ),
    "/v1/log/past": route({ partition }, (body) => log.past(body.partition)),
    "/v1/queue/put": route({ tasks: list(task, 10_000) }, (body) => queue.put(body.tasks)),
    [take]: route(
      { worker: id, queues: list(id, 1_000), max: count, leaseMs },
      ({ worker, queues, max, leaseMs: ms }) =>
        queue.take(worker, queues, Math.min(max, 1_000), ms),
    ),
    "/v1/queue/extend": route({ worker: id, leaseMs }, (body) =>
      queue.extend(body.worker, body.leaseMs),
    ),
    "/v1/queue/ack": route(held, (body) => queue.ack(body.worker, body.leases)),
    "/v1/queue/release": route(held, (body) => queue.release(body.worker, body.leases)),
    "/v1/store/load": route({ partition, keys: list(anyText, 10_000) }, async (body) =>
      (await store.load(body.partition, body.keys)).map(packed),
    ),
    "/v1/store/scan": route(
      { partition, prefix: anyText, max: integer(0, 10_000), after: optional(anyText) },
      async (body) =>
        (await store.scan(body.partition, body.prefix, body.max, body.after)).map(
          ([key, value]) => [key, packed(value)],
        ),
    ),
    "/v1/store/position": route({ partition }, (body) => store.position(body.partition)),
    "/v1/store/keep": route(
      {
        partition,
        reader: id,
        from: optional(count),
        to: count,
        past: anyText,
        puts: list(list(anyText, 2), 10_000),
      },
      ({ partition: of, reader, from, to, past, puts }) =>
        store.keep(of, reader, {
          from,
          to,
          past,
          puts: puts.map(([key = "", value]) => [key, value] as const),
        }),
    ),
    "/v1/views/checkpoint": route({ partition }, (body) => views.checkpoint(body.partition)),
    "/v1/views/apply": route(
      { partition, from: count, to: count, past: anyText, rows: list(changedRow, 10_000) },
      ({ partition: of, ...viewed }) => views.apply(of, viewed),
    ),
    "/v1/views/run": route({ run: id }, (body) => views.run(body.run)),
    "/v1/views/runs": route({ query: runQuery }, (body) => views.runs(body.query)),
  };
}

const count = integer(0);
const anyText = text(Number.MAX_SAFE_INTEGER); // Bounded by the body's size.

function route<F extends Readonly<Record<string, Shape<unknown>>>>(
  fields: F,
  run: (body: ReturnType<ReturnType<typeof record<F>>>) => Promise<unknown>,
): Route {
  const shape = record(fields);
  return async (body) => run(shape(body, "body"));
}

/** Bytes do not fit into JSON; a record with the one field `bytes` cannot be mistaken for a text. */
function packed(value: Value | undefined): string | { readonly bytes: string } | null {
  if (value === undefined) return null;
  if (typeof value === "string") return value;
  const { buffer, byteOffset, byteLength } = value;
  return { bytes: Buffer.from(buffer, byteOffset, byteLength).toString("base64") };
}

function answer(value: unknown): Response {
  return new Response(JSON.stringify(value ?? null), {
    headers: { "content-type": "application/json" },
  });
}

function wrongMethod(allow: "GET" | "POST"): Response {
  return refused("wrong-method", `this route takes ${allow} only`, { allow });
}
