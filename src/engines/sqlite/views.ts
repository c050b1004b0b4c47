import type { DatabaseSync } from "node:sqlite";
import { assert } from "../../errors.ts";
import type { RemovedRow, RunQuery, RunRow, Views } from "../../ports/views.ts";
import { checkPartition } from "../memory/checks.ts";
import { checkCheckpoint } from "../memory/views.ts";
import { limitOf, numberIn, type Row, textIn } from "../rows.ts";
import type { SqliteLog } from "./log.ts";
import type { Write } from "./transaction.ts";
import type { Writer } from "./writer.ts";

export type ViewsOptions = {
  readonly partitions: number;
  readonly log: Pick<SqliteLog, "checkPast">;
};

export function sqliteViews(
  db: DatabaseSync,
  writer: Writer,
  { partitions, log }: ViewsOptions,
): Views {
  const reader = viewsReader(db, partitions);
  /** What is durable and what is about to be: calls in one turn are checked against each other. */
  const checkpoints = Array.from({ length: partitions }, (_, each) => reader.checkpoint(each));
  return {
    checkpoint: async (partition) => writer.read(() => reader.checkpoint(partition)),
    async apply(partition, { from, to, past, rows }) {
      checkPartition(partition, partitions);
      log.checkPast(partition, past);
      checkCheckpoint(partition, from, checkpoints[partition] ?? 0);
      const writes = rows.map(writeOf);
      checkpoints[partition] = to;
      await writer.writeAlong([...writes, ["view", to, partition, from]]);
    },
    run: async (run) => writer.read(() => reader.run(run)),
    runs: async (query) => writer.read(() => reader.runs(query)),
  };
}

export type ViewsReader = {
  readonly checkpoint: (partition: number) => number;
  readonly run: (run: string) => RunRow | undefined;
  readonly runs: (query: RunQuery) => readonly RunRow[];
};

/** One statement per index: the narrowest question that was asked chooses it, the others filter. */
export function viewsReader(db: DatabaseSync, partitions: number): ViewsReader {
  // What ended before began before: so the index leaves out what is too young.
  const filters = `started_at >= :since and started_at <= :until
    and (:flow is null or flow = :flow)
    and (:until = 9e999 or row ->> 'endedAt' < :until)
    and (:states is null or state in (select value from json_each(:states)))
    order by started_at desc, run limit :limit`;
  const byCustomer = db.prepare(
    `select row from runs indexed by runs_by_customer where customer = :customer and ${filters}`,
  );
  const byFlow = db.prepare(
    `select row from runs indexed by runs_by_flow where flow = :only and ${filters}`,
  );
  const byState = db.prepare(
    `select row from runs indexed by runs_by_state
     where state in (select value from json_each(:only)) and ${filters}`,
  );
  const byStart = db.prepare(`select row from runs indexed by runs_by_start where ${filters}`);
  const viewed = db.prepare("select viewed from partition where partition = ?");
  const one = db.prepare("select row from runs where run = ?");

  function rowsOf({ states, flow, customer, since, endedBefore, limit }: RunQuery): readonly Row[] {
    const among = states === undefined ? null : JSON.stringify(states);
    const values = {
      since: since ?? -Infinity,
      until: endedBefore ?? Infinity,
      flow: flow ?? null,
      states: among,
      limit: limitOf(limit),
    };
    if (customer !== undefined) return byCustomer.all({ ...values, customer });
    if (among !== null) return byState.all({ ...values, only: among });
    if (flow !== undefined) return byFlow.all({ ...values, only: flow });
    return byStart.all(values);
  }

  return {
    checkpoint(partition) {
      checkPartition(partition, partitions);
      return numberIn(viewed.get(partition), "viewed");
    },
    run(run) {
      const row = one.get(run);
      return row === undefined ? undefined : runRow(row);
    },
    runs: (query) => rowsOf(query).map(runRow),
  };
}

function writeOf(row: RunRow | RemovedRow): Write {
  if (row.state === "removed") return ["unlist", row.run];
  const { run, state, flow, customer, startedAt } = row;
  return ["row", run, state, flow, customer ?? null, startedAt, JSON.stringify(row)];
}

function runRow(row: Row): RunRow {
  const value: unknown = JSON.parse(textIn(row, "row"));
  assert(typeof value === "object" && value !== null && "run" in value, "a row is of a run");
  return value as RunRow; // oxlint-disable-line typescript/no-unsafe-type-assertion -- we wrote it, in writeOf
}
