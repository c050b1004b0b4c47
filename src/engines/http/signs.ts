/** A worker's signs of life, shown from a thread of its own: see roles/lease-keeper.ts. */
import { Agent, request } from "node:http";
import type { Extend } from "../../ports/engine.ts";

export type HttpSigns = { readonly url: string; readonly token: string | undefined };

/** node:http and not fetch, which would cost every worker process 12 MB more (Node 24.21, 21 Nov 2026). */
export function signs({ url, token }: HttpSigns): Extend {
  const agent = new Agent({ keepAlive: true });
  return (worker, leaseMs, withinMs) => {
    const body = JSON.stringify({ worker, leaseMs: Math.ceil(leaseMs) });
    return new Promise((resolve) => {
      const sent = request(new URL("/v1/queue/extend", url), {
        agent,
        method: "POST",
        headers: {
          "content-type": "application/json",
          "content-length": Buffer.byteLength(body),
          ...(token !== undefined && { authorization: `Bearer ${token}` }),
        },
        signal: AbortSignal.timeout(withinMs),
      });
      sent.once("response", (response) => {
        let answer = "";
        response.setEncoding("utf8");
        response.on("data", (chunk: string) => (answer += chunk));
        response.once("error", () => undefined); // "close" follows.
        response.once("close", () =>
          resolve(answer === "true" ? true : answer === "false" ? false : undefined),
        );
      });
      sent.once("error", () => resolve(undefined));
      sent.end(body);
    });
  };
}
