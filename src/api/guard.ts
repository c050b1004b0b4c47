/** Who may talk to this API: programs of this machine, and with a token only those that know it, from wherever it listens. */
import { createHash, timingSafeEqual } from "node:crypto";

import type { MiddlewareHandler } from "hono";

import { refused } from "./problem.ts";

/**
 * Lets a request pass whose Host is loopback, where only loopback is meant, and whose bearer token is ours if we have one.
 *
 * A web page can make a browser send requests here under a name of its own that resolves to 127.0.0.1 (DNS rebinding);
 * the Host header then still has that name. No answer carries CORS headers, and a POST must be JSON, so that a browser
 * asks first and is told no. Beyond loopback there is a token, which no page knows; under which names we are reached, we do not.
 */
export function guard(token: string | undefined, isLoopback: boolean): MiddlewareHandler {
  const expected = token === undefined ? undefined : digest(`Bearer ${token}`);
  return async (context, next) => {
    if (isLoopback && !loopback.test(context.req.header("host") ?? ""))
      return refused("foreign-host", "this API answers to localhost, 127.0.0.1 and [::1] only");
    // Digests: timingSafeEqual wants equal lengths, and so tells nothing of the token's.
    if (
      expected !== undefined &&
      !timingSafeEqual(digest(context.req.header("authorization") ?? ""), expected)
    )
      return refused("unauthorized", "a valid bearer token is needed", {
        "www-authenticate": "Bearer",
      });
    await next();
    return undefined;
  };
}

const loopback = /^(?:localhost|127\.0\.0\.1|\[::1\])(?::\d{1,5})?$/i;

function digest(secret: string): Buffer {
  return createHash("sha256").update(secret).digest();
}
