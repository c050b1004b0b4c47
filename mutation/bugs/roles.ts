/** Bugs in who does it: manager, worker, splitter, and the queue and log in memory that they stand on. */
import { bug, type Bug } from "../bug.ts";

const ledger = "src/core/ledger.ts";
const manager = "src/roles/manager.ts";
const outgoing = "src/roles/outgoing.ts";
const worker = "src/roles/worker.ts";
const singles = "src/roles/singles.ts";
const ticker = "src/roles/ticker.ts";
const seat = "src/engines/memory/seat.ts";
const queue = "src/engines/memory/queue.ts";
const sqliteLog = "src/engines/sqlite/log.ts";

export const inRoles: readonly Bug[] = [
  // ---- commit and snapshot
  bug("a changed page of the ledger is not written", [
    ledger,
    "    ledger.pages[n] = page;\n  }\n  ledger.changed.add(n);",
    "    ledger.pages[n] = page;\n    ledger.changed.add(n);\n  }",
  ]),
  bug("calendars are taken one for the other", [
    "src/define/schedule.ts",
    "const key = `${cron} ${timezone}`;",
    "const key = cron;",
  ]),
  bug("who is told of an event is handed that of the others", [
    "src/core/run-event.ts",
    "const whole = { ...withoutCounted(told), id: headline.id, partition, flow };",
    "const whole = Object.assign(told, { id: headline.id, partition, flow });",
  ]),
  bug("a page of the ledger that widens forgets what it knew", [
    "src/core/ledger-page.ts",
    "  for (const [n, array] of arraysOf(page).entries()) arrays[n]?.set(array);\n",
    "",
  ]),
  bug("the commit is torn: tasks are put after it", [
    manager,
    "      const claimed = await store.commit(held.claim, commit);",
    "      const claimed = await store.commit(held.claim, { ...commit, tasks: [] });\n      await engine.queue.put(commit.tasks);",
  ]),
  bug("the commit is torn: events are appended before it", [
    manager,
    "      const claimed = await store.commit(held.claim, commit);",
    "      await log.append(partition, commit.events);\n      const claimed = await store.commit(held.claim, { ...commit, events: [] });",
  ]),
  bug("a commit may go on from any offset", [
    seat,
    "if (seat.offset !== claim.offset)",
    "if (false)",
  ]),
  bug("a commit may come from any epoch", [
    seat,
    "if (seat.holder === undefined || seat.epoch !== claim.epoch)",
    "if (seat.holder === undefined)",
  ]),
  bug("a manager trusts its memory after a failed commit", [
    manager,
    "mine = undefined; // If anything",
    "mine = held; // If anything",
  ]),
  bug("a manager does not say that its queue was lost", [
    manager,
    "    if (queueIsNew) {",
    "    if (false) {",
  ]),

  // ---- workers, queue, log
  bug(
    "a worker acknowledges before it appends",
    [
      outgoing,
      "      try {\n",
      "      try {\n        if (over.length > 0) await queue.ack(worker, over);\n",
    ],
    [
      outgoing,
      "        );\n        if (over.length > 0) await queue.ack(worker, over);",
      "        );",
    ],
  ),
  bug("what could not be appended is forgotten", [
    outgoing,
    "        records = [...written, ...records];\n",
    "",
  ]),
  bug("a worker does what another may be doing still", [
    worker,
    "    if (delivery > 1) {",
    "    if (false) {",
  ]),
  bug("a lease that was lost can be acknowledged", [queue, "      sessions.delete(worker);\n", ""]),
  bug("a release counts as a delivery", [
    queue,
    "        item.deliveries -= 1; // Q4: nobody had it.\n",
    "",
  ]),
  bug(
    "the time of the log may fall",
    [
      "src/engines/memory/log.ts",
      "log.at = Math.max(log.at, Math.floor(clock.now()));",
      "log.at = Math.floor(clock.now());",
    ],
    [
      sqliteLog,
      "const at = Math.max(tail.at, Math.floor(clock.now()));",
      "const at = Math.floor(clock.now());",
    ],
  ),
  bug(
    "a state is written without what these events changed",
    [
      manager,
      "    const decided = decide(state, events);\n",
      "    const puts = takeChanges(state);\n    const decided = decide(state, events);\n",
    ],
    [manager, "    const puts = takeChanges(state);\n    forgetEnded", "    forgetEnded"],
  ),
  bug("an offset is consumed that was not decided", [
    manager,
    "const events = entries.filter(",
    "const events = entries.slice(0, 50).filter(",
  ]),
  bug("a tick that nobody heard is not repeated", [
    ticker,
    "next = told?.wakeAt === wakeAt ? told.until : wakeAt;",
    "next = told?.wakeAt === wakeAt ? Infinity : wakeAt;",
  ]),
  bug("a worker that stops forgets what it had in hand", [
    worker,
    '      for (const { held, triples } of running.giveBack("the worker stops")) {',
    '      for (const { held, triples } of running.giveBack("the worker stops").slice(1)) {',
  ]),
  bug("a worker forgets leases whose items it could not read", [
    worker,
    "    unread = leases; // Until",
    "    unread = []; // Until",
  ]),
  bug("a step whose worker stops is done", [
    singles,
    '        abort(single.attempt, why);\n        end(single, {\n          outcome: "retry-later",\n          delayMs: 0,',
    '        abort(single.attempt, why);\n        end(single, {\n          outcome: "ok",\n          delayMs: 0,',
  ]),
  bug("a task is handed to two", [
    queue,
    "  lane.head += 1;\n",
    "  if (lane.waiting.length > 3 && lane.head === 2) lane.returned.push({ ...item });\n  lane.head += 1;\n",
  ]),
  bug("the list of runs passes over what came while it was written", [
    "src/roles/projector.ts",
    "known = { applied: isDue ? read : at.applied, read, past };",
    "known = { applied: isDue ? read : at.applied, read: read + (rows.size > 1 ? 1 : 0), past };",
  ]),
  bug("the list of runs says what is written of it, and not what the log says since", [
    "src/roles/run-list.ts",
    "return listed(kept, changed, query);",
    "return kept.slice(0, query.limit);",
  ]),
  bug("what a manager hands on is taken, although something before it is missing", [
    "src/roles/news.ts",
    "kept !== undefined && what.from <= kept.end)",
    "kept !== undefined)",
  ]),
  // ---- webhooks
  bug("a courier that comes back does not know what waits", [
    "src/webhooks/known.ts",
    "await scan(noticePrefix)) remember(known, key, readNotice(value));",
    "await scan(noticePrefix)) if (value === key) remember(known, key, readNotice(value));",
  ]),
  bug("a courier is past what it has begun to send, before it is answered", [
    "src/webhooks/places.ts",
    "return Math.min(next, ...open);",
    "return next;",
  ]),
  bug("pages of events go as soon as the first webhook has been through them", [
    "src/webhooks/known.ts",
    "if (!gone.has(name)) all = Math.min(all, reached(place));",
    "if (!gone.has(name)) all = Math.max(...[...places.values()].map(reached));",
  ]),
  bug("webhooks that go down together are tried as if they answered", [
    "src/webhooks/slots.ts",
    '    if (!isOk && health === "well") paidUntil.well += failedMs;\n',
    "",
  ]),
  bug("a webhook hears an event under another id at each try", [
    "src/webhooks/courier.ts",
    "signed(event.id, cloudEvent",
    "signed(`${event.id}-${notice.attempts}`, cloudEvent",
  ]),
];
