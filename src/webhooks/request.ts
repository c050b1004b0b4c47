/** What is sent to a webhook: a CloudEvent in JSON, signed by the Standard Webhooks convention. */
import { createHmac } from "node:crypto";
import type { RunEvent } from "../core/run-event.ts";

export type Outgoing = {
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
};

/** The event as CloudEvents 1.0 have it; `data` is what a listener hears, without what the envelope says. */
export function cloudEvent(event: RunEvent, app: string): string {
  const { id, type, at, partition, offset, ...data } = event;
  return JSON.stringify({
    specversion: "1.0",
    id,
    source: `/fanfold/${encodeURIComponent(app)}`,
    type: `fanfold.${type}`,
    subject: event.run,
    time: new Date(at).toISOString(),
    datacontenttype: "application/json",
    // Of one run, later events have later ones; they may arrive in another order.
    sequence: `${partition}.${String(offset).padStart(15, "0")}`,
    data,
  });
}

/**
 * Body and headers of one attempt: the same id at every attempt, the time of this one, and a signature by each secret.
 *
 * Secrets are base64. Source: the Standard Webhooks specification, symmetric signatures, v1.
 */
export function signed(id: string, body: string, at: number, secrets: readonly string[]): Outgoing {
  const timestamp = `${Math.floor(at / 1_000)}`;
  const signatures = secrets.map((secret) => {
    const hmac = createHmac("sha256", Buffer.from(secret, "base64"));
    return `v1,${hmac.update(`${id}.${timestamp}.${body}`).digest("base64")}`;
  });
  return {
    body,
    headers: {
      "content-type": "application/json",
      "user-agent": "fanfold",
      "webhook-id": id,
      "webhook-timestamp": timestamp,
      "webhook-signature": signatures.join(" "),
    },
  };
}
