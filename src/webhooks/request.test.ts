import assert from "node:assert/strict";
import { test } from "node:test";
import { cloudEvent, signed } from "./request.ts";

const secret = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

test("signatures are those of the convention's own library", () => {
  // standardwebhooks 1.1.1: new Webhook("whsec_" + secret).sign(id, new Date(at), body)
  const vectors: readonly (readonly [string, number, string, string])[] = [
    [
      "msg_p5jXN8AQM9LWM0D4loKWxJek",
      1_614_265_330_000,
      '{"test": 2432232314}',
      "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    ],
    [
      "evt_0_7_0123456789abcdef",
      1_700_000_000_000,
      '{"ü":"🎈"}',
      "v1,nW7NippCOwNGWqjeq1zCtagwlNOZkbE3K2BCRYVs+BQ=",
    ],
  ];
  for (const [id, at, body, signature] of vectors) {
    const { headers } = signed(id, body, at, [secret]);
    assert.deepEqual(
      [headers["webhook-id"], headers["webhook-timestamp"], headers["webhook-signature"]],
      [id, `${at / 1_000}`, signature],
    );
  }
});

test("while a secret is rotated, both sign", () => {
  const other = Buffer.alloc(32, 7).toString("base64");
  const alone = [secret, other].map(
    (one) => signed("a", "b", 5_999, [one]).headers["webhook-signature"],
  );
  const { headers } = signed("a", "b", 5_999, [secret, other]);
  assert.equal(headers["webhook-signature"], alone.join(" "));
  assert.equal(headers["webhook-timestamp"], "5");
});

test("an event wears the CloudEvents envelope", () => {
  const event = {
    type: "run.ended",
    run: "r",
    state: "done",
    flow: "f",
    customer: "acme",
    id: "evt_1_7_x",
    at: 0,
    partition: 1,
    offset: 7,
  } as const;
  assert.deepEqual(JSON.parse(cloudEvent(event, "my app")), {
    specversion: "1.0",
    id: "evt_1_7_x",
    source: "/fanfold/my%20app",
    type: "fanfold.run.ended",
    subject: "r",
    time: "1970-01-01T00:00:00.000Z",
    datacontenttype: "application/json",
    sequence: "1.000000000000007",
    data: { run: "r", state: "done", flow: "f", customer: "acme" },
  });
});
