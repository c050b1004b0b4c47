import type { Engine } from "../../ports/engine.ts";

type Ports = Pick<Engine, "log" | "queue" | "store" | "views">;

/** The same ports, where every call first passes the check: what it throws, the call rejects with. */
export function guarded(check: () => void, { log, queue, store, views }: Ports): Ports {
  const wrap = <Args extends readonly unknown[], Result>(
    call: (...args: Args) => Promise<Result>,
  ): ((...args: Args) => Promise<Result>) => {
    return async (...args) => {
      check();
      return call(...args);
    };
  };
  return {
    log: {
      append: wrap(log.append),
      read: wrap(log.read),
      end: wrap(log.end),
      trim: wrap(log.trim),
      past: wrap(log.past),
    },
    queue: {
      put: wrap(queue.put),
      take: wrap(queue.take),
      extend: wrap(queue.extend),
      ack: wrap(queue.ack),
      release: wrap(queue.release),
    },
    store: {
      claim: wrap(store.claim),
      resign: wrap(store.resign),
      commit: wrap(store.commit),
      load: wrap(store.load),
      scan: wrap(store.scan),
      position: wrap(store.position),
      keep: wrap(store.keep),
    },
    views: {
      checkpoint: wrap(views.checkpoint),
      apply: wrap(views.apply),
      run: wrap(views.run),
      runs: wrap(views.runs),
    },
  };
}
