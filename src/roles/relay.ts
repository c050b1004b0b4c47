/** Brings what users put into their transactions onto the log. */
import type { Outbox } from "../ports/outbox.ts";
import type { Role } from "./role.ts";

export function relay(outbox: Outbox, partition: number): Role {
  return {
    name: `relay ${partition}`,
    hints: ["outbox"],
    partition,
    tick: () => outbox.relay(partition),
  };
}
