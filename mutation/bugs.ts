/** The bugs that are planted: each is a search-and-replace on the sources, and a sentence about what it breaks. */

/** In this file this text, which stands there once, becomes that. */
export type Edit = { readonly file: string; readonly find: string; readonly replace: string };

export type Bug = { readonly name: string; readonly edits: readonly Edit[] };

function bug(name: string, ...edits: readonly (readonly [string, string, string])[]): Bug {
  return { name, edits: edits.map(([file, find, replace]) => ({ file, find, replace })) };
}

const advance = "src/core/advance.ts";
const commands = "src/core/commands.ts";
const fanOut = "src/core/fan-out.ts";
const ledger = "src/core/ledger.ts";
const outcomes = "src/core/outcomes.ts";
const partition = "src/core/partition.ts";
const slices = "src/core/slices.ts";
const snapshot = "src/core/snapshot.ts";
const manager = "src/roles/manager.ts";
const outgoing = "src/roles/outgoing.ts";
const splitter = "src/roles/splitter.ts";
const worker = "src/roles/worker.ts";
const seat = "src/engines/memory/seat.ts";
const queue = "src/engines/memory/queue.ts";
const sqliteLog = "src/engines/sqlite/log.ts";
const sqliteStore = "src/engines/sqlite/store.ts";

