/**
 * Other programs, which are told by webhooks: what they got is looked at from outside.
 *
 * A receiver may not answer the first time it is asked, and its answer may be lost with the process that waits for it.
 */
import { createHmac } from "node:crypto";
import type { RunEvent } from "../core/run-event.ts";
import { webhook, type Webhook } from "../define/webhook.ts";
import type { Clock } from "../ports/clock.ts";
import type { Engine } from "../ports/engine.ts";
import { aboutRuns } from "../roles/about.ts";
import type { Host } from "../roles/host.ts";
import type { Manager } from "../roles/manager.ts";
import type { News } from "../roles/news.ts";
import { courier } from "../webhooks/courier.ts";
import { reader } from "../webhooks/kept.ts";
import type { Post } from "../webhooks/post.ts";
import { slots } from "../webhooks/slots.ts";
import type { Draw } from "./draw.ts";
import type { Users } from "./program.ts";
import type { Witness } from "./witness.ts";

/** Under which name the couriers read the log. */
export const courierName: string = reader;

const secret = Buffer.alloc(32, 7);
const ends: readonly string[] = ["run.ended", "run.held"];

/** One wants to hear of everything, the other of ends. */
const webhooks: ReadonlyMap<string, Webhook> = new Map(
  [
    webhook("all", {
      url: "https://all.example/",
      secrets: [`whsec_${secret.toString("base64")}`],
    }),
    webhook("ends", {
      url: "https://ends.example/",
      secrets: [`whsec_${secret.toString("base64")}`],
      events: ["run.ended", "run.held"],
    }),
  ].map((one) => [one.name, one]),
);

export function hasReceivers(draw: Draw): boolean {
  return draw.chance(0.4, "webhooks");
}

type Place = {
  readonly engine: Engine;
  readonly clock: Clock;
  readonly host: Host;
  readonly news: News;
  readonly managers: readonly Manager[];
  readonly users: Users;
};

/** The couriers of one process. */
export function send({ engine, clock, host, news, managers, users }: Place): void {
  const { draw, witness, calm } = users;
  const turns = slots(clock);
  const post: Post = async (to, { headers, body }) => {
    const began = clock.now();
    const { host: name } = new URL(to.url);
    const id = `${name} ${headers["webhook-id"]}`;
    const answer = (said: { readonly status: number }) => ({
      at: clock.now(),
      ms: clock.now() - began,
      ...said,
    });
    await clock.sleep(draw.unit(id, "way") * 50);
    const isFirst = witness.begin(id) === 1;
    // A receiver that cannot verify it has not heard it.
    if (!isSound(headers, body)) return answer({ status: 400 });
    if (!calm && isFirst && draw.chance(0.1, id, "busy")) return answer({ status: 503 });
    witness.end(id);
    await clock.sleep(draw.unit(id, "back") * 50);
    return answer({ status: 204 });
  };
  for (let partition = 0; partition < engine.partitions; partition += 1)
    host.add(
      courier({
        app: "sim",
        engine,
        clock,
        news,
        about: aboutRuns(engine),
        partition,
        webhooks,
        post,
        slots: turns,
        mayTell: () => managers[partition]?.isHolder() === true,
        onTrouble: () => undefined,
      }),
    );
}

/** As a receiver checks it that has only the convention: it is signed, and its envelope has the id that its header has. */
function isSound(headers: Readonly<Record<string, string>>, body: string): boolean {
  const { "webhook-id": id, "webhook-timestamp": at, "webhook-signature": signature } = headers;
  const expected = `v1,${createHmac("sha256", secret).update(`${id}.${at}.${body}`).digest("base64")}`;
  return signature === expected && (JSON.parse(body) as { readonly id: string }).id === id; // oxlint-disable-line typescript/no-unsafe-type-assertion -- a CloudEvent has one
}

/** What became of the events of one partition, those since its courier stood: each was heard, under its own id and no other. */
export function judgeReceived(
  events: readonly RunEvent[],
  { begun, ended }: Pick<Witness, "begun" | "ended">,
  calm: boolean,
): readonly string[] {
  const violations: string[] = [];
  for (const { id, type, run } of events)
    for (const name of webhooks.keys()) {
      const times = ended(`${name}.example ${id}`);
      const isWanted = name === "all" || ends.includes(type);
      if (isWanted && times === 0)
        violations.push(`webhook ${name} never heard ${type} of ${run}, ${id}`);
      if (!isWanted && begun(`${name}.example ${id}`) > 0)
        violations.push(`webhook ${name} was told ${id}, which it does not want`);
      if (calm && times > 1)
        violations.push(`without a fault webhook ${name} was told ${id} twice`);
    }
  return violations;
}
