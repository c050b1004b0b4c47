/** What webhooks want to hear: each wish once, for there may be a thousand who want the same. */
import { toldOf, wholeOf, type Headline, type RunEvent } from "../core/run-event.ts";
import { hears, type Heard } from "../define/listener.ts";
import type { Webhook } from "../define/webhook.ts";
import type { About } from "../roles/about.ts";

/** And who has it. */
export function wishesOf(
  webhooks: Iterable<Webhook>,
): readonly (readonly [wish: Heard, of: readonly string[]])[] {
  const all = new Map<string, [Heard, string[]]>();
  for (const { name, heard } of webhooks) {
    const { types, flows } = heard;
    const same = JSON.stringify([types && [...types], flows && [...flows]]);
    const mine = all.get(same);
    if (mine === undefined) all.set(same, [heard, [name]]);
    else mine[1].push(name);
  }
  return [...all.values()];
}

/** Events that somebody wants, as they are told. */
export async function wantedOf(
  events: readonly Headline[],
  wishes: readonly Heard[],
  about: About,
  partition: number,
): Promise<readonly RunEvent[]> {
  const all: RunEvent[] = [];
  for (const event of events) {
    if (!wishes.some(({ types }) => types?.has(event.type) !== false)) continue;
    const known = about(toldOf(event));
    const whole = wholeOf(event, partition, known instanceof Promise ? await known : known);
    if (wishes.some((heard) => hears(heard, whole))) all.push(whole);
  }
  return all;
}
