/** Completion as a shell does it: the scripts that fanfold prints, in the shells that are here. bash is everywhere. */
import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { app } from "../../src/index.ts";
import { until } from "../until.ts";
import { fanfold, inItsOwnMs } from "./given.ts";
import { mailFlow, parts } from "./know-app.ts";

const main = join(import.meta.dirname, "../../src/cli/main.ts");
const program = join(import.meta.dirname, "know-app.ts");
const folder = mkdtempSync(join(tmpdir(), "fanfold-completion-"));
const url = `sqlite:${join(folder, "dev.db")}`;
const script = join(folder, "fanfold.bash");

before(async () => {
  const { code, stdout } = await fanfold("completion", "bash");
  assert.equal(code, 0);
  writeFileSync(script, stdout);
  const billing = app({ name: "billing", parts, url });
  for (const id of ["october", "sync:crm@2026-10", "sync:shop@2026-10"])
    await inItsOwnMs(() => billing.start(mailFlow, { count: 1 }, { id }));
  await until(async () => (await billing.runs()).length === 3);
  await billing.close();
});

after(() => rmSync(folder, { recursive: true, force: true }));

const run = promisify(execFile);

/** What bash would offer at the end of this line; bash itself cuts the line into words. */
async function offered(line: string): Promise<readonly string[]> {
  const driver = `
fanfold() { "${process.execPath}" "${main}" "$@"; }
source "${script}"
# As bash does it for a Tab: the words of the line, cut at COMP_WORDBREAKS.
COMP_LINE=$1 COMP_POINT=\${#1}
mapfile -t COMP_WORDS < <(printf '%s' "$1" | grep -oE '[^[:space:]:=@]+|[:=@]+')
[[ $1 == *[[:space:]] ]] && COMP_WORDS+=("")
COMP_CWORD=$((\${#COMP_WORDS[@]} - 1))
_fanfold
printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout, stderr } = await run("bash", ["--norc", "-c", driver, "bash", line], {
    env: { ...process.env, FANFOLD_URL: url },
    cwd: folder,
  });
  assert.equal(stderr, "");
  return stdout.split("\n").filter((word) => word !== "");
}

test("bash completes commands, options, and the words that an option takes", async () => {
  assert.deepEqual(await offered("fanfold re"), ["redrive", "release", "reopen", "resume"]);
  assert.deepEqual(await offered("fanfold --plain sta"), ["start", "statistics"]);
  assert.deepEqual(await offered("fanfold watch --t"), ["--timeout"]);
  assert.deepEqual(await offered("fanfold watch october --u"), ["--until", "--url"]);
  assert.deepEqual(await offered("fanfold start x --priority "), [
    "low",
    "normal",
    "high",
    "urgent",
  ]);
  assert.deepEqual(await offered("fanfold runs --state h"), ["held"]);
  assert.deepEqual(await offered("fanfold completion f"), ["fish", "flows"]);
  assert.deepEqual(await offered("fanfold start x --id "), [], "nobody knows what it will be");
});

test("bash completes the names that the app and its store know", async () => {
  const about = `--app ${program}`;
  assert.deepEqual(await offered(`fanfold start ${about} m`), ["mail"]);
  assert.deepEqual(await offered(`fanfold send ${about} `), ["send", "evil"]);
  assert.deepEqual(await offered(`fanfold ${about} show oct`), ["october"]);
  assert.deepEqual(await offered(`fanfold ${about} runs --flow e`), ["evils"]);
  assert.deepEqual(await offered("fanfold show oct"), [], "without an app, nothing and no noise");
});

test("bash completes an id with a colon and an @, where it begins new words itself", async () => {
  const about = `--app ${program}`;
  assert.deepEqual(await offered(`fanfold ${about} show sync:cr`), ["crm@2026-10"]);
  assert.deepEqual(await offered(`fanfold ${about} show sync:`), ["shop@2026-10", "crm@2026-10"]);
  assert.deepEqual(await offered(`fanfold ${about} show sync:crm@20`), ["2026-10"]);
});

for (const shell of ["zsh", "fish"])
  test(`the script for ${shell} names every command and every option, and ${shell} can read it`, async () => {
    const { code, stdout } = await fanfold("completion", shell);
    assert.equal(code, 0);
    const { stdout: bash } = await fanfold("completion", "bash");
    const [, commands = ""] = /" "\*\) COMPREPLY=\(\$\(compgen -W "([^"]+)"/.exec(bash) ?? [];
    assert.ok(commands.split(" ").length > 20, commands);
    for (const command of commands.split(" "))
      assert.match(stdout, new RegExp(`^(complete.* -a ${command}| +'${command}:)`, "m"));
    for (const option of ["deadline", "exit-on-risk", "dry-run", "witness"])
      assert.match(stdout, new RegExp(shell === "zsh" ? `'--${option}\\[` : ` -l ${option} `));
    // Where the shell is not here, its own opinion cannot be had.
    const written = join(folder, `fanfold.${shell}`);
    writeFileSync(written, stdout);
    const read = spawnSync(shell, ["-n", written], { encoding: "utf8" });
    if (read.error === undefined) assert.equal(read.stderr, "");
  });

