/** package.json: four scripts, and a Node that is new enough where the machine's is not. */
import type { SchemaLibrary } from "../options.ts";

const libraries: Readonly<Record<SchemaLibrary, string>> = {
  zod: "^4.6.7",
  valibot: "^1.5.0",
  arktype: "^2.2.9",
};

/** `fanfold` is where to install it from, as npm takes it. */
export function packageFile(name: string, schema: SchemaLibrary, fanfold: string): string {
  const content = {
    name,
    private: true,
    type: "module",
    scripts: {
      dev: "fanfold dev",
      start: `fanfold start monthly-invoices "{\\"month\\":\\"2026-10\\"}" --id invoices-2026-10 --watch`,
      worker: "fanfold worker",
      test: "node --test",
    },
    dependencies: { fanfold, [schema]: libraries[schema] },
    devDependencies: { "@types/node": "^24.19.2", node: "^24.21.0", typescript: "^7.0.2" },
    // The Node from npm is put in place by a script at its install; npm asks who wants that.
    allowScripts: { node: true },
  };
  return `${JSON.stringify(content, null, 2)}\n`;
}
