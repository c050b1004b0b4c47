/** For those who keep processes running, and those who watch them: is it alive, is it ready, how do things stand. */
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { UsageError } from "../errors.ts";

export type Health = {
  /** Why it takes no work now; undefined where it does. Rejects where the engine does not answer. */
  readonly whyNotReady: () => Promise<string | undefined>;
  /** In the text format of Prometheus. */
  readonly metrics: () => Promise<string>;
};

export type HealthServer = { readonly url: string; readonly close: () => Promise<void> };

/** An engine that does not answer for so long is not ready. */
const patienceMs = 5_000;

/**
 * GET /healthz answers as long as the process does anything at all, /readyz while it works and its engine answers, /metrics how things
 * stand. It tells names of flows, jobs and queues and counts, never payloads; still, who may reach it is decided by `host`.
 *
 * Throws UsageError where the port is taken: who asks there must not reach another process.
 */
export async function healthServer(
  health: Health,
  port: number,
  host: string,
): Promise<HealthServer> {
  const routes: Readonly<Record<string, () => Promise<readonly [number, string, string?]>>> = {
    "/healthz": async () => [200, "ok\n"],
    "/readyz": async () => {
      const why = await within(health.whyNotReady());
      return why === undefined ? [200, "ok\n"] : [503, `${why}\n`];
    },
    "/metrics": async () => [
      200,
      await within(health.metrics()),
      "text/plain; version=0.0.4; charset=utf-8",
    ],
  };
  const http = createServer(
    { headersTimeout: 5_000, requestTimeout: 5_000 },
    (request, response) => {
      const route = routes[(request.url ?? "").split("?")[0] ?? ""];
      const answer = (status: number, text: string, type = "text/plain; charset=utf-8"): void => {
        response.writeHead(status, { "content-type": type, "cache-control": "no-store" });
        response.end(request.method === "HEAD" ? undefined : text);
      };
      if (route === undefined) return answer(404, "there are /healthz, /readyz and /metrics\n");
      if (request.method !== "GET" && request.method !== "HEAD") return answer(405, "GET only\n");
      route().then(
        ([status, text, type]) => answer(status, text, type),
        () => answer(503, "the engine does not answer\n"),
      );
    },
  );
  http.listen(port, host);
  try {
    await once(http, "listening");
  } catch (cause) {
    throw new UsageError(`the health port ${port} on ${host} cannot be had: ${String(cause)}`, {
      cause,
    });
  }
  const { port: bound } = http.address() as AddressInfo; // oxlint-disable-line typescript/no-unsafe-type-assertion -- it listens on TCP
  return {
    url: `http://${host.includes(":") ? `[${host}]` : host}:${bound}`,
    async close() {
      if (!http.listening) return;
      http.closeAllConnections();
      http.close();
      await once(http, "close");
    },
  };
}

async function within<T>(asked: Promise<T>): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error("too late")), patienceMs);
  try {
    return await Promise.race([asked, promise]);
  } finally {
    clearTimeout(timer);
  }
}
