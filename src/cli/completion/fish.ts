/** The script for fish: a line for every word. */
import type { Flag, Takes, Verb, Words } from "./words.ts";

export function fish({ flags, verbs }: Words): string {
  return `# Completion of fanfold for fish:  fanfold completion fish > ~/.config/fish/completions/fanfold.fish

# Names that the app knows: fanfold looks for them, with the app and the connection that stand on this line.
function __fanfold_names
    set -l words (commandline -opc)
    set -l about
    for i in (seq 2 (count $words))
        if contains -- $words[$i] --app --url
            set -a about $words[$i] $words[(math $i + 1)]
        end
    end
    $words[1] completion $argv[1] $about 2>/dev/null
end

complete -c fanfold -f
${flags.map((flag) => flagLine("", flag)).join("\n")}
${verbs.map(({ name, about }) => `complete -c fanfold -n __fish_use_subcommand -a ${name} -d ${quote(about)}`).join("\n")}
${verbs.flatMap(verbLines).join("\n")}
`;
}

function verbLines({ name, flags, places }: Verb): readonly string[] {
  const condition = ` -n '__fish_seen_subcommand_from ${name}'`;
  // fish does not count places: what may stand anywhere behind the verb is offered there.
  const offered = places.map(({ takes }) => values(takes)).filter((one) => one !== "");
  return [
    ...flags.map((flag) => flagLine(condition, flag)),
    ...offered.map((one) => `complete -c fanfold${condition}${one}`),
  ];
}

function flagLine(condition: string, { spellings, about, takes }: Flag): string {
  const names = spellings.map((one) =>
    one.startsWith("--") ? ` -l ${one.slice(2)}` : ` -s ${one.slice(1)}`,
  );
  const value =
    takes === undefined ? "" : `${takes.kind === "file" ? " -r" : " -x"}${values(takes)}`;
  return `complete -c fanfold${condition}${names.join("")}${value} -d ${quote(about)}`;
}

function values(takes: Takes): string {
  switch (takes.kind) {
    case "words":
      return ` -a ${quote(takes.words.join(" "))}`;
    case "names":
      return ` -a '(__fanfold_names ${takes.of})'`;
    case "file":
      return " -F";
    case "text":
      return "";
  }
}

const quote = (text: string): string => `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
