/** What retention.test.ts asks about: runs that are kept for ten days after their end. */
import { z } from "zod";
import { app, flow, type App, type Part } from "../../src/index.ts";

const mail = flow("mail", { input: z.object({}), retention: "10d" }).step("send", () => 1);

export const parts: readonly Part[] = [mail];
export const billing: App = app({ name: "billing", parts, url: process.env["FANFOLD_URL"] });
