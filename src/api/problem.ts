/** Errors as application/problem+json (RFC 9457): a stable `code`, a sentence, and nothing of our insides. */
import { FanfoldError } from "../errors.ts";

/** What goes wrong before a request reaches a port. */
export type Refusal =
  | "foreign-host"
  | "unauthorized"
  | "read-only"
  | "no-such-route"
  | "wrong-method"
  | "media-type"
  | "length-required"
  | "too-large"
  | "unheard";

/** Which HTTP status says what; the codes of errors.ts that ports throw, and the refusals of this API. */
const statuses: Readonly<Record<string, number>> = {
  usage: 400,
  unauthorized: 401,
  "foreign-host": 403,
  "read-only": 403,
  "not-found": 404,
  "no-such-route": 404,
  "wrong-method": 405,
  conflict: 409,
  "lease-lost": 409,
  "length-required": 411,
  "too-large": 413,
  "media-type": 415,
  unavailable: 503,
  unheard: 503,
};

export function refused(
  code: Refusal,
  sentence: string,
  headers: Readonly<Record<string, string>> = {},
): Response {
  return problem(code, sentence, {}, headers);
}

/** Of anything thrown. What is not one of our errors is a bug of ours, and its text is nobody's business. */
export function thrown(error: unknown): Response {
  return error instanceof FanfoldError
    ? problem(error.code, error.message, error.details, {})
    : problem("internal", "something broke that should not have", {}, {});
}

function problem(
  code: string,
  detail: string,
  details: Readonly<Record<string, unknown>>,
  headers: Readonly<Record<string, string>>,
): Response {
  const status = statuses[code] ?? 500;
  return new Response(JSON.stringify({ title: code, status, detail, code, details }), {
    status,
    headers: { ...headers, "content-type": "application/problem+json" },
  });
}
