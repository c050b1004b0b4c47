import { once } from "node:events";
import { createServer, type IncomingMessage, type Server as HttpServer } from "node:http";

import { getRequestListener } from "@hono/node-server";

import { assert, UsageError } from "../errors.ts";
import type { Engine } from "../ports/engine.ts";
import { portsApi, type Follow } from "./ports.ts";

export type ServerOptions = {
  readonly engine: Engine;
  /** 127.0.0.1 unless said otherwise; loopback in any case. */
  readonly host?: string;
  /** The port to try first, 4400 unless said otherwise; 0 leaves it to the operating system. */
  readonly port?: number;
  readonly token?: string | undefined;
  readonly follow?: Follow;
};

export type Server = {
  /** `port` is the one it got. */
  readonly url: string;
  readonly port: number;
  /** Finishes the requests it has; may be called twice. */
  readonly close: () => Promise<void>;
  readonly [Symbol.asyncDispose]: () => Promise<void>;
};

/** Somebody has the port: so many after it are tried. */
const portsTried = 20;

const loopbackHosts = ["127.0.0.1", "::1", "localhost"];

/** Serves an engine's ports to this machine, on the chosen port or the next free one. */
export async function server(options: ServerOptions): Promise<Server> {
  const { engine, host = "127.0.0.1", port = 4_400, token, follow } = options;
  if (!loopbackHosts.includes(host))
    throw new UsageError(
      `host must be one of ${loopbackHosts.join(", ")}, got "${host}": this API has no encryption, and whoever reaches it ` +
        `can run and end work; reach it from another machine through a tunnel (ssh -L), or use PostgreSQL`,
      { details: { host } },
    );
  const ended = new AbortController();
  const http = await listen(
    portsApi(engine, { token, ended: ended.signal, follow }).fetch,
    host,
    port,
  );
  const open = requestsOf(http);
  let closed: Promise<unknown> | undefined;
  const close = async (): Promise<void> => {
    if (closed === undefined) {
      closed = once(http, "close");
      http.close();
      ended.abort();
      for (const request of open) if (!request.complete) request.destroy(); // Half a request does nothing, and may take a minute.
    }
    await closed;
  };
  const bound = portOf(http);
  const url = `http://${host === "::1" ? "[::1]" : host}:${bound}`;
  return { url, port: bound, close, [Symbol.asyncDispose]: close };
}

async function listen(
  fetch: (request: Request) => Response | Promise<Response>,
  host: string,
  first: number,
): Promise<HttpServer> {
  const listener = getRequestListener(fetch, {
    overrideGlobalObjects: false, // We are a guest in somebody's process: its Request and Response stay as they are.
  });
  for (let port = first; ; port += 1) {
    const http = createServer(
      { headersTimeout: 10_000, requestTimeout: 60_000, keepAliveTimeout: 60_000 },
      (request, response) => void listener(request, response),
    );
    http.listen(port, host);
    try {
      await once(http, "listening");
      return http;
    } catch (cause) {
      if (!isTaken(cause)) throw cause;
      if (port === 0 || port + 1 >= first + portsTried || port >= 65_535)
        throw new UsageError(
          `no free port from ${first} to ${port} on ${host}: choose another with --port`,
          { cause, details: { host, from: first, to: port } },
        );
    }
  }
}

function portOf(http: HttpServer): number {
  const address = http.address();
  assert(typeof address === "object" && address !== null, "the server listens on TCP");
  return address.port;
}

function isTaken(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "EADDRINUSE";
}

/** The requests being answered. Once the server closes, a connection goes with its last one. */
function requestsOf(http: HttpServer): ReadonlySet<IncomingMessage> {
  const open = new Set<IncomingMessage>();
  http.on("request", (request, response) => {
    open.add(request);
    response.once("close", () => {
      open.delete(request);
      if (!http.listening) http.closeIdleConnections();
    });
  });
  return open;
}
