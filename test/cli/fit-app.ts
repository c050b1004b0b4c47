/** know-app.ts as somebody changed it: the fan-out of mail has another name, and evils is as it was. */
import { z } from "zod";
import { app, flow, type App } from "../../src/index.ts";
import { evilFlow, parts } from "./know-app.ts";

const mail = flow("mail", { input: z.object({ count: z.number() }) })
  .step("letters", () => 1)
  .step("report", () => 1);

const jobs = parts.filter(({ kind }) => kind === "job");
export const billing: App = app({
  name: "billing",
  parts: [...jobs, mail, evilFlow],
  url: process.env["FANFOLD_URL"],
});
