/** Every bound we impose, with its reason. Sizes in bytes, times in ms, unless the name says otherwise. */
export const limits = {
  /** One result, input or item as JSON. Larger payloads belong in a file store, by reference. */
  payloadBytes: 1_048_576,
  /** Characters of a sub-job's key: it is an index entry and part of a URL. */
  keyLength: 1_024,
  /** Characters of a run's id: it is a file-name-like handle people type. */
  idLength: 200,
  /** Items in one page of a split: a lost split repeats at most one page. */
  pageItems: 1_000,
  /** Items in the first page of a step, at most: its sub-jobs begin once it is written. */
  firstPageItems: 128,
  /** Bytes in one page of a split: reading one item decodes at most this. */
  pageBytes: 262_144,
  /** Sub-jobs of one step. `over` that never ends is stopped here, with an error. */
  subJobs: 20_000_000,
  /** Sub-jobs in one slice: what one task carries. */
  sliceSubJobs: 512,
  /** Sub-jobs in flight per queue at the most, however many slots: a lost queue costs one window. */
  windowSubJobs: 8_192,
  /** Sub-jobs of a step that are set aside because their keys have no room, before it looks no further: 8 bytes each. */
  aside: 65_536,
  /** Keys of a limit that are looked at, per partition, to say how many of them are held: one read of the store. */
  keysLooked: 1_000,
  /** Keys of a limit that are named where it holds something up; of the others it is said how many they are. */
  keysNamed: 5,
  /** Inputs of runs under way, and of sub-jobs to come, that are asked of a flow's schemas, to say whether they fit: the first ones. */
  fitSamples: 1_000,
  /** Records of the log in one reading, of those who follow it. */
  readRecords: 5_000,
  /** The same in characters of them: so much of the log is in memory at once. */
  readBytes: 16_777_216,
  /** Events a manager takes in one tick: bounds the commit. */
  eventsPerTick: 1_000,
  /** Records of the store that one commit removes of expired runs: a run of a million has two thousand, and takes a few commits. */
  removedRecords: 500,
  /** The newest records of a partition that are looked through for removals, when somebody asks: what is removed leaves nothing else. */
  removalsLooked: 5_000,
  /** Timers that go off in one tick: a hundred thousand runs that are due at once are begun in portions, a commit each. */
  wakesPerTick: 1_000,
  /** A tick that is dealt with so late, or earlier, was not missed: a restart or a claim that moves takes less. */
  onTimeMs: 60_000,
  /** Missed ticks that `missed: "all"` makes up for, the latest ones: they are started in one commit. */
  missedTicks: 1_000,
  /** Ticks of a schedule that wait for a run of it to end; of more, the later ones are skipped. */
  queuedTicks: 1_000,
  /** Jobs sent by themselves that are under way at once, per partition; one takes 4 KB, and those that wait for their time or for room a fifth of it. */
  sentAtOnce: 8_192,
  /** Outcomes in one event: bounds what reading one outcome decodes. */
  outcomesPerEvent: 1_000,
  /** Attempts a policy may ask for: one byte per sub-job. */
  attempts: 100,
  /** Crashes of its worker after which a sub-job is poison; one less, and it goes alone. */
  crashes: 3,
  /** So many kills from outside (SIGKILL, out of memory) weigh as much as one crash: they say less about what ran. At most 5. */
  killsPerCrash: 3,
  /** The same of a step or a split. It runs beside others and is never isolated: who takes three workers down must not take it along. */
  stepCrashes: 10,
  /** The same where the process was killed from outside: a split that starts over may need longer than its process lives. */
  stepKills: 100,
  /** Kinds of failures that one answer about all runs lists, the first that are met: what is in others is counted. */
  failedGroups: 1_000,
  /** Runs that are over and looked through for failures, when somebody asks: the newest. */
  endedRunsLooked: 1_000,
  /** Distinct failure signatures kept per step; later ones are counted under the last. */
  failureGroups: 250,
  /** Sample keys kept per failure signature. */
  sampleKeys: 10,
  /** Hours of which statistics know how much was settled. */
  statisticsHours: 336,
  /** The same of days. */
  statisticsDays: 400,
  /** Sub-jobs of a step whose progress is kept: those that spoke last. Written with the step. */
  progress: 64,
  /** Characters of an error's message that are kept. */
  errorLength: 4_096,
  /** Places in the ledger (single sub-jobs, or rows of neighbours) that one decision may name: it is one record on the log. */
  selection: 50_000,
  /** Inputs that one redrive may correct: they are one record on the log. */
  edits: 1_000,
  /** The same of a step, all in all: their places are one record of the store, written when there is one more. */
  editsOfStep: 10_000,
  /** Answers to commands kept per run, by request id. */
  answers: 64,
  /** Things paused at once, per partition: each is in a record that workers read. */
  pauses: 1_000,
  /** How long a manager keeps a partition without a sign of life: below the 5 s in which another one is to serve it. */
  claimMs: 4_000,
  /** How long a worker keeps its tasks without a sign of life. */
  leaseMs: 10_000,
  /** How often a tick re-derives what should be in flight. */
  sweepMs: 30_000,
  /** Distinct keys of `countBy` and `sumBy`. */
  countByKeys: 10_000,
  /** `list(atMost)` and `top(n)`. */
  listItems: 10_000,
  /** Times a listener is told of an event, before it is passed over: about three minutes. */
  listenerAttempts: 10,
  /** How long a listener may take for one event: it holds up nobody but itself. */
  listenerMs: 60_000,
  /** Requests to webhooks at once, all together: each is a socket, and some hang for as long as they may. */
  noticesAtOnce: 100,
  /** The same to webhooks whose last attempt failed, one each: a thousand that are down hold up nobody who is not. */
  noticesAiling: 20,
  /** Requests at once to one webhook: it must not be flooded after it was down. */
  noticesPerWebhook: 4,
  /** Notices that wait for one webhook, per partition; beyond, the oldest is given up. */
  noticesWaiting: 10_000,
  /** Notices that are over and kept to be seen, per webhook and partition: the newest. */
  noticesKept: 100,
  /** Answers kept of one notice: the last. */
  noticeAnswers: 5,
  /** Of a webhook's answer so much is read, and what is more is cut off. */
  noticeReadBytes: 65_536,
  /** And so many characters of it are kept. */
  noticeBodyLength: 1_024,
} as const;
