#!/usr/bin/env node
// Any Node must be able to parse this file and say what is wrong: no imports, plain syntax, the rest only when it fits.

const required = "22.22.3";

function isTooOld(version: string): boolean {
  const [major = 0, minor = 0, patch = 0] = version.split(".").map(Number);
  if (major !== 22) return major < 22;
  return minor < 22 || (minor === 22 && patch < 3);
}

/** node:sqlite is good enough for us; Node 22 warns of it in front of every command. Other warnings pass. */
function silenceSqliteWarning(): void {
  const emit = process.emitWarning.bind(process);
  const filtered = (...args: readonly unknown[]): void => {
    const [warning, type] = args;
    if (type === "ExperimentalWarning" && String(warning).includes("SQLite")) return;
    Reflect.apply(emit, undefined, args);
  };
  process.emitWarning = filtered;
}

if (isTooOld(process.versions.node)) {
  process.stderr.write(
    `fanfold needs Node ${required} or newer (this is ${process.versions.node}): ` +
      "it runs your TypeScript as it is and uses the built-in SQLite\n" +
      "  npm install --save-dev node@24     puts a newer one into this project, and its npm scripts use it\n",
  );
  process.exitCode = 2;
} else {
  silenceSqliteWarning();
  void import("./program.ts").then(({ main }) => main(process.argv.slice(2)));
}
