/**
 * Every statement that changes something, and the transaction that runs them: the same code on the main thread and on the
 * writer's own. Work comes as data, the name of a statement and its values.
 */
import type { DatabaseSync, SQLInputValue } from "node:sqlite";
import { assert } from "../../errors.ts";

/** Each of those in `one` changes exactly one row, or the file is not as we think. */
const statements = {
  append: "insert into log values (?, ?, ?)",
  trim: "update partition set trimmed = max(trimmed, ?) where partition = ?",
  forget: "delete from log where id >= ? and id < ?",
  // Gives back to the disk what was deleted, up to so many pages of 8 KiB: some ms.
  vacuum: "pragma incremental_vacuum(1000)",
  put: `insert into state values (?, ?, ?)
        on conflict (partition, key) do update set value = excluded.value`,
  remove: "delete from state where partition = ? and key = ?",
  seat: "update partition set epoch = ?, holder = ? where partition = ?",
  advance: `update partition set offset = ?, wake_at = ?
            where partition = ? and epoch = ? and offset = ?`,
  view: "update partition set viewed = ? where partition = ? and viewed = ?",
  row: "insert or replace into runs values (?, ?, ?, ?, ?, ?)",
  unlist: "delete from runs where run = ?",
} as const;

type Name = keyof typeof statements;

const one: ReadonlySet<Name> = new Set<Name>(["trim", "seat", "advance", "view"]);

export type Write = readonly [statement: Name, ...values: readonly SQLInputValue[]];

/** Durable when it returns. After it threw, the connection is good for nothing but to be closed. */
export type Transact = (writes: readonly Write[]) => void;

export function transactionOn(db: DatabaseSync): Transact {
  const begin = db.prepare("begin immediate");
  const commit = db.prepare("commit");
  const prepared = {
    append: db.prepare(statements.append),
    trim: db.prepare(statements.trim),
    forget: db.prepare(statements.forget),
    put: db.prepare(statements.put),
    remove: db.prepare(statements.remove),
    seat: db.prepare(statements.seat),
    advance: db.prepare(statements.advance),
    view: db.prepare(statements.view),
    row: db.prepare(statements.row),
    unlist: db.prepare(statements.unlist),
  };

  function run([name, ...values]: Write): void {
    if (name === "vacuum") {
      db.exec(statements.vacuum); // It goes a step per page, and run() goes one.
      return;
    }
    const { changes } = prepared[name].run(...values);
    if (one.has(name)) assert(changes === 1, `"${name}" changes 1 row, it changed ${changes}`);
  }

  return (writes) => {
    begin.run();
    for (const write of writes) run(write);
    commit.run();
  };
}
