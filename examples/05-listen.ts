/** To be told: a listener that misses nothing, and one that only looks on while this program runs. */
import { app, flow, job, listener } from "../src/index.ts";
import { z } from "zod";

const send = job("send", {
  input: z.object({ address: z.string() }),
  retry: 1,
  run: ({ address }, ctx) => (address === "" ? ctx.fatal("no address") : `sent to ${address}`),
});

const mailing = flow("mailing", { input: z.object({ addresses: z.array(z.string()) }) }).fanOut(
  "send",
  send,
  {
    over: ({ input }) => input.addresses.map((address) => ({ address })),
    key: ({ address }) => address || "nobody",
  },
);

const over = Promise.withResolvers<void>();
const seen = Promise.withResolvers<void>();

const onDuty = listener("on-duty", {
  events: ["run.held", "run.ended"],
  flows: [mailing],
  run(event) {
    // A page, a chat message, a row in a table of yours: with event.id, so that twice is once.
    console.log(event.type, event.run, event.type === "run.held" ? event.because : event.state);
    if (event.type === "run.ended") over.resolve();
  },
});

const office = app({ name: "office", parts: [send, mailing, onDuty], url: "sqlite::memory:" });

office.on(["step.began", "step.ended"], ({ type, step }) => {
  console.log(type, step);
  if (type === "step.ended") seen.resolve();
});

const stop = new AbortController();
const ready = new Promise<void>((resolve) => {
  void office.work({ signal: stop.signal, onReady: () => resolve() });
});
await ready;
const run = await office.start(mailing, { addresses: ["ada", ""] }, { id: "welcome" });
for await (const { state } of run.watch()) if (state === "held") await run.release("ada is enough");
await Promise.all([over.promise, seen.promise]); // Each is told by itself.
stop.abort();
await office.close();
