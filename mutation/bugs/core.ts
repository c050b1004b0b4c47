/** Bugs in what is decided: outcomes, splits, joins, the window, commands, time. */
import { bug, type Bug } from "../bug.ts";

const advance = "src/core/advance.ts";
const closing = "src/core/closing.ts";
const deadlines = "src/core/deadlines.ts";
const fanOut = "src/core/fan-out.ts";
const ledger = "src/core/ledger.ts";
const outcomes = "src/core/outcomes.ts";
const partition = "src/core/partition.ts";
const slices = "src/core/slices.ts";
const snapshot = "src/core/snapshot.ts";
const manager = "src/roles/manager.ts";
const splitter = "src/roles/splitter.ts";
const worker = "src/roles/worker.ts";

export const inCore: readonly Bug[] = [
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
    "bad.issue !== ledgers.issueOf(ledger, index)",
    "bad.issue > ledgers.issueOf(ledger, index)",
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
    "return [...removed, ...puts.filter(([, part]) => part.length > 0)];",
    "return [...removed, ...puts.filter(([, part]) => part.length > 0).slice(1)];",
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
    "  if (existing !== undefined) return; // The id",
    "  // The id",
  ]),

  // ---- the window, losses, time
  bug("the window leaks when a worker is lost", [
    advance,
    "  pool.inFlight += more;",
    '  if (event.type !== "task.lost") pool.inFlight += more;',
  ]),
  bug("the window leaks when a sub-job fails", [
    advance,
    "  pool.inFlight += more;",
    '  pool.inFlight += more + (event.type === "sub-jobs.settled" ? (event.bad?.length ?? 0) : 0);',
  ]),
  bug("the window leaks when a run is cancelled", [
    closing,
    "    changeFanOut(state, run, position, event, decided, (_, fanOut) => {\n      cancelled += fanOuts.cancelAll(fanOut, event);\n    });",
    '    if (step.kind === "fan-out") cancelled += fanOuts.cancelAll(step, event);',
  ]),
  bug("a failure from before a cancel counts after it was taken back", [
    fanOut,
    '  loseAll(step, "queue", event);\n  const cancelled',
    "  const cancelled",
  ]),
  bug("a split that a cancel ended is taken for a whole one", [
    fanOut,
    '  if (state !== "ok" && state !== "failed") step.main.state = "waiting";',
    "",
  ]),
  bug("what a cancel took stays cancelled when it is taken back", [
    "src/core/reopening.ts",
    "opened += fanOuts.openCancelled(one);",
    "opened += 0;",
  ]),
  bug("a corrected input is not worked on", [
    slices,
    "      ...(edited === undefined ? {} : { edited }),\n",
    "",
  ]),
  bug("a success on an input that was corrected since counts", [
    "src/core/edits.ts",
    "edits !== undefined && issue < ",
    "edits !== undefined && issue < 0 * ",
  ]),
  bug("where corrected inputs stand is not stored", [
    "src/core/edits.ts",
    "  puts.push([storeKeys.edits(run, name), JSON.stringify(edits.triples)]);\n",
    "",
  ]),
  bug(
    "a corrected input is stored of every sub-job that is redriven with it, and not of those it names",
    ["src/core/edits.ts", "    if (!chosen.has(index)) continue;\n", ""],
  ),
  bug("corrected inputs are forgotten at a restart", [
    snapshot,
    "  step.edits = restoreEdits(records.edits);\n",
    "",
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
    "fifos.push(ledgers.isSuspect(step.ledger, index) ? step.suspects : step.again, index);",
    "fifos.push(step.again, index);",
  ]),
  bug("there is no sweep", [slices, "if (first.at + patienceMs > event.at) break;", "break;"]),
  bug("timers are lost by a restart", [
    snapshot,
    "    arm(state, run, position);\n  }\n  watchRun(",
    "  }\n  watchRun(",
  ]),
  bug("retries are lost by a restart", [
    slices,
    "    if (state === ledgers.retrying) heaps.push(step.retries, ledgers.dueAtOf(ledger, index), index);",
    "    if (state === ledgers.retrying) return;",
  ]),
  bug("the partition does not ask for the time", [
    manager,
    "wakeAt: wakeAt(state),",
    "wakeAt: undefined,",
  ]),
  bug("a cancelled run leaves its sub-jobs open", [
    closing,
    "      cancelled += fanOuts.cancelAll(fanOut, event);\n",
    "      cancelled += fanOut.ledger.size;\n",
  ]),
  bug("workers go on with a run that was cancelled", [
    worker,
    "here.filter((_, n) => live[n] === undefined)",
    "here.filter(() => false)",
  ]),
  bug("an attempt that failed is not counted", [
    outcomes,
    '(bad.outcome === "retry-later" ? 0 : 1);',
    "0;",
  ]),
  bug("a retry goes at once", [
    outcomes,
    "const dueAt = event.at + delayMs;",
    "const dueAt = event.at;",
  ]),
  bug(
    "a step that begins again forgets what it had folded",
    [
      advance,
      'import { foldsProblem } from "./fold.ts";',
      'import { foldsProblem, startFolds } from "./fold.ts";',
    ],
    [
      advance,
      "    ledgers.unseal(step.ledger);\n",
      '    ledgers.unseal(step.ledger);\n    if (plan.kind === "fan-out" && plan.folds !== undefined) step.folds = startFolds(plan.folds);\n',
    ],
  ),
  bug("a result lands at the place of its neighbour", [
    outcomes,
    "results[position] ?? null",
    "results[position === 1 ? 0 : position] ?? null",
  ]),
  bug("a run ends although a step is left", [
    advance,
    "  run.at += 1;\n",
    "  run.at += run.steps.length > 2 ? 2 : 1;\n",
  ]),
  bug("what was tolerated is not", [
    "src/core/join.ts",
    "if (failed <= tolerate.count) return undefined;",
    "if (failed < tolerate.count || failed === 0) return undefined;",
  ]),
  // ---- pauses, deadlines, adjustments
  bug("a paused step is put all the same", [
    advance,
    "if (isMainPaused(state, run, plan)) {",
    "if (isMainPaused(state, run, step) && step.main.attempts > 99) {",
  ]),
  bug("a paused job is put all the same", [
    "src/core/window.ts",
    "if (lane.paused || !hasWork(lane)) return 0;",
    "if (!hasWork(lane)) return 0;",
  ]),
  bug("what was paused is not put when it is resumed", [
    "src/core/pausing.ts",
    'if (step.state === "running" && step.main.state === "waiting")',
    'if (step.state === "running" && step.main.state === "failed")',
  ]),
  bug("an older word about pauses is taken over", [
    "src/core/pausing.ts",
    "  if (event.version <= pauses.version) return;\n",
    "",
  ]),
  bug("pauses are lost by a restart", [
    "src/core/snapshot.ts",
    "if (changed.pauses) puts.push(",
    "if (changed.pauses && state.pauses.version > 9) puts.push(",
  ]),
  bug("a deadline is said again after a restart", [
    snapshot,
    '    ...optional("lateAt", run.lateAt),\n',
    "",
  ]),
  bug("the deadline of a step closes, where it should cancel", [
    deadlines,
    'if (atDeadline === "close") closeStep(',
    'if (atDeadline !== "go on") closeStep(',
  ]),
  bug("what was adjusted is lost by a restart", [
    snapshot,
    "  step.adjusted = stored.adjusted ?? {};\n",
    "",
  ]),
  bug("a job's limit forgets what is in flight after a restart", [
    snapshot,
    "  for (const throttle of lane.throttles) throttle.inFlight += flying;\n",
    "",
  ]),
  bug("a rate is full again after a restart", [
    "src/core/state.ts",
    "  Object.assign(own, state.tokens.get(name));\n",
    "",
  ]),
  bug("a pace that people have set is for nothing", [
    "src/core/state.ts",
    "  return [throttleOf(state, plan.job), ...shared, paceOf(state, run, step)].filter(",
    "  return [throttleOf(state, plan.job), ...shared].filter(",
  ]),
  bug("a limit that jobs share is for nothing", [
    "src/core/state.ts",
    "  return [throttleOf(state, plan.job), ...shared, paceOf(state, run, step)].filter(",
    "  return [throttleOf(state, plan.job), paceOf(state, run, step)].filter(",
  ]),
  bug("a key that has no room is put all the same", [
    "src/core/keyed.ts",
    "    if (roomIn(key, at) < 1) {\n      waitFor(limit, hash, key, lane);\n      return false;\n    }\n",
    "",
  ]),
  bug("what comes back of a key is not told to those who wait for it", [
    "src/core/keyed.ts",
    "    if (key.waiting.size > 0) limit.freed.add(hash);\n",
    "",
  ]),
  bug("who waits for the rate of a key is not woken", [
    "src/core/keyed.ts",
    "  if (at !== undefined) heaps.push(limit.due, at, hash);\n",
    "",
  ]),
  bug("a key forgets what is in flight after a restart", [
    "src/core/keyed.ts",
    "  countKeys(step, limit);\n}",
    "}",
  ]),
  bug("the rate of a key is full again after a restart", [
    "src/core/stored-limits.ts",
    "    for (const hash of spent) puts.push([",
    "    for (const hash of []) puts.push([",
  ]),
  bug("the keys of sub-jobs are lost by a restart", [
    snapshot,
    "  restoreLimitKeys(step, records.limitKeys);\n",
    "",
  ]),
  bug("a Retry-After of a key is for nothing", [
    "src/core/keyed.ts",
    "  hold(keyIn(limit, hash), until);\n",
    "",
  ]),
  bug("what was set aside is passed over by a restart", [
    "src/core/keyed.ts",
    "  while (step.next < keyed.scan && !isFirst(step, step.next)) step.next += 1;\n",
    "  step.next = keyed.scan;\n",
  ]),
  bug("who waits for room under a limit does not come back", [
    "src/core/state.ts",
    "    for (const lane of lanes) offer(",
    "    for (const lane of lanes.slice(1)) offer(",
  ]),
  bug("a job that was told to wait is put all the same", [
    "src/core/throttle.ts",
    "  if (at < of.heldUntil) return 0;\n",
    "",
  ]),
  // ---- traces
  bug("a run that is restored has lost its trace", [
    snapshot,
    "    trace: stored.trace,\n",
    "    trace: undefined,\n",
  ]),
];
