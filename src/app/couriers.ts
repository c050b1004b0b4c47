/** Webhooks of the app's parts, while it works: a courier per partition. */
import type { Webhook } from "../define/webhook.ts";
import { courier } from "../webhooks/courier.ts";
import { post as realPost, type Post } from "../webhooks/post.ts";
import { slots as newSlots } from "../webhooks/slots.ts";
import { begin, type Place, type Told } from "./listeners.ts";
import type { LogTo } from "./logging.ts";

export function send(
  place: Place,
  app: string,
  webhooks: ReadonlyMap<string, Webhook>,
  log: LogTo,
  post: Post = realPost(place.clock),
): Pick<Told, "begun" | "end"> {
  const { engine, clock, host, news, about, isHolder } = place;
  const slots = newSlots(clock);
  const roles = Array.from(
    { length: webhooks.size === 0 ? 0 : engine.partitions },
    (_, partition) =>
      courier({
        app,
        engine,
        clock,
        news,
        about,
        partition,
        webhooks,
        post,
        slots,
        mayTell: () => isHolder(partition),
        onTrouble: (what) => log("warn", what, {}),
      }),
  );
  let isOver = false;

  return {
    begun: begin(host, roles, () => isOver),
    async end() {
      isOver = true;
      slots.end();
      for (const role of roles) {
        role.end();
        await host.remove(role);
      }
    },
  };
}
