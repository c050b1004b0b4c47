import assert from "node:assert/strict";
import { join, sep } from "node:path";
import { test } from "node:test";
import { PassThrough } from "node:stream";
import { asCalled, calledAs, hinting } from "./called.ts";
import { terminal } from "./print.ts";
import { faint } from "./style.ts";

const path = (text: string): string => text.replaceAll("/", sep);
const bin = path("/home/a/billing/node_modules/.bin/fanfold");
const npm = { npm_config_user_agent: "npm/11.5.1 node/v24.9.0 linux x64" };

test("a hint is called as the program was: by the shell, by a package manager, or from the folder of the project", () => {
  const billing = path("/home/a/billing");
  for (const [script, cwd, env, expected] of [
    ["/usr/local/bin/fanfold", billing, {}, "fanfold"],
    ["/usr/local/lib/node_modules/fanfold/dist/cli/main.js", billing, {}, "fanfold"],
    ["/srv/fanfold/src/cli/main.ts", billing, npm, "fanfold"],
    [bin, billing, npm, "npx fanfold"],
    [bin, path("/home/a/billing/jobs"), npm, "npx fanfold"],
    [bin, path("/home/a/billing-2"), npm, "fanfold"],
    [bin, billing, { npm_config_user_agent: "pnpm/10.1.0 npm/? node/v24" }, "pnpm fanfold"],
    [bin, billing, { npm_config_user_agent: "yarn/4.1.0 npm/? node/v24" }, "yarn fanfold"],
    [bin, billing, { npm_config_user_agent: "bun/1.2.0" }, "bunx fanfold"],
    [bin, billing, { npm_config_user_agent: "other/1" }, "npx fanfold"],
    [bin, billing, { PATH: path("/usr/bin") }, "npx fanfold"],
    [bin, billing, { PATH: join(billing, "node_modules", ".bin") }, "fanfold"],
    ["/home/a/billing/node_modules/fanfold/dist/cli/main.js", billing, {}, "npx fanfold"],
    ["/home/a/.npm/_npx/1f2e/node_modules/.bin/fanfold", billing, npm, "npx fanfold"],
  ] as const)
    assert.equal(calledAs(path(script), cwd, env), expected, `${script} in ${cwd}`);
});

test("commands are named so, and nothing else is touched", () => {
  const same = (text: string): void => assert.equal(asCalled(text, "npx fanfold"), text);
  same("fanfold needs Node 22");
  same("  fanfold 0.1.0   billing");
  same("npx fanfold demo");
  same('eval "$(fanfold completion bash)"');
  same("the fanfold show");
  same("  fanfold shows that");
  assert.equal(
    asCalled("    fanfold show a;   fanfold redrive a --group 1\n  fanfold --help", "pnpm fanfold"),
    "    pnpm fanfold show a;   pnpm fanfold redrive a --group 1\n  pnpm fanfold --help",
  );
});

test("a terminal says hints so; data stay as they are", () => {
  const stream = new PassThrough({ encoding: "utf8" });
  const out = hinting(terminal(stream, {}), "npx fanfold");
  out.say(["    fanfold why r"], ["  1", faint("fanfold show r/s/k")]);
  out.write('{"next":"  fanfold show r"}\n');
  assert.equal(
    stream.read(),
    '    npx fanfold why r\n  1npx fanfold show r/s/k\n{"next":"  fanfold show r"}\n',
  );
});
