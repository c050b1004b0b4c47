/** The third door: transactions of other libraries, for `app.within`. A client of `pg` is one as it is. */
import type { SqlTransaction } from "./app/within.ts";

export type { SqlTransaction, StartedWithin, Within } from "./app/within.ts";

/** Of `postgres`: what `sql.begin` hands to its callback. */
export function fromPostgresJs(sql: {
  readonly unsafe: (text: string, values: never[]) => PromiseLike<unknown>;
}): SqlTransaction {
  return { query: async (text, values) => sql.unsafe(text, values as never[]) }; // oxlint-disable-line typescript/no-unsafe-type-assertion -- texts and numbers, which it takes
}

/** Of Drizzle on PostgreSQL: what `db.transaction` hands to its callback, and its `sql`. */
export function fromDrizzle<Query>(
  transaction: { readonly execute: (query: Query) => PromiseLike<unknown> },
  sql: {
    readonly raw: (text: string) => unknown;
    readonly param: (value: unknown) => unknown;
    readonly join: (chunks: never[]) => Query;
  },
): SqlTransaction {
  return {
    async query(text, values) {
      const chunks = text
        .split(/\$(\d+)/)
        .map((part, index) =>
          index % 2 === 0 ? sql.raw(part) : sql.param(values[Number(part) - 1]),
        );
      return transaction.execute(sql.join(chunks as never[])); // oxlint-disable-line typescript/no-unsafe-type-assertion -- its own chunks
    },
  };
}

/** Of Kysely: what `db.transaction().execute` hands to its callback, and its `CompiledQuery`. */
export function fromKysely<Query>(
  transaction: { readonly executeQuery: (query: Query) => PromiseLike<unknown> },
  compiled: { readonly raw: (text: string, values: unknown[]) => Query },
): SqlTransaction {
  return { query: async (text, values) => transaction.executeQuery(compiled.raw(text, values)) };
}
