/** Where nothing matches, a name may be misspelt. It is said and not refused: what an older program has left may have it. */
import type { App } from "../app/app.ts";
import type { Line } from "./style.ts";

type Named = Partial<Readonly<Record<"flow" | "job" | "webhook", string>>>;

export function unknownNames({ parts }: App, named: Named): Line[] {
  return Object.entries(named).flatMap(([kind, name]): Line[] => {
    const known = parts.filter((part) => part.kind === kind).map((part) => part.name);
    if (known.includes(name)) return [];
    const others = known.map((one) => `"${one}"`).join(", ");
    return [[`  this app has no ${kind} "${name}"${others === "" ? "" : `: it has ${others}`}`]];
  });
}
