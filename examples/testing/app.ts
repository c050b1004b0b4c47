import { type App, app } from "../../src/index.ts";
import { monthlyInvoices, sendInvoice } from "./invoices.ts";

export const billing: App = app({
  name: "billing",
  url: process.env["FANFOLD_URL"],
  parts: [monthlyInvoices, sendInvoice],
});
