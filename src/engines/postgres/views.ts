import { assert } from "../../errors.ts";
import type { RemovedRow, RunQuery, RunRow, Views } from "../../ports/views.ts";
import { checkPartition, checkPast } from "../memory/checks.ts";
import { checkCheckpoint } from "../memory/views.ts";
import { encodeText } from "../text.ts";
import { numberArray, textArray } from "./arrays.ts";
import type { Database, Param } from "./database.ts";
import { pastOf } from "./log.ts";
import { limitOf, numberIn, type Row, textIn } from "../rows.ts";
import { type Statement, statements } from "./statements.ts";

export function postgresViews(database: Database, partitions: number): Views {
  async function checkpoint(partition: number): Promise<number> {
    checkPartition(partition, partitions);
    const { rows } = await database.query(statements.checkpoint, [partition]);
    return numberIn(rows[0], "offset");
  }

  return {
    checkpoint,
    async apply(partition, { from, to, past, rows }) {
      checkPartition(partition, partitions);
      const { changed } = await database.query(statements.apply, [
        partition,
        from,
        to,
        ...rowArrays([...new Map(rows.map((row) => [row.run, row])).values()]),
        past,
      ]);
      if (changed === 0) {
        checkPast(partition, past, await pastOf(database));
        checkCheckpoint(partition, from, await checkpoint(partition));
      }
      assert(changed === 1, `the views took rows of partition ${partition} from ${from} on`);
    },
    async run(run) {
      const { rows } = await database.query(statements.run, [encodeText(run)]);
      return rows[0] === undefined ? undefined : runRow(rows[0]);
    },
    async runs(query) {
      const { states, flow, customer, since, endedBefore, limit } = query;
      const { rows } = await database.query(narrowest(query), [
        since ?? "-Infinity",
        flow === undefined ? null : encodeText(flow),
        states === undefined ? null : textArray(states),
        customer === undefined ? null : encodeText(customer),
        limitOf(limit),
        endedBefore ?? "Infinity",
      ]);
      return rows.map(runRow);
    },
  };
}

/** One statement per index: the narrowest question that was asked chooses it, the others filter. */
function narrowest({ states, flow, customer }: RunQuery): Statement {
  if (customer !== undefined) return statements.runsByCustomer;
  if (states !== undefined) return statements.runsByState;
  return flow === undefined ? statements.runsByStart : statements.runsByFlow;
}

function rowArrays(changed: readonly (RunRow | RemovedRow)[]): readonly Param[] {
  const rows = changed.filter((row): row is RunRow => row.state !== "removed");
  return [
    textArray(rows.map(({ run }) => run)),
    textArray(rows.map(({ state }) => state)),
    textArray(rows.map(({ flow }) => flow)),
    textArray(rows.map(({ customer }) => customer)),
    numberArray(rows.map(({ startedAt }) => startedAt)),
    textArray(rows.map((row) => JSON.stringify(row))),
    textArray(changed.flatMap(({ run, state }) => (state === "removed" ? [run] : []))),
  ];
}

function runRow(row: Row): RunRow {
  const value: unknown = JSON.parse(textIn(row, "row"));
  assert(typeof value === "object" && value !== null && "run" in value, "a row is of a run");
  return value as RunRow; // oxlint-disable-line typescript/no-unsafe-type-assertion -- we wrote it, in rowArrays
}
