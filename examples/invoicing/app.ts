import { type App, app, type Part } from "../../src/index.ts";
import { makeInvoice, monthlyInvoicing } from "./flow.ts";

export const parts: readonly Part[] = [monthlyInvoicing, makeInvoice];

/** For other programs: `fanfold worker examples/invoicing/app.ts`. */
export const invoicing: App = app({ name: "invoicing", url: process.env["FANFOLD_URL"], parts });
