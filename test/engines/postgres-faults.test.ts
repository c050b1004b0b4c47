/** What only a server can do to its clients: end their backends, run out of connections, refuse, restart, fall silent. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { openEngine } from "../../src/engines/open.ts";
import { postgresEngine } from "../../src/engines/postgres/engine.ts";
import { systemClock } from "../../src/engines/system.ts";
import { ConflictError, UnavailableError, UsageError } from "../../src/errors.ts";
import type { Engine } from "../../src/ports/engine.ts";
import { atEnd, newDatabase, skip, sql } from "../servers/databases.ts";
import { proxyTo } from "../servers/proxy.ts";
import { until } from "../until.ts";

const clock = systemClock();

async function open(url: string, connections = 4): Promise<Engine> {
  const engine = await postgresEngine(url, { clock, connections, partitions: 2 });
  atEnd(engine.close);
  return engine;
}

const plenty = { records: 1_000, bytes: 1_000_000 };

async function texts({ log }: Engine): Promise<readonly string[]> {
  return (await log.read(0, 0, plenty)).map(({ text }) => text);
}

/** Tries until the engine has it, after what kept it from its server. */
async function appended({ log }: Engine, text: string): Promise<void> {
  await until(() =>
    log.append(0, [text]).then(
      () => true,
      () => false,
    ),
  );
}

/** A lock on the end of the log of partition 0, until it is told to let go. */
async function holdHead(url: string): Promise<() => Promise<void>> {
  const { Client } = await import("pg");
  const client = new Client({ connectionString: url });
  await client.connect();
  await client.query("begin; select from fanfold.head where partition = 0 for update");
  return async () => {
    await client.query("rollback");
    await client.end();
  };
}

const waiting = (url: string) =>
  sql(
    url,
    "select pid from pg_stat_activity where wait_event_type = 'Lock' and query like '%fanfold.log%'",
  );

test(
  "C78 a backend that is ended in the middle of an append: it rejects, nothing of it is there, the next one goes on",
  { skip },
  async () => {
    const url = await newDatabase();
    const engine = await open(url);
    await engine.log.append(0, ["a"]);
    const release = await holdHead(url);
    const append = assert.rejects(engine.log.append(0, ["lost"]), UnavailableError);
    const [row] = await until(async () => {
      const rows = await waiting(url);
      return rows.length === 1 ? rows : false;
    });
    await sql(url, `select pg_terminate_backend(${String(row?.["pid"])})`);
    await append;
    await release();
    assert.deepEqual(await texts(engine), ["a"]);
    assert.equal(await engine.log.append(0, ["b"]), 1);
  },
);

test(
  "a backend that is ended in the middle of a commit: the claim is as it was, and the same commit goes through",
  { skip },
  async () => {
    const url = await newDatabase();
    const engine = await open(url);
    const claim = await engine.store.claim(0, "ann", 60_000);
    assert.ok(claim);
    const commit = { to: 0, puts: [["k", "v"]] as const, events: ["e"], tasks: [], wakeAt: 7 };
    const release = await holdHead(url);
    const committing = assert.rejects(engine.store.commit(claim, commit), UnavailableError);
    const [row] = await until(async () => {
      const rows = await waiting(url);
      return rows.length === 1 ? rows : false;
    });
    await sql(url, `select pg_terminate_backend(${String(row?.["pid"])})`);
    await committing;
    await release();
    assert.deepEqual(await engine.store.load(0, ["k"]), [undefined]);
    assert.deepEqual(await engine.store.position(0), { offset: 0, wakeAt: undefined });
    await engine.store.commit(claim, commit);
    assert.deepEqual(await texts(engine), ["e"]);
  },
);

test(
  "C68 two managers on one partition: the one that was paused past its claim is fenced",
  { skip },
  async () => {
    const url = await newDatabase();
    const [first, second] = [await open(url), await open(url)];
    const ann = await first.store.claim(0, "ann", 1);
    assert.ok(ann);
    const bob = await until(() => second.store.claim(0, "bob", 60_000));
    const commit = { to: 0, puts: [], events: ["e"], tasks: [], wakeAt: undefined };
    await assert.rejects(first.store.commit(ann, commit), ConflictError);
    await second.store.commit(bob, commit);
    assert.deepEqual(await texts(first), ["e"]);
  },
);

test(
  "appends of many processes at once: dense, in the order of commits, and a reader that follows skips none",
  { skip },
  async () => {
    const url = await newDatabase();
    const all = await Promise.all([open(url), open(url), open(url)]);
    const read: string[] = [];
    let done = false;
    const follow = async (): Promise<void> => {
      const reader = await open(url);
      while (!done || read.length < (await reader.log.end(0)))
        for (const { offset, text } of await reader.log.read(0, read.length, plenty)) {
          assert.equal(offset, read.length);
          read.push(text);
        }
    };
    const following = follow();
    await Promise.all(
      all.map(async ({ log }, who) => {
        for (let time = 0; time < 50; time += 1)
          await Promise.all([
            log.append(0, [`${who} ${time}`]),
            log.append(0, [`${who} ${time}b`, "x"]),
          ]);
      }),
    );
    done = true;
    await following;
    assert.equal(read.length, 450);
    assert.equal(new Set(read).size, 301);
  },
);

test("more calls than connections: all are answered", { skip }, async () => {
  const engine = await open(await newDatabase(), 1);
  const ends = await Promise.all(
    Array.from({ length: 60 }, (_, n) =>
      n % 2 === 0 ? engine.log.append(0, ["a"]) : engine.log.end(0),
    ),
  );
  assert.equal(ends.length, 60);
  assert.equal(await engine.log.end(0), 30);
});

