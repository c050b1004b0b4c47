/** Bugs in the SQLite engine, which no simulator sees: syncs, the order of what is told and what is durable, who owns the file. */
import { bug, bugFor, type Bug } from "../bug.ts";

const file = "src/engines/sqlite/file.ts";
const log = "src/engines/sqlite/log.ts";
const owner = "src/engines/sqlite/owner.ts";
const store = "src/engines/sqlite/store.ts";
const transaction = "src/engines/sqlite/transaction.ts";
const writer = "src/engines/sqlite/writer.ts";

export const inEngines: readonly Bug[] = [
  bugFor(
    ["torture power"],
    "a commit is not synced",
    [file, "pragma synchronous = full;", "pragma synchronous = normal;"],
    [file, "|| synchronous !== 2)", "|| synchronous === 0)"],
  ),
  bugFor(["torture power", "torture kill"], "what is to be written is told as written", [
    writer,
    "    try {\n      transact(writes);\n    } catch (error) {\n      fail(error);\n      return;\n    }\n    finish();\n",
    "    finish();\n    setTimeout(() => transact(writes), 20);\n",
  ]),
  bugFor(
    ["torture io"],
    "a process goes on after an error of its disk",
    [writer, "    ended = failed;\n", ""],
    [writer, "    onFatal(failed);\n", ""],
  ),
  bug("records are shown before they are durable", [
    log,
    "let end = ahead ? endOf(partition) : durable;",
    "let end = endOf(partition);",
  ]),
  bug("a record is forgotten before it is durable", [
    log,
    "if (tail.bytes <= bound * 0.75 || offset >= tail.durable) break;",
    "if (tail.bytes <= bound * 0.75) break;",
  ]),
  bug(
    "tasks are handed out before their commit is durable",
    [store, "        queue.add(commit.tasks);\n", ""],
    [
      store,
      "      await writer.write([...appending.writes, ...puts, advance], () => {",
      "      queue.add(commit.tasks);\n      await writer.write([...appending.writes, ...puts, advance], () => {",
    ],
  ),
  bug("a commit is two transactions", [
    store,
    "      await writer.write([...appending.writes, ...puts, advance], () => {",
    "      await writer.write(puts);\n      await writer.write([...appending.writes, advance], () => {",
  ]),
  bug("what was read of a lost log is written down", [
    "src/engines/memory/checks.ts",
    "if (past !== undefined && past !== current)",
    "if (past !== undefined && current === undefined)",
  ]),
  bug("two processes may own a file", [owner, 'db.exec("begin exclusive");', 'db.exec("begin");']),
  bug("an epoch is not kept across a restart", [
    store,
    'const epoch = numberIn(row, "epoch");',
    "const epoch = 0;",
  ]),
  bug("a transaction does not check what it changed", [
    transaction,
    'new Set<Name>(["trim", "seat", "advance", "view"])',
    "new Set<Name>()",
  ]),
  bug("the wall clock is believed at once", [
    "src/engines/system.ts",
    "if (drift > toleranceMs) time += elapsed + Math.min(drift, elapsed);",
    "if (drift > toleranceMs) time += elapsed + drift;",
  ]),
];