const missing = (shell: string): string | false =>
  spawnSync(shell, ["--version"]).error === undefined ? false : `${shell} is not installed here`;

/** What fish offers at the end of this line, asked by its own `complete -C`. */
async function offeredByFish(line: string): Promise<readonly string[]> {
  const { stdout: text } = await fanfold("completion", "fish");
  const written = join(folder, "fanfold.fish");
  writeFileSync(written, text);
  const driver = `
function fanfold; "${process.execPath}" "${main}" $argv; end
source "${written}"
complete -C "$argv[1]"`;
  const { stdout } = await run("fish", ["--no-config", "-c", driver, line], {
    env: { ...process.env, FANFOLD_URL: url, HOME: folder },
    cwd: folder,
  });
  const words = stdout.split("\n").filter((word) => word !== "");
  return words.map((word) => word.split("\t")[0] ?? "").toSorted();
}

test("fish completes commands, options, words and names", { skip: missing("fish") }, async () => {
  assert.deepEqual(await offeredByFish("fanfold rel"), ["release"]);
  assert.deepEqual(await offeredByFish("fanfold watch october --t"), ["--timeout"]);
  assert.deepEqual(await offeredByFish("fanfold start x --priority u"), ["urgent"]);
  assert.deepEqual(await offeredByFish(`fanfold --app ${program} show oct`), ["october"]);
  assert.deepEqual(await offeredByFish(`fanfold --app ${program} runs --flow ev`), ["evils"]);
  assert.deepEqual(await offeredByFish("fanfold show oct"), []);
});

/** What zsh offers at the end of this line: in a pseudo-terminal of its own, a Tab is typed, and what compadd is given is said. */
async function offeredByZsh(line: string): Promise<readonly string[]> {
  const { stdout: text } = await fanfold("completion", "zsh");
  const written = join(folder, "fanfold.zsh");
  writeFileSync(written, text);
  const inner = join(folder, "inner.zsh");
  writeFileSync(
    inner,
    `
PROMPT= RPROMPT=
autoload -Uz compinit && compinit -D -u
zstyle ':completion:*' list-grouped no
zstyle ':completion:*' insert-tab no
fanfold() { "${process.execPath}" "${main}" "$@"; }
source "${written}"
compadd() {
  if [[ \${@[1,(i)(-|--)]} == *-(O|A|D)\\ * ]]; then builtin compadd "$@"; return $?; fi
  typeset -a __hits
  builtin compadd -A __hits "$@"
  for hit in $__hits; do print -r -- "hit:$hit:"; done
}
bindkey '^I' complete-word
say_end() { print -r -- end-of-hits; }
comppostfuncs=(say_end)
print -r -- is-ready
`,
  );
  const driver = `
zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell "source ${inner}"
local out chunk
while zpty -r shell chunk; do [[ $chunk == is-ready* ]] && break; done
zpty -w -n shell "$1"$'\t'
while zpty -r shell chunk; do print -r -- "$chunk"; [[ $chunk == *end-of-hits* ]] && break; done
zpty -d shell`;
  const { stdout } = await run("zsh", ["-f", "-c", driver, "zsh", line], {
    env: { ...process.env, FANFOLD_URL: url, HOME: folder },
    cwd: folder,
    timeout: 300_000,
  });
  return [...new Set([...stdout.matchAll(/hit:(.*?):/g)].map(([, hit = ""]) => hit))].toSorted();
}

test("zsh completes commands, options, words and names", { skip: missing("zsh") }, async () => {
  assert.deepEqual(await offeredByZsh("fanfold rel"), ["release"]);
  assert.deepEqual(await offeredByZsh("fanfold watch october --t"), ["--timeout"]);
  assert.deepEqual(await offeredByZsh("fanfold start x --priority u"), ["urgent"]);
  assert.deepEqual(await offeredByZsh(`fanfold --app ${program} show oct`), ["october"]);
  assert.deepEqual(await offeredByZsh(`fanfold --app ${program} runs --flow ev`), ["evils"]);
  assert.deepEqual(await offeredByZsh("fanfold show oct"), []);
});
