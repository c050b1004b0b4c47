import { once } from "node:events";
import { createServer, type IncomingMessage, type Server as HttpServer } from "node:http";

import { getRequestListener } from "@hono/node-server";

import { assert, UsageError } from "../errors.ts";
import type { Engine } from "../ports/engine.ts";
import { portsApi, type Follow } from "./ports.ts";

export type ServerOptions = {
  readonly engine: Engine;
  /** 127.0.0.1 unless said otherwise. Beyond loopback a token is needed, of 16 characters at least. */
  readonly host?: string | undefined;
  /** The port to try first, 4400 unless said otherwise; 0 leaves it to the operating system. */
  readonly port?: number | undefined;
  readonly token?: string | undefined;
  /** Whoever asks may look, and change nothing. */
  readonly readOnly?: boolean | undefined;
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
/** Listening on all addresses of the machine is listening on loopback, too. */
const loopbackOf: Readonly<Record<string, string>> = { "0.0.0.0": "127.0.0.1", "::": "::1" };
/** Of a token that a network may try to guess. */
const leastToken = 16;

/** Serves an engine's ports to this machine, or with a token to others, on the chosen port or the next free one. */
export async function server(options: ServerOptions): Promise<Server> {
  const { engine, host = "127.0.0.1", port = 4_400, token, readOnly, follow } = options;
  const isLoopback = loopbackHosts.includes(host);
  if (!isLoopback && (token?.length ?? 0) < leastToken)
    throw new UsageError(
      `host "${host}" is reached from other machines, and whoever reaches it ${readOnly === true ? "sees everything" : "can run and end work"}: it needs a token of ` +
        `at least ${leastToken} characters (FANFOLD_TOKEN); without one, listen on 127.0.0.1 and come through a tunnel (ssh -L)`,
      { details: { host } },
    );
  const ended = new AbortController();
  const api = portsApi(engine, { token, isLoopback, readOnly, ended: ended.signal, follow });
  const http = await listen(api.fetch, host, port);
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
  const at = loopbackOf[host] ?? host;
  const url = `http://${at.includes(":") ? `[${at}]` : at}:${bound}`;
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
      if (!isTaken(cause))
        throw new UsageError(
          `cannot listen on host "${host}", port ${port}: expected an address of this machine`,
          { cause, details: { host, port } },
        );
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
