/** Runs a command in a real pseudo-terminal: of `script`, which is in util-linux and so on every Debian. */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { until } from "../until.ts";
import { screen } from "./screen.ts";

const program = join(import.meta.dirname, "../../src/cli/main.ts");

/** Why there is none; in CI, which is Linux, there is one. */
export const skip: string | false =
  process.platform === "linux" ? false : "script(1) takes other options here";

export type Typed = {
  /** Everything that was written, controls and all. */
  readonly raw: () => string;
  /** What a person sees, and has in the scrollback. */
  readonly rows: () => string;
  /** Waits until it is there, then types. */
  readonly type: (after: RegExp, keys: string) => Promise<void>;
  readonly exit: Promise<number | null>;
};

export type Place = {
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly columns?: number;
};

/** `fanfold …args`, as somebody types it in a terminal. */
export function typed(args: readonly string[], { cwd, env = {}, columns = 100 }: Place): Typed {
  const shown = screen(columns, 40);
  const quoted = [process.execPath, program, ...args].map(
    (arg) => `'${arg.replaceAll("'", `'\\''`)}'`,
  );
  const command = `stty cols ${columns} rows 40; exec ${quoted.join(" ")}`;
  const child = spawn("script", ["--quiet", "--return", "--command", command, "/dev/null"], {
    cwd,
    env: { ...plainEnv(), TERM: "xterm-256color", ...env },
  });
  const decoder = new TextDecoder();
  let raw = "";
  child.stdout.on("data", (chunk: Uint8Array) => {
    const text = decoder.decode(chunk, { stream: true });
    raw += text;
  });
  const exit = new Promise<number | null>((resolve) => child.once("close", resolve));
  return {
    raw: () => raw,
    rows() {
      shown.write(raw.slice(0, raw.length));
      return shown.rowsShown().join("\n");
    },
    async type(after, keys) {
      await until(() => after.test(raw), { withinMs: 60_000, what: `${String(after)} in ${raw}` });
      child.stdin.write(keys);
    },
    exit,
  };
}

/** The same without a terminal. */
export async function piped(
  args: readonly string[],
  { cwd, env = {} }: Place,
): Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }> {
  const child = spawn(process.execPath, [program, ...args], {
    cwd,
    env: { ...plainEnv(), ...env },
  });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk) => (stdout += String(chunk)));
  child.stderr.on("data", (chunk) => (stderr += String(chunk)));
  child.stdin.end();
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  return { code, stdout, stderr };
}

/** Nothing of this machine's that changes what is said. */
function plainEnv(): NodeJS.ProcessEnv {
  const { CI, NO_COLOR, FORCE_COLOR, FANFOLD_URL, NODE_TEST_CONTEXT, NODE_ENV, ...env } =
    process.env;
  void [CI, NO_COLOR, FORCE_COLOR, FANFOLD_URL, NODE_TEST_CONTEXT, NODE_ENV];
  return { ...env, TZ: "UTC" };
}
