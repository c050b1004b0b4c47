/** A page's server: a run as server-sent events, which a browser follows, and resumes where it was. */
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { app, eventStream, flow } from "../src/index.ts";
import { z } from "zod";

const hello = flow("hello", { input: z.object({}) })
  .step("think", () => new Promise<void>((resolve) => setTimeout(resolve, 300)))
  .step("greet", () => "hello");
const office = app({ name: "office", parts: [hello], url: "sqlite::memory:" });

const page = `<!doctype html><pre id="status"></pre><ol id="events"></ol><script>
  const source = new EventSource("/runs/welcome/events");
  source.addEventListener("status", ({ data }) => { document.querySelector("#status").textContent = data; });
  source.addEventListener("step.ended", ({ data }) => { document.querySelector("#events").append(JSON.parse(data).step, " "); });
  source.addEventListener("end", () => source.close());
</script>`;

const server = createServer((request, response) => {
  void (async () => {
    const [, id] = /^\/runs\/([^/]+)\/events$/.exec(request.url ?? "") ?? [];
    const run = id === undefined ? undefined : await office.run(id);
    if (run === undefined) return response.setHeader("content-type", "text/html").end(page);
    // Who may see this run is yours to say, before this line.
    const headers = { "last-event-id": String(request.headers["last-event-id"] ?? "") };
    const answer = eventStream(run, new Request("http://page/", { headers }));
    response.writeHead(answer.status, Object.fromEntries(answer.headers));
    const body = Readable.from(answer.body ?? []);
    response.once("close", () => body.destroy()); // The reader left.
    return body.pipe(response);
  })();
});
server.listen(Number(process.env["PORT"] ?? 0), "127.0.0.1");
await once(server, "listening");
const { port } = server.address() as AddressInfo; // oxlint-disable-line typescript/no-unsafe-type-assertion -- it listens on TCP

await office.start(hello, {}, { id: "welcome" });

// What a browser does with it; the work begins when it looks on, so that it misses nothing.
const { body } = await fetch(`http://127.0.0.1:${port}/runs/welcome/events`);
const stop = new AbortController();
void office.work({ signal: stop.signal });
let text = "";
for await (const chunk of body ?? []) text += Buffer.from(chunk).toString();
for (const [, event] of text.matchAll(/^event: (.+)$/gm))
  if (event !== "status") console.log(event);

server.close();
stop.abort();
await office.close();
