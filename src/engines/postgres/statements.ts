/**
 * Every statement, in one place, constant and prepared once per connection. Each is a transaction of its own: nobody holds a
 * lock while it waits for a client, so a process that is paused in the middle of anything keeps nobody waiting.
 */
export type Statement = { readonly name: string; readonly text: string };

const named = <Name extends string>(texts: Readonly<Record<Name, string>>) => {
  const entries = Object.entries<string>(texts).map(
    ([name, text]) => [name, { name: `fanfold_${name}`, text }] as const,
  );
  return Object.fromEntries(entries) as Readonly<Record<Name, Statement>>; // oxlint-disable-line typescript/no-unsafe-type-assertion -- the same names as texts
};

/** $1 partition, $2 records: takes their offsets, holding the row until the commit. */
const takeOffsets = `update fanfold.head set "end" = "end" + cardinality($2::text[]),
    at = greatest(at, floor(fanfold.now_ms())::bigint)`;

/** Of what `moved` allows: $first keys, texts and bytes of what is put, and the keys of what is removed. */
const putFrom = (first: number): string => `put as (
      insert into fanfold.state (partition, key, body, bytes)
      select moved.partition, key, body, bytes
      from moved, unnest($${first}::text[], $${first + 1}::text[], $${first + 2}::bytea[]) as given (key, body, bytes)
      on conflict (partition, key) do update set body = excluded.body, bytes = excluded.bytes),
    removed as (
      delete from fanfold.state using moved
      where state.partition = moved.partition and state.key = any($${first + 3}::text[]))`;

/**
 * By L7: which server answers, since when, and where in it the table stands. A promoted replica and a server that was started again
 * on a copy differ in the first, a table that was dropped and restored beside the living in the second.
 */
const past = `(extract(epoch from pg_postmaster_start_time()) * 1000000)::bigint || ' ' || pg_relation_filepath('fanfold.head')`;

/** Asked once per statement, not per row. */
const isPast = (n: number): string => `$${n}::text = (select ${past})`;

/** This transaction's commit does not wait for the disk. Local to it, as a pooler wants it. */
const unsynced = "set_config('synchronous_commit', 'off', true)";

const runsBy = (narrowest: string): string => `
  select row from fanfold.run
  where ${narrowest} and started_at >= $1 and started_at <= $6::double precision
    and ($6::double precision = 'Infinity' or (row::json ->> 'endedAt')::double precision < $6)
    and ($2::text is null or flow = $2)
    and ($3::text[] is null or state = any($3)) and ($4::text is null or customer = $4)
  order by started_at desc, run limit $5`;

