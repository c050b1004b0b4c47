/** What a start asks for: checked once, and the same whether it is appended at once or with the transaction of somebody else. */
import { encode, type Json, type Priority } from "../core/event.ts";
import { checkRunId, differenceText, firstDifference } from "../core/ids.ts";
import type { StoredRun } from "../core/stored.ts";
import type { Trace } from "../core/trace.ts";
import { instantOf, type Duration } from "../define/duration.ts";
import type { Flow } from "../define/flow.ts";
import { store } from "../define/json.ts";
import { validate } from "../define/schema.ts";
import { oneOf } from "../define/work.ts";
import { ConflictError, UsageError } from "../errors.ts";

/** When it may begin; at once if nothing is said. At most one of the two. */
export type Delay = {
  /** So long from now. */
  readonly in?: Duration;
  readonly at?: Date;
};

export type Start = Delay & {
  /** Says what makes this run this run: starting it again joins it. */
  readonly id: string;
  /** Runs of different customers share the workers fairly. */
  readonly customer?: string;
  readonly priority?: Priority;
  /** When it should be done, counted from its beginning; overrides the flow's. */
  readonly deadline?: Duration | Date;
  readonly tags?: Readonly<Record<string, string>>;
  /** What to do where the run exists with the same input: join it (default), or reject. With another input it is always rejected. */
  readonly ifExists?: "join" | "reject";
};

export type Asked = {
  readonly id: string;
  /** The record that starts the run. */
  readonly event: (request: string, now: number, trace?: Trace) => string;
  /** Throws ConflictError where the run that has this id is not what was asked for, or may not be joined. */
  readonly join: (run: StoredRun) => void;
};

const priorities: readonly Priority[] = ["low", "normal", "high", "urgent"];

/** Rejects with UsageError where options or input are not what the flow takes. */
export async function askedFor(
  flow: Pick<Flow, "name" | "input">,
  input: unknown,
  options: Start,
): Promise<Asked> {
  const id = checkRunId(options.id);
  const { customer, priority, tags, deadline, ifExists } = options;
  if (priority !== undefined) oneOf(priority, priorities, `priority of run "${id}"`);
  await validate(flow.input, input, `input of run "${id}"`);
  const stored = JSON.parse(store(input, `input of run "${id}"`)) as Json; // oxlint-disable-line typescript/no-unsafe-type-assertion -- the text was checked by store
  return {
    id,
    event(request, now, trace) {
      const beginAt = beginOf(options, now, `run "${id}"`);
      const deadlineAt = instantOf(deadline, beginAt ?? now, `deadline of run "${id}"`);
      return encode({
        type: "run.started",
        run: id,
        flow: flow.name,
        input: stored,
        request,
        ...(customer === undefined ? {} : { customer }),
        ...(priority === undefined ? {} : { priority }),
        ...(deadlineAt === undefined ? {} : { deadlineAt }),
        ...(beginAt === undefined ? {} : { beginAt }),
        ...(tags === undefined ? {} : { tags }),
        ...(trace === undefined ? {} : { trace }),
      });
    },
    join(run) {
      if (run.flow !== flow.name)
        throw new ConflictError(
          `run "${id}" exists as a run of flow "${run.flow}" (yours: "${flow.name}"): choose another id`,
          { details: { run: id } },
        );
      const difference = firstDifference(run.input, stored);
      if (difference !== undefined)
        throw new ConflictError(
          `run "${id}" exists ${differenceText(difference)}: choose another id, or look at it with fanfold show ${id}`,
          { details: { run: id } },
        );
      if (ifExists === "reject")
        throw new ConflictError(`run "${id}" exists: it is ${run.state}`, { details: { run: id } });
    },
  };
}

function beginOf({ in: delay, at }: Delay, now: number, what: string): number | undefined {
  if (delay !== undefined && at !== undefined)
    throw new UsageError(`${what} has both in and at: give one of them`);
  if (delay !== undefined) return instantOf(delay, now, `in of ${what}`);
  return instantOf(at, now, `at of ${what}`);
}
