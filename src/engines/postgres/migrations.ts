/**
 * The schema `fanfold` and its versions. Forward only: a migration is never changed once it is released.
 *
 * Text is kept as text, so that a person can read it with psql; text.ts says how characters that PostgreSQL refuses get
 * through. Time is the database's, in epoch ms: `now_ms()`.
 */
export type Migration = {
  readonly sql: string;
  /** The oldest schema version whose programs may go on running beside this one. */
  readonly survivedBy: number;
};

export const migrations: readonly Migration[] = [
  {
    survivedBy: 1,
    sql: `
create function fanfold.now_ms() returns double precision language sql volatile
  as 'select date_part(''epoch'', clock_timestamp()) * 1000';

-- The log: one row per record. Large records are stored as they are: compressing them costs more than writing them.
create table fanfold.log (
  partition integer not null, "offset" bigint not null, at bigint not null, record text not null,
  primary key (partition, "offset"));
alter table fanfold.log alter column record set storage external;
-- Where each partition's log ends. Whoever appends holds this row until its commit is durable: so offsets are dense, in
-- the order of commits.
create table fanfold.head (
  partition integer primary key, "end" bigint not null default 0, at bigint not null default 0,
  trimmed bigint not null default 0) with (fillfactor = 10);

-- Who serves a partition, how often that changed hands, and what is consumed.
create table fanfold.seat (
  partition integer primary key, epoch bigint not null default 0, holder text, until double precision not null default 0,
  claim_ms double precision not null default 0, "offset" bigint not null default 0, wake_at double precision)
  with (fillfactor = 10);
-- Who would serve one.
create table fanfold.candidate (holder text primary key, until double precision not null) with (fillfactor = 50);
-- What the managers keep.
create table fanfold.state (
  partition integer not null, key text collate "C" not null, body text, bytes bytea, primary key (partition, key))
  with (fillfactor = 70);
alter table fanfold.state alter column body set storage external, alter column bytes set storage external;

-- The queue: a window on the ledger, some hundred rows. A task with a worker is held by that worker's session.
create table fanfold.task (
  id bigint generated always as identity primary key, queue text not null, priority smallint not null,
  worker text, deliveries integer not null default 0, handouts integer not null default 0, body text not null)
  with (fillfactor = 50, autovacuum_vacuum_threshold = 500, autovacuum_vacuum_scale_factor = 0.1);
create index task_to_take on fanfold.task (priority, id) where worker is null;
create index task_held on fanfold.task (worker) where worker is not null;
create table fanfold.session (worker text primary key, until double precision not null) with (fillfactor = 50);

-- The list of runs, derived from the log.
create table fanfold.run (
  run text collate "C" primary key, state text not null, flow text not null, customer text,
  started_at double precision not null, row text not null);
create index run_by_start on fanfold.run (started_at desc, run);
create index run_by_state on fanfold.run (state, started_at desc, run);
create index run_by_flow on fanfold.run (flow, started_at desc, run);
create index run_by_customer on fanfold.run (customer, started_at desc, run);
create table fanfold.viewed (partition integer primary key, "offset" bigint not null default 0) with (fillfactor = 10);
`,
  },
  {
    survivedBy: 1,
    sql: `
-- Records put inside transactions of users, until whoever serves the partition has brought them onto the log.
create table fanfold.outbox (
  id bigint generated always as identity primary key, partition integer not null, record text not null);
create index outbox_by_partition on fanfold.outbox (partition, id);
`,
  },
];
