/** tsconfig.json: what an editor needs to see the program as Node runs it, types removed and nothing else. */
export function tsconfigFile(): string {
  const content = {
    compilerOptions: {
      target: "esnext",
      module: "nodenext",
      types: ["node"],
      strict: true,
      noEmit: true,
      allowImportingTsExtensions: true,
      erasableSyntaxOnly: true,
      verbatimModuleSyntax: true,
      skipLibCheck: true,
    },
  };
  return `${JSON.stringify(content, null, 2)}\n`;
}
