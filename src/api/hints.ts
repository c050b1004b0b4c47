import type { Engine } from "../ports/engine.ts";

/**
 * The engine's hints as server-sent events, from now on until the reader leaves or `ended` aborts.
 *
 *   data: queue          data: log 3
 *
 * Hints that come while the reader is busy are told once: a slow reader costs a word per kind and partition, no more.
 */
export function hintStream(
  onHint: Engine["onHint"],
  ended: AbortSignal | undefined,
): ReadableStream<Uint8Array> {
  const waiting = new Set<string>();
  let wake = (): void => undefined;
  let stop = (): void => undefined;
  return new ReadableStream<Uint8Array>({
    start(controller) {
      const leave = onHint((hint, partition) => {
        waiting.add(partition === undefined ? hint : `${hint} ${partition}`);
        wake();
      });
      const end = (): void => {
        stop();
        wake();
        controller.close();
      };
      stop = () => {
        leave();
        ended?.removeEventListener("abort", end);
      };
      controller.enqueue(utf8.encode(": fanfold\n\n")); // So that the reader knows at once that it is heard.
      if (ended?.aborted === true) end();
      else ended?.addEventListener("abort", end, { once: true });
    },
    async pull(controller) {
      if (waiting.size === 0) await new Promise<void>((resolve) => (wake = resolve));
      if (waiting.size === 0) return; // Ended.
      controller.enqueue(utf8.encode([...waiting].map((hint) => `data: ${hint}\n\n`).join("")));
      waiting.clear();
    },
    cancel() {
      stop();
      wake();
    },
  });
}

const utf8 = new TextEncoder();
