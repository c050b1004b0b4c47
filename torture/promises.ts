/** What is promised, in the manual's words, and what looks whether it holds. Every path is one that exists: the renderer refuses others. */

export type Net = "check" | "sim" | "torture" | "contract";

export type Promise = {
  readonly id: string;
  readonly text: string;
  /** Tools whose every run would see it broken. */
  readonly nets: readonly Net[];
  /** Ways to do harm that are aimed at it. */
  readonly harm?: readonly string[];
  readonly tests: readonly string[];
  /** What is not promised, or not looked at yet. */
  readonly but?: string;
};

export const promises: readonly Promise[] = [
  {
    id: "G1",
    text: "Acknowledged is durable: a start that resolved is in the log, once, after any fault.",
    nets: ["check", "sim", "torture"],
    harm: ["kill", "power", "io", "full"],
    tests: ["test/app/starting.test.ts", "src/contract/log.ts"],
  },
  {
    id: "G2",
    text: "Starting is idempotent: the same id and input join the run, another input is refused.",
    nets: ["check", "sim"],
    tests: ["test/app/starting.test.ts"],
  },
  {
    id: "G3",
    text: "Each sub-job is folded exactly once; later outcomes are counted and ignored.",
    nets: ["check", "sim", "torture"],
    harm: ["kill", "pause"],
    tests: ["src/core/outcomes.test.ts", "src/core/ledger.property.test.ts"],
  },
  {
    id: "G4",
    text: "The join fires once per generation, complete, and its counts add up.",
    nets: ["check", "sim", "torture"],
    harm: ["kill", "pause", "power"],
    tests: [
      "src/core/join.test.ts",
      "src/core/split.test.ts",
      "src/core/partition.property.test.ts",
    ],
  },
  {
    id: "G5",
    text: "A worker whose lease ended can only bring the first success of what is still open.",
    nets: ["sim", "contract", "torture"],
    harm: ["pause"],
    tests: ["src/contract/queue.ts", "src/core/loss.test.ts"],
  },
  {
    id: "G6",
    text: "Attempts are counted without gaps, and there are no more than the retries allow.",
    nets: ["check", "sim"],
    tests: ["src/core/outcomes.test.ts", "src/core/retry.test.ts"],
    but: "the checker knows no definitions: it sees gaps and issues that never were, not how many a flow allows",
  },
  {
    id: "G7",
    text: "Execution is at least once: what was folded as a success ran.",
    nets: ["check", "torture"],
    harm: ["kill", "power"],
    tests: ["src/check/check.test.ts"],
  },
  {
    id: "G8",
    text: "One writer per partition: a manager that was replaced changes nothing.",
    nets: ["sim", "contract", "torture"],
    harm: ["pause"],
    tests: ["src/contract/store.ts", "test/engines/postgres-faults.test.ts"],
    but: "on SQLite one process owns the file: torture sees a second owner refused while the first stands still, and never two managers",
  },
  {
    id: "G9",
    text: "The queue may be lost: all that is open is offered again.",
    nets: ["sim", "torture"],
    harm: ["kill", "power"],
    tests: ["src/core/loss.test.ts"],
  },
  {
    id: "G10",
    text: "Replay is exact: what the manager keeps is what the log says.",
    nets: ["check", "sim"],
    harm: ["kill", "power", "io"],
    tests: ["src/core/snapshot.test.ts"],
    but: "the checker folds states and counts; what folds of users add up to is judged in torture and in the simulator",
  },
  {
    id: "G11",
    text: "Time comes from the log, never goes back, and does not jump with the wall clock.",
    nets: ["check", "sim", "torture"],
    harm: ["clock"],
    tests: ["src/engines/system.test.ts"],
    but: "a process that starts under a wrong clock begins with it",
  },
  {
    id: "G12",
    text: "When faults stop, everything that was acknowledged ends.",
    nets: ["sim", "torture"],
    harm: ["kill", "pause", "power", "io", "full", "clock"],
    tests: ["src/core/liveness.property.test.ts"],
  },
  {
    id: "G13",
    text: "Cancel is final: nothing new begins, and the run ends once.",
    nets: ["check", "sim"],
    tests: ["src/core/commands.test.ts"],
  },
  {
    id: "G14",
    text: "Webhooks are at least once, signed, after the fact.",
    nets: ["sim"],
    tests: [
      "test/app/webhooks.test.ts",
      "src/webhooks/courier.test.ts",
      "src/webhooks/request.test.ts",
    ],
    but: "torture has none: who sends is killed in the simulator only",
  },
  {
    id: "G15",
    text: "What is shown is derived: the list of runs is a fold of the log, counts add up to the total.",
    nets: ["check", "sim"],
    tests: ["src/contract/views.ts"],
  },
  {
    id: "G16",
    text: "Nothing of another namespace can be read or changed.",
    nets: [],
    tests: [],
    but: "there are no namespaces yet",
  },
  {
    id: "G17",
    text: "Fail-stop: after an error of its storage the process acknowledges nothing more, and ends.",
    nets: ["torture"],
    harm: ["io", "full"],
    tests: ["test/engines/sqlite.test.ts"],
    but: "SQLite does not tell of an error in a checkpoint: it keeps its WAL, synced by every commit, and copies all of it again",
  },
  {
    id: "G18",
    text: "No poison: what is accepted can be stored and read back.",
    nets: ["sim", "contract"],
    tests: [
      "src/define/json.test.ts",
      "src/core/halt.test.ts",
      "test/fuzz/stored.test.ts",
      "test/fuzz/http.test.ts",
    ],
  },
  {
    id: "G19",
    text: "No record is skipped: offsets are dense.",
    nets: ["check", "contract"],
    harm: ["kill", "power"],
    tests: ["src/contract/log.ts"],
  },
  {
    id: "G20",
    text: "Damage is noticed, as far as SQLite notices it.",
    nets: ["check", "torture"],
    harm: ["flip"],
    tests: ["test/engines/sqlite-file.test.ts", "test/fuzz/stored.test.ts"],
    but: "pages have no checksum: the table of flipped bits says how many go unnoticed, and where",
  },
];