test(
  "the server has no connection left: the call rejects with what to do, and later ones go through",
  { skip },
  async () => {
    const url = await newDatabase();
    const engine = await open(url, 1);
    await sql(
      url,
      "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'fanfold' and datname = current_database()",
    );
    const name = new URL(url).pathname.slice(1);
    await sql(url, `alter database ${name} connection limit 0`);
    await sql(url, "create role fanfold_guest login password 'guest'");
    const guest = new URL(url);
    guest.username = "fanfold_guest";
    guest.password = "guest";
    await assert.rejects(openEngine(guest.href), (error) => {
      assert.ok(error instanceof UnavailableError);
      assert.match(error.message, /no connection left/);
      assert.doesNotMatch(error.message, /:guest@/);
      return true;
    });
    await sql(url, `alter database ${name} connection limit -1; drop role fanfold_guest`);
    await appended(engine, "a");
  },
);

test(
  "a network that is cut: calls reject, and go through when it has healed; hints come again",
  { skip },
  async () => {
    const url = await newDatabase();
    const proxy = await proxyTo(url);
    const [near, far] = [await open(url), await open(proxy.url)];
    let heard = 0;
    far.onHint((hint, partition) => {
      if (hint === "log" && partition === 1) heard += 1;
    });
    await far.log.append(0, ["a"]);
    await until(async () => {
      await near.log.append(1, ["ring"]);
      return heard > 0;
    });
    proxy.cut();
    await assert.rejects(far.log.append(0, ["cut"]), UnavailableError);
    await near.log.append(0, ["b"]);
    proxy.heal();
    await appended(far, "c");
    assert.deepEqual(await texts(far), ["a", "b", "c"]);
    heard = 0;
    await until(async () => {
      await near.log.append(1, ["ring"]);
      return heard > 0;
    });
    await far.close();
    await proxy.close();
  },
);

test(
  "a network that falls silent: the call rejects within 20 s, and the next goes over another connection",
  { skip },
  async () => {
    const url = await newDatabase();
    const proxy = await proxyTo(url);
    const far = await open(proxy.url);
    await far.log.append(0, ["a"]);
    proxy.silence();
    const begun = performance.now();
    await assert.rejects(far.log.append(0, ["silent"]), UnavailableError);
    assert.ok(performance.now() - begun < 20_000);
    proxy.heal();
    await appended(far, "b");
    assert.deepEqual(await texts(far), ["a", "b"]);
    await far.close();
    await proxy.close();
  },
);

test(
  "a statement that lost against others (serialization, deadlock) is repeated, and happens once",
  { skip },
  async () => {
    const url = await newDatabase();
    const engine = await open(url);
    await sql(
      url,
      `create sequence times;
     create function lose() returns trigger language plpgsql as $$ begin
       case nextval('times') when 1 then raise exception using errcode = '40001';
         when 2 then raise exception using errcode = '40P01'; else null; end case;
       return new; end $$;
     create trigger lose before insert on fanfold.log for each row execute function lose()`,
    );
    assert.equal(await engine.log.append(0, ["a"]), 0);
    assert.deepEqual(await texts(engine), ["a"]);
  },
);

test(
  "a schema that a newer fanfold brought up is refused by name where it says so, and otherwise lived with",
  { skip },
  async () => {
    const url = await newDatabase();
    await (await open(url)).close();
    await sql(url, "update fanfold.meta set value = 99 where name = 'schema'");
    await (await openEngine(url)).close();
    await sql(url, "update fanfold.meta set value = 98 where name = 'survived by'");
    await assert.rejects(openEngine(url), (error) => {
      assert.ok(error instanceof UsageError);
      assert.match(error.message, /schema 99 by a newer fanfold.*98 or newer.*upgrade/);
      return true;
    });
  },
);

test("a machine whose clock is an hour off goes by the database's", { skip }, async () => {
  const url = await newDatabase();
  const hour = 3_600_000;
  const slow = systemClock({ wall: () => Date.now() - hour, steady: () => performance.now() });
  const engine = await postgresEngine(url, { clock: slow });
  atEnd(engine.close);
  const off = Math.abs(slow.now() - Date.now());
  assert.ok(off < 5_000, `${off} ms off`);
});

test(
  "many who come at once make one schema; other partitions than it has are refused",
  { skip },
  async () => {
    const url = await newDatabase();
    const all = await Promise.all(
      Array.from({ length: 6 }, () => openEngine(`${url}?partitions=3`)),
    );
    assert.deepEqual(
      all.map(({ partitions }) => partitions),
      [3, 3, 3, 3, 3, 3],
    );
    await Promise.all(all.map((engine) => engine.close()));
    await assert.rejects(openEngine(`${url}?partitions=4`), /has 3 partitions, fixed .* got 4/);
  },
);

test("what cannot be opened says why, and shows no password", { skip }, async () => {
  const url = await newDatabase();
  const wrong = new URL(url);
  wrong.password = "hunter2";
  const nowhere = new URL(url);
  nowhere.pathname = "nowhere";
  const closed = new URL(url);
  closed.port = "1";
  for (const [at, kind, message] of [
    [wrong, UsageError, /refuses this user/],
    [nowhere, UsageError, /does not exist/],
    [closed, UnavailableError, /does not answer/],
  ] as const)
    await assert.rejects(openEngine(at.href), (error) => {
      assert.ok(error instanceof kind, String(error));
      assert.match(error.message, message);
      assert.ok(!error.message.includes(at.password), error.message);
      return true;
    });
});
