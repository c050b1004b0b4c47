import assert from "node:assert/strict";
import { test } from "node:test";
import { limits } from "../core/limits.ts";
import { webhook } from "../define/webhook.ts";
import { answeredWith, newPlace, reached, roomOf } from "./places.ts";

const secrets = [`whsec_${Buffer.alloc(32, 7).toString("base64")}`];
const given = () => newPlace(webhook("ops", { url: "https://ops.example/", secrets }), 7);

test("a webhook stands before the first event that is under way, whatever came of later ones", () => {
  const place = given();
  assert.equal(reached(place), 7);
  for (const offset of [7, 9, 12]) place.open.add(offset);
  place.next = 13;
  place.open.delete(9);
  place.open.delete(12);
  assert.equal(reached(place), 7);
  place.open.delete(7);
  assert.equal(reached(place), 13);
});

test("it takes one event until it was heard once, then a few", () => {
  const place = given();
  assert.equal(roomOf(place, 0), 1);
  answeredWith(place, true, 0);
  assert.equal(roomOf(place, 0), limits.noticesPerWebhook);
  place.open.add(7);
  assert.equal(roomOf(place, 0), limits.noticesPerWebhook - 1);
});

test("one that fails takes the second event at once, later ones after pauses up to a minute, until it hears one", () => {
  const place = given();
  let now = 1_000;
  const pauses: number[] = [];
  for (let n = 0; n < 10; n += 1) {
    answeredWith(place, false, now);
    const until = Math.max(now, place.notBefore);
    pauses.push(until - now);
    if (until > now) assert.equal(roomOf(place, until - 1), 0);
    assert.equal(roomOf(place, until), 1);
    now = until;
  }
  assert.deepEqual(pauses, [0, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000]);
  answeredWith(place, false, now);
  answeredWith(place, true, now);
  assert.equal(roomOf(place, now), limits.noticesPerWebhook);
});
