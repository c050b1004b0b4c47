/** The fresh process of one measurement: told what to do by its parent, says one thing, ends. */
import type { Answer, Measure, Order } from "./harness.ts";

function answer(what: Answer): void {
  process.send?.(what, () => process.exit(0)); // Whatever still runs here is of no interest any more.
}

async function obey(order: Order): Promise<void> {
  try {
    const module = (await import(order.module)) as Readonly<Record<string, Measure>>; // oxlint-disable-line typescript/no-unsafe-type-assertion -- a bench names its own modules
    const measure = module[order.measure];
    if (measure === undefined) throw new Error(`"${order.module}" exports no "${order.measure}"`);
    const values = await measure(order.input, order.folder);
    const peakMb = process.resourceUsage().maxRSS / 1024;
    answer({ values: { peakMb, ...values } });
  } catch (error) {
    answer({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  }
}

process.once("disconnect", () => process.exit(1)); // Who asked is gone.
process.once("message", (order: Order) => void obey(order));
