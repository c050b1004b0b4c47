/** The public door: what a program that uses Fanfold imports. */
export { app } from "./app/app.ts";
export type { ScheduleHandle, ScheduleStatus } from "./app/schedules.ts";
export type { Became, Decided, Selected } from "./app/selecting.ts";
export type { App, AppDefinition, Delay, Start } from "./app/app.ts";
export type { Part } from "./app/parts.ts";
export type { By, Everywhere, RedriveBy } from "./app/deciding.ts";
export type { EditInput } from "./app/editing.ts";
export type { Tailing } from "./app/events.ts";
export type { HistoryOf } from "./app/history.ts";
export type { HistoryEvent } from "./roles/history.ts";
export type { Adjust, Following, Matched, OfStep, Run, Where } from "./app/run.ts";
export type { ExportQuery } from "./roles/export.ts";
export type { SqlTransaction, StartedWithin, Within } from "./app/within.ts";
export type { Listen, WorkOptions } from "./app/work.ts";
export type { NoticeQuery, Webhooks, WebhookStatus, WhichNotices } from "./webhooks/ledger.ts";
export type { Ctx, Log } from "./define/ctx.ts";
export type { Duration, Percent, RateText } from "./define/duration.ts";
export { eventStream } from "./api/event-stream.ts";
export type { EventStreamOptions } from "./api/event-stream.ts";
export { flow, paged } from "./define/flow.ts";
export type { Flow, FlowChain, Items, Joined, Page, Pages } from "./define/flow.ts";
export type { Fold, Folds } from "./define/folds.ts";
export { job } from "./define/job.ts";
export type { Job } from "./define/job.ts";
export { limit } from "./define/limit.ts";
export type { Limit } from "./define/limit.ts";
export { listener } from "./define/listener.ts";
export type { EventOf, Listener } from "./define/listener.ts";
export { webhook } from "./define/webhook.ts";
export type { Webhook } from "./define/webhook.ts";
export { schedule } from "./define/schedule.ts";
export type { Schedule, ScheduleDefinition, Tick } from "./define/schedule.ts";
export { unique } from "./define/unique.ts";
export type { Due, Kept, Retry, Work } from "./define/work.ts";
export {
  ConflictError,
  CorruptError,
  FanfoldError,
  FatalError,
  LeaseLostError,
  NotFoundError,
  RetryLaterError,
  RunEndedError,
  SkipError,
  UnavailableError,
  UsageError,
} from "./errors.ts";
export type { ErrorCode } from "./errors.ts";
export type { Json, Outcome, Priority, RunState } from "./core/event.ts";
export type { Answer, Notice, NoticeState } from "./core/notice.ts";
export type { RunEvent, RunEventType } from "./core/run-event.ts";
export type { RunQuery, RunRow } from "./ports/views.ts";
export type {
  AttemptRecord,
  ExportedSubJob,
  FailureGroup,
  Pause,
  PauseOf,
  Progress,
  Status,
  StepStatus,
  EditRecord,
  SubJobRecord,
} from "./views/status.ts";
export type {
  LogReaderStatus,
  PartitionStatus,
  QueueStatus,
  Standing,
  WorkerStatus,
} from "./roles/standing.ts";
export type { Removal, RetentionStatus } from "./roles/removals.ts";
export type { Tracing } from "./roles/tracing.ts";
export type { Known, StatisticsOf } from "./roles/statistics.ts";
export type { Durations, Statistics } from "./views/statistics.ts";
export type { Cost } from "./core/plan.ts";
export type { FailedGroup, FailedIn, FailureQuery, Failures } from "./views/failures.ts";
export type { FlowFit, Misfit } from "./views/fit.ts";
export type { LimitStatus } from "./views/limits.ts";
export type { Cause, Why } from "./views/why.ts";
