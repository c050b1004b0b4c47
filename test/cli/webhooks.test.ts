/** What other programs were told, on the command line: the list, the notices of one, and what is sent again. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test, type TestContext } from "node:test";
import { webhook } from "../../src/index.ts";
import { given, opened } from "../app/given.ts";
import { until } from "../until.ts";
import { fanfold, timeless } from "./given.ts";
import { summed } from "./webhooks-app.ts";

const { sums, parts } = summed;

/** A receiver that answers with this status, until it is told otherwise, and the app whose one run it was told of. */
async function told(t: TestContext, first: number) {
  const receiver = { status: first, got: 0 };
  const server = createServer((request, response) => {
    request.resume();
    receiver.got += 1;
    response.writeHead(receiver.status).end();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo; // oxlint-disable-line typescript/no-unsafe-type-assertion -- it listens on TCP
  const ops = webhook("ops", {
    url: `http://127.0.0.1:${port}/hook`,
    secrets: [`whsec_${Buffer.alloc(32, 7).toString("base64")}`],
    events: ["run.ended"],
    allow: ["loopback"],
  });
  const own = await given(t, [...parts, ops], { work: { listen: 0 } });
  await (await own.app.start(sums, {}, { id: "october" })).result();
  const cli = async (...args: readonly string[]) => {
    const all = [...args, "--app", "webhooks-app.ts", "--url", String(own.url)];
    const { code, stdout, stderr } = await fanfold(...all);
    return { code, text: timeless(stdout), stdout, stderr: timeless(stderr) };
  };
  return { ...own, receiver, cli };
}

test("a webhook that answered 410 is seen, its notice with the reason, and both can be taken up again", async (t) => {
  const { app, cli, receiver } = await told(t, 410);
  await until(async () => (await app.webhooks.list())[0]?.state === "gone");
  assert.deepEqual((await cli("webhooks")).text.split("\n"), [
    "  webhook  url                         state       waiting  ok  failed  cancelled",
    "  ops      http://127.0.0.1:9999/hook  gone (410)        0   0       0          1",
    "",
  ]);
  const { text } = await cli("webhooks", "notices", "ops");
  assert.match(text, /hh:mm +ops +run\.ended +october +⊘ cancelled +1 +the webhook answered 410/);
  receiver.status = 204;
  const again = await cli("webhooks", "redrive", "ops", "--reason", "it is back");
  assert.equal(again.code, 0);
  assert.match(again.stderr, /✓ sending 1 again {3}fanfold webhooks notices ops/);
  await until(async () => (await app.webhooks.notices())[0]?.state === "ok");
  assert.equal(receiver.got, 2);
  const line = JSON.parse((await cli("webhooks", "notices", "--json")).stdout) as Record<
    string,
    unknown
  >; // oxlint-disable-line typescript/no-unsafe-type-assertion -- one line, of ours
  assert.equal(line["schema"], "fanfold.notice/1");
  assert.equal((line["redriven"] as { reason?: string }).reason, "it is back"); // oxlint-disable-line typescript/no-unsafe-type-assertion -- it was
  const nothing = await cli("webhooks", "redrive", "ops");
  assert.equal(nothing.code, 6);
  assert.match(nothing.stderr, /nothing to send again/);
});

test("enable tells a webhook again, from now on", async (t) => {
  const { app, cli, receiver } = await told(t, 410);
  await until(async () => (await app.webhooks.list())[0]?.state === "gone");
  receiver.status = 204;
  const { code, stderr } = await cli("webhooks", "enable", "ops");
  assert.equal(code, 0);
  assert.match(stderr, /✓ ops is told again, within a second/);
  // The courier hears of it within a second: until then, what ends is not told.
  let runs = 0;
  const [ok] = await until(async () => {
    await (await app.start(sums, {}, { id: `november-${(runs += 1)}` })).result();
    const notices = await app.webhooks.notices({ states: ["ok"] });
    return notices.length > 0 && notices;
  });
  assert.match(ok?.event.run ?? "", /^november-/);
  const list = await cli("webhooks", "notices", "ops", "--state", "cancelled", "--json");
  assert.match(list.stdout, /"run":"october"/);
  assert.doesNotMatch(list.stdout, /november/);
});

test("what cannot be meant is refused with what to type", async (t) => {
  const { app, path } = opened(t, parts);
  await app.runs();
  await app.close();
  const cli = (...args: readonly string[]) =>
    fanfold("webhooks", ...args, "--app", "webhooks-app.ts", "--url", `sqlite:${path}`);
  for (const [args, expected] of [
    [["revive"], /unknown action "revive": expected notices, redrive or enable/],
    [["redrive"], /say which webhook to redrive[\s\S]*fanfold webhooks redrive <webhook>/],
    [["enable", "nobody"], /there is no webhook "nobody": this app has "ops"/],
    [["notices", "--state", "lost"], /waiting, ok, failed/],
  ] as const) {
    const { code, stderr } = await cli(...args);
    assert.equal(code, 2, stderr);
    assert.match(stderr, expected);
  }
});
