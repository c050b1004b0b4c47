import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { code } from "./flow.ts";

test("the code that the demo shows is the code that it runs", () => {
  const text = readFileSync(new URL("flow.ts", import.meta.url), "utf8");
  const [body = ""] = text.split("export const code");
  assert.ok(body.includes(code.trim()));
});
