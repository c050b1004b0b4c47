/** An app with a webhook, as the command line finds it; who tells the receiver has its own of the same name. */
import { app, webhook, type App } from "../../src/index.ts";
import { summing, type Summing } from "../app/parts.ts";

export const summed: Summing = summing((n) => n, 1);

const ops = webhook("ops", {
  url: "http://127.0.0.1:9999/hook?token=secret",
  secrets: [`whsec_${Buffer.alloc(32, 7).toString("base64")}`],
  allow: ["loopback"],
});

export const told: App = app({ name: "told", parts: [...summed.parts, ops] });
