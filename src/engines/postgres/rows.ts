/** What rows hold as arrays.ts wrote it. */
import * as rows from "../rows.ts";
import { decodeText } from "./arrays.ts";

/** As textArray gave it. */
export function textIn(row: rows.Row | undefined, column: string): string {
  return decodeText(rows.textIn(row, column));
}