export const statements: Readonly<Record<StatementName, Statement>> = named({
  // ---- log

  append: `
    with head as (
      ${takeOffsets} where partition = $1
      returning "end" - cardinality($2::text[]) as first, at),
    added as (
      insert into fanfold.log (partition, "offset", at, record)
      select $1, head.first + n - 1, head.at, record
      from head, unnest($2::text[]) with ordinality as given (record, n))
    select first from head`,

  /** A row of nulls when there is no record, so that the head is known in any case. $4 bytes: the first record in any case. $5 its past. */
  read: `
    select head.trimmed, head."end", coalesce(${isPast(5)}, true) as is_past, page."offset", page.at, page.record
    from fanfold.head left join lateral (
      select * from (
        select "offset", at, record, sum(octet_length(record)) over (order by "offset") - octet_length(record) as before
        from fanfold.log where partition = $1 and "offset" >= $2 order by "offset" limit $3) sized
      where before < $4) page on true
    where head.partition = $1 order by page."offset"`,

  end: `select "end" from fanfold.head where partition = $1`,

  past: `select ${past} as past`,

  trim: `
    update fanfold.head set trimmed = greatest(trimmed, $2)
    where partition = $1 and $2 <= "end" and ${isPast(3)} returning partition`,

  forget: `
    with old as (
      select log."offset" from fanfold.log join fanfold.head using (partition)
      where partition = $1 and log."offset" < head.trimmed order by log."offset" limit $2),
    gone as (
      delete from fanfold.log using old where log.partition = $1 and log."offset" = old."offset")
    select count(*)::integer as count from old`,

  // ---- store

  /** An epoch is of a moment: a server that came back without its last commits must not give the same one to somebody else. */
  claim: `
    update fanfold.seat set
      epoch = case when holder = $2 then epoch else greatest(epoch + 1, floor(fanfold.now_ms())::bigint) end,
      holder = $2, until = fanfold.now_ms() + $3, claim_ms = $3
    where partition = $1 and (holder is null or holder = $2 or until <= fanfold.now_ms())
    returning epoch, "offset"`,

  resign: `
    update fanfold.seat set holder = null, until = 0 where partition = $1 and epoch = $2 and holder = $3`,

  /** All or nothing hangs on the first part: where it changes no row, nothing else does. $2 are the records. */
  commit: `
    with moved as (
      update fanfold.seat set "offset" = $5, wake_at = $6, until = fanfold.now_ms() + claim_ms
      where partition = $1 and epoch = $3 and "offset" = $4 and holder is not null
      returning partition),
    ${putFrom(7)},
    head as (
      ${takeOffsets} from moved where head.partition = moved.partition and cardinality($2::text[]) > 0
      returning head.partition, "end" - cardinality($2::text[]) as first, at),
    added as (
      insert into fanfold.log (partition, "offset", at, record)
      select head.partition, head.first + n - 1, head.at, record
      from head, unnest($2::text[]) with ordinality as given (record, n)),
    tasks as (
      insert into fanfold.task (queue, priority, body)
      select queue, priority, body
      from moved, unnest($11::text[], $12::smallint[], $13::text[]) as given (queue, priority, body))
    select first, at from moved left join head on true`,

  seat: `select epoch, "offset", holder from fanfold.seat where partition = $1`,

  /** By the index, key by key: a plan made while the table was small must not read all of it later. */
  load: `
    select found.* from unnest($1::integer[], $2::text[]) as asked (partition, key), lateral (
      select partition, key, body, bytes from fanfold.state
      where state.partition = asked.partition and state.key = asked.key limit 1) found`,

  /** $3 the first key, inclusive; $4 the end, exclusive. */
  scan: `
    select key, body, bytes from fanfold.state
    where partition = $1 and key >= $3 and key < $4 order by key limit $2`,

  scanAfter: `
    select key, body, bytes from fanfold.state
    where partition = $1 and key > $3 and key < $4 order by key limit $2`,

  position: `select "offset", wake_at from fanfold.seat where partition = $1`,

  /** $2 the checkpoint's key, $3 what it must say (null: it is not there), $4 what it says from now on, $5 of which past. */
  keep: `
    with begun as (
      insert into fanfold.state (partition, key, body) select $1, $2, $4 where $3::text is null and ${isPast(5)}
      on conflict (partition, key) do nothing
      returning partition),
    advanced as (
      update fanfold.state set body = $4 where partition = $1 and key = $2 and body = $3 and ${isPast(5)}
      returning partition),
    moved as (select partition from begun union all select partition from advanced),
    ${putFrom(6)}
    select partition from moved`,

  // ---- queue

  put: `
    insert into fanfold.task (queue, priority, body)
    select queue, priority, body
    from unnest($1::text[], $2::smallint[], $3::text[]) as given (queue, priority, body)`,

  /**
   * alive 0: the worker's session had ended. overdue: somebody's has, and nobody has said so yet. One row at least. Not synced: a
   * server that forgets it hands the task out again.
   */
  take: `
    with me as (
      insert into fanfold.session (worker, until) values ($1, fanfold.now_ms() + $4)
      on conflict (worker) do update set until = excluded.until where session.until > fanfold.now_ms()
      returning worker),
    free as (
      select id from fanfold.task
      where worker is null and queue = any($2::text[])
      order by priority, id limit $3 for update skip locked),
    taken as (
      update fanfold.task set worker = me.worker, deliveries = deliveries + 1, handouts = handouts + 1
      from me, free where task.id = free.id
      returning task.id, task.priority, task.deliveries, task.handouts, task.body)
    select (select ${unsynced}) as unsynced, (select count(*)::integer from me) as alive,
      exists (select from fanfold.session where until <= fanfold.now_ms()) as overdue,
      taken.id, taken.deliveries, taken.handouts, taken.body
    from (select) as one left join taken on true
    order by taken.priority, taken.id`,

  /** Through the session's row: whoever shows a sign of life at the same moment comes before this, or after it. */
  endSessions: `
    with gone as (delete from fanfold.session where until <= fanfold.now_ms() returning worker)
    update fanfold.task set worker = null from gone where task.worker = gone.worker`,

  extend: `
    update fanfold.session set until = fanfold.now_ms() + $2
    where worker = $1 and until > fanfold.now_ms()`,

  /** What this worker holds and does not know: the answer to its take was lost, or the server has forgotten that it acked. Nobody has begun it. */
  giveBackUnknown: `
    update fanfold.task set worker = null, deliveries = deliveries - 1
    where worker = $1 and not exists (
      select from unnest($2::bigint[], $3::integer[]) as held (id, handouts)
      where task.id = held.id and task.handouts = held.handouts)`,

  /** Not synced: what a server forgets to remove is handed out again, and its outcomes are there. */
  ack: `
    with gone as (
      delete from fanfold.task using unnest($2::bigint[], $3::integer[]) as held (id, handouts)
      where task.id = held.id and task.handouts = held.handouts and task.worker = $1
        and exists (select from fanfold.session where worker = $1 and until > fanfold.now_ms())
      returning task.id)
    select ${unsynced} as unsynced, count(*)::integer as count from gone`,

  release: `
    update fanfold.task set worker = null, deliveries = deliveries - 1
    from unnest($2::bigint[], $3::integer[]) as held (id, handouts)
    where task.id = held.id and task.handouts = held.handouts and task.worker = $1
      and exists (select from fanfold.session where worker = $1 and until > fanfold.now_ms())`,

  // ---- shares

  /** $2 for how long this one is a candidate, 0: not any more. Candidates, then seats. */
  attend: `
    with me as (
      insert into fanfold.candidate (holder, until) select $1, fanfold.now_ms() + $2 where $2 > 0
      on conflict (holder) do update set until = excluded.until),
    gone as (
      delete from fanfold.candidate where (holder = $1 and $2 <= 0) or until < fanfold.now_ms() - 60000)
    select null::integer as partition, holder, until - fanfold.now_ms() as left
    from fanfold.candidate where until > fanfold.now_ms() and holder <> $1
    union all
    select partition, case when until > fanfold.now_ms() then holder end, until - fanfold.now_ms()
    from fanfold.seat`,

  // ---- views

  checkpoint: `select "offset" from fanfold.viewed where partition = $1`,

  apply: `
    with moved as (
      update fanfold.viewed set "offset" = $3 where partition = $1 and "offset" = $2 and ${isPast(11)} returning partition),
    put as (
      insert into fanfold.run (run, state, flow, customer, started_at, row)
      select given.* from moved, unnest($4::text[], $5::text[], $6::text[], $7::text[], $8::double precision[], $9::text[])
        as given (run, state, flow, customer, started_at, row)
      on conflict (run) do update set state = excluded.state, flow = excluded.flow, customer = excluded.customer,
        started_at = excluded.started_at, row = excluded.row),
    unlisted as (
      delete from fanfold.run using moved where run = any($10::text[]))
    select partition from moved`,

  run: `select row from fanfold.run where run = $1`,
  runsByStart: runsBy("true"),
  runsByState: runsBy("state = any($3::text[])"),
  runsByFlow: runsBy("flow = $2"),
  runsByCustomer: runsBy("customer = $4"),

  // ---- outbox

  /** In the transaction of a user: it takes no lock that anybody else wants. */
  outbox: `
    with put as (insert into fanfold.outbox (partition, record) values ($1::integer, $2::text))
    select pg_notify('fanfold', 'somebody outbox:' || $1::integer)`,

  relay: `
    with due as (
      select id from fanfold.outbox where partition = $1 order by id limit $2 for update skip locked),
    gone as (
      delete from fanfold.outbox using due where outbox.id = due.id returning outbox.id, record),
    head as (
      update fanfold.head set "end" = "end" + (select count(*) from gone),
        at = greatest(at, floor(fanfold.now_ms())::bigint)
      where partition = $1 and exists (select from gone)
      returning "end" - (select count(*) from gone) as first, at),
    added as (
      insert into fanfold.log (partition, "offset", at, record)
      select $1, head.first + row_number() over (order by id) - 1, head.at, record from head, gone)
    select count(*)::integer as count from gone`,

  // ---- time

  now: `select fanfold.now_ms() as now`,

  // ---- hints

  /** Not synced: a hint that is lost with the server is not missed. */
  ring: `select ${unsynced}, pg_notify('fanfold', $1)`,
});

export type StatementName =
  | "append"
  | "read"
  | "end"
  | "past"
  | "trim"
  | "forget"
  | "claim"
  | "resign"
  | "commit"
  | "seat"
  | "load"
  | "scan"
  | "scanAfter"
  | "position"
  | "keep"
  | "put"
  | "take"
  | "endSessions"
  | "extend"
  | "giveBackUnknown"
  | "ack"
  | "release"
  | "now"
  | "outbox"
  | "relay"
  | "attend"
  | "checkpoint"
  | "apply"
  | "run"
  | "runsByStart"
  | "runsByState"
  | "runsByFlow"
  | "runsByCustomer"
  | "ring";
