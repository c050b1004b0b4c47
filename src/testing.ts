/** The second door: what tests of programs that use Fanfold, and tests of engines, import. */
export { testApp } from "./testing/test-app.ts";
export type { TestApp, TestOptions } from "./testing/test-app.ts";
export type { StubCtx } from "./testing/stubs.ts";
export { engineContract } from "./contract/engine.ts";
export { virtualClock } from "./contract/given.ts";
export type { Bench, Open, Test, VirtualClock } from "./contract/given.ts";
export { simulate } from "./sim/world.ts";
export type { Report, Simulated, Smaller } from "./sim/world.ts";
export type { FaultKind } from "./sim/weather.ts";
