import assert from "node:assert/strict";
import { test } from "node:test";
import { virtualClock } from "../contract/given.ts";
import type { Engine, Hint } from "../ports/engine.ts";
import { host as hostOf } from "./host.ts";
import type { Role } from "./role.ts";

const turn = () => new Promise((resolve) => setImmediate(resolve));

function given() {
  const clock = virtualClock();
  let onHint: Parameters<Engine["onHint"]>[0] = () => undefined;
  const engine: Pick<Engine, "onHint" | "hintsAreSure"> = {
    hintsAreSure: true,
    onHint(listener) {
      onHint = listener;
      return () => undefined;
    },
  };
  const host = hostOf(engine, clock, (role, error) => assert.fail(`${role}: ${String(error)}`));
  return { clock, host, hint: (hint: Hint) => onHint(hint) };
}

test("a role that rests is called when its rest is over, once, however many hints came meanwhile", async () => {
  const { clock, host, hint } = given();
  let ticks = 0;
  let restsUntil = 0;
  const role: Role = {
    name: "rests",
    hints: ["state"],
    restsUntil: () => restsUntil,
    async tick() {
      ticks += 1;
      restsUntil = clock.now() + 20;
      return 1;
    },
  };
  host.add(role);
  await turn();
  for (let n = 0; n < 5; n += 1) {
    hint("state");
    await turn();
  }
  clock.advance(19);
  await turn();
  assert.equal(ticks, 1);
  clock.advance(1);
  await turn();
  assert.equal(ticks, 2);
  hint("state");
  await host.stop(); // Nobody waits for a rest to be over.
  assert.equal(ticks, 2);
});