export const bugs: readonly Bug[] = [
  // ---- outcomes and folds
  bug("a repeated success is folded again", [
    outcomes,
    "  if (!ledgers.isOpen(state)) {\n    countRejected(step, state);\n    return;",
    "  if (!ledgers.isOpen(state)) {\n    countRejected(step, state);\n    if (state !== ledgers.ok) return;",
  ]),
  bug(
    "a success is accepted after the join",
    [
      outcomes,
      "  if (!ledgers.isOpen(state)) {\n    countRejected(step, state);\n    return;",
      "  if (state === ledgers.ok) {\n    countRejected(step, state);\n    return;",
    ],
    [
      ledger,
      "else if (state === retrying) retried += 1;\n      else {",
      "else if (state === retrying) retried += 1;\n      else if (state === cancelled) add(ledger, cancelled, -1), add(ledger, ok, 1);\n      else {",
    ],
  ),
  bug("the failure of an older issue counts", [
    outcomes,
    "state !== ledgers.inFlight || bad.issue !== ledgers.issueOf(ledger, index)",
    "state !== ledgers.inFlight",
  ]),
  bug("a retry counts as an outcome", [
    ledger,
    "return count(ledger, waiting) + count(ledger, inFlight) + count(ledger, retrying);",
    "return count(ledger, waiting) + count(ledger, inFlight);",
  ]),
  bug("a redrive opens what succeeded", [
    fanOut,
    "ledgers.forEachIn(step.ledger, ledgers.isFailure, (index)",
    "ledgers.forEachIn(step.ledger, (state) => !ledgers.isOpen(state), (index)",
  ]),
  bug("a step takes the result of the generation before", [
    partition,
    'step.kind === "fan-out" || event.generation !== step.generation',
    'step.kind === "fan-out"',
  ]),

  // ---- split, seal, join
  bug("the splitter does not wait for its last pages before the seal", [
    splitter,
    "      await Promise.all(flying);\n",
    "",
  ]),
  bug("a seal counts before the last page", [
    fanOut,
    "step.ledger.total !== undefined || event.total !== step.ledger.size",
    "step.ledger.total !== undefined",
  ]),
  bug("a page counts wherever it begins", [
    fanOut,
    "ledger.total !== undefined || event.from !== ledger.size",
    "ledger.total !== undefined",
  ]),
  bug("pages of an older split count", [
    fanOut,
    'const expected = step.main.state === "in-flight" && event.issue === step.main.issue;\n  if (!expected || ledger.total',
    'const expected = step.main.state === "in-flight";\n  if (!expected || ledger.total',
  ]),
  bug("a key that is known runs again", [
    splitter,
    "if (index === undefined) return take(item, key);",
    "return take(item, key);",
  ]),
  bug("the row of the key index that a merge makes is lost", [
    "src/core/key-index.ts",
    "return [...removed, ...puts.filter(([, bytes]) => bytes.length > 0)];",
    "return [...removed, ...puts.filter(([, bytes]) => bytes.length > 0).slice(1)];",
  ]),
  bug("the join does not wait for the seal", [
    ledger,
    "return ledger.total !== undefined && open(ledger) === 0;",
    "return ledger.size > 0 && open(ledger) === 0;",
  ]),
  bug("the join is not remembered", [
    advance,
    'if (step.state !== "running" || run.at !== position || !ledgers.isSettled(step.ledger)) return;',
    "if (!ledgers.isSettled(step.ledger)) return;",
  ]),
  bug("a run that is started twice begins twice", [
    partition,
    "  if (state.runs.has(event.run)) return; // The id",
    "  // The id",
  ]),

  // ---- the window, losses, time
  bug("the window leaks when a worker is lost", [
    advance,
    "  pool.inFlight += ledgers.count(step.ledger, ledgers.inFlight) - before;",
    '  if (event.type !== "task.lost") pool.inFlight += ledgers.count(step.ledger, ledgers.inFlight) - before;',
  ]),
  bug("the window leaks when a sub-job fails", [
    advance,
    "  pool.inFlight += ledgers.count(step.ledger, ledgers.inFlight) - before;",
    '  pool.inFlight += ledgers.count(step.ledger, ledgers.inFlight) - before + (event.type === "sub-jobs.settled" ? (event.bad?.length ?? 0) : 0);',
  ]),
  bug("the window leaks when a run is cancelled", [
    commands,
    "    changeFanOut(state, run, position, event, decided, (_, fanOut) => {\n      cancelled += fanOuts.cancelRest(fanOut);\n    });",
    '    if (step.kind === "fan-out") cancelled += fanOuts.cancelRest(step);',
  ]),
  bug("what was lost is not put again", [
    fanOut,
    "  ledgers.reissue(ledger, index, { crashes });\n  queue(step, index);",
    "  ledgers.reissue(ledger, index, { crashes });",
  ]),
  bug("the loss of an older issue counts", [
    fanOut,
    "const counts = ledgers.issueOf(ledger, index) === triples[t + 2];",
    "const counts = true;",
  ]),
  bug("a crash is not counted", [
    fanOut,
    "losses.add(ledgers.lossesOf(ledger, index), why);",
    "ledgers.lossesOf(ledger, index);",
  ]),
  bug("suspects go together", [
    fanOut,
    "(ledgers.isSuspect(step.ledger, index) ? step.suspects : step.again).push(index);",
    "step.again.push(index);",
  ]),
  bug("there is no sweep", [slices, "if (first.at + patienceMs > event.at) break;", "break;"]),
  bug("timers are lost by a restart", [
    snapshot,
    "    arm(state, run, position);\n  }\n  return run;",
    "  }\n  return run;",
  ]),
  bug("retries are lost by a restart", [
    slices,
    "if (state === ledgers.retrying) step.retries.push(ledgers.dueAtOf(ledger, index), index);",
    "if (state === ledgers.retrying) return;",
  ]),
  bug("the partition does not ask for the time", [
    manager,
    "wakeAt: wakeAt(state),",
    "wakeAt: undefined,",
  ]),
  bug("a cancelled run leaves its sub-jobs open", [
    commands,
    "      cancelled += fanOuts.cancelRest(fanOut);\n",
    "      cancelled += fanOut.ledger.size;\n",
  ]),
  bug("workers go on with a run that was cancelled", [
    worker,
    "if (live !== undefined) continue;",
    "continue;",
  ]),

  // ---- commit and snapshot
  bug("a changed page of the ledger is not written", [
    ledger,
    "    ledger.pages[n] = page;\n  }\n  ledger.changed.add(n);",
    "    ledger.pages[n] = page;\n    ledger.changed.add(n);\n  }",
  ]),
  bug("the commit is torn: tasks are put after it", [
    manager,
    "        tasks: decided.tasks,\n        wakeAt: wakeAt(state),\n      });",
    "        tasks: [],\n        wakeAt: wakeAt(state),\n      });\n      await engine.queue.put(decided.tasks);",
  ]),
  bug(
    "the commit is torn: events are appended before it",
    [
      manager,
      "      const claimed = await store.commit(held.claim, {",
      "      await log.append(partition, decided.events.map((event) => encode(event)));\n      const claimed = await store.commit(held.claim, {",
    ],
    [
      manager,
      "        events: decided.events.map((event) => encode(event)),\n",
      "        events: [],\n",
    ],
  ),
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
  bug("records are shown before they are durable", [
    sqliteLog,
    "const end = ahead ? endOf(partition) : durable;",
    "const end = endOf(partition);",
  ]),
  bug(
    "tasks are handed out before their commit is durable",
    [sqliteStore, "        queue.add(commit.tasks);\n", ""],
    [
      sqliteStore,
      "      await writer.write([...appending.writes, ...puts, advance], () => {",
      "      queue.add(commit.tasks);\n      await writer.write([...appending.writes, ...puts, advance], () => {",
    ],
  ),
];
