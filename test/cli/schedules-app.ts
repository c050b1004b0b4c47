/** What decide.test.ts pauses: a schedule that comes on the next 29 February. */
import { app, schedule, type App } from "../../src/index.ts";
import { mailFlow, parts } from "./know-app.ts";

const leap = schedule("leap", {
  cron: "0 0 29 2 *",
  timezone: "UTC",
  run: mailFlow,
  input: () => ({ count: 1 }),
});

export const billing: App = app({
  name: "billing",
  parts: [...parts, leap],
  url: process.env["FANFOLD_URL"],
});
