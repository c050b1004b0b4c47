/** app.ts: what a user's program holds in hand. */
export function appFile(name: string): string {
  return `import { app } from "fanfold";

import { monthlyInvoices, sendInvoice } from "./invoices.ts";

/** Importing this opens nothing: a web server may import it just to call start. */
export const main = app({
  name: "${name}",
  // Nothing set: an SQLite file in .fanfold/, here. In production say where.
  url: process.env["FANFOLD_URL"],
  parts: [monthlyInvoices, sendInvoice],
});
`;
}
