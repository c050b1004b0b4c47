/** The script for zsh: what _arguments wants to know of each verb. */
import type { Flag, Place, Takes, Verb, Words } from "./words.ts";

export function zsh({ flags, verbs }: Words): string {
  return `#compdef fanfold
# Completion of fanfold for zsh. In ~/.zshrc, behind compinit:  eval "$(fanfold completion zsh)"

# Names that the app knows: fanfold looks for them, with the app and the connection that stand on this line.
_fanfold_names() {
  local -a about=($_fanfold_about) names
  [[ -n \${opt_args[--app]} ]] && about+=(--app "\${(Q)opt_args[--app]}")
  [[ -n \${opt_args[--url]} ]] && about+=(--url "\${(Q)opt_args[--url]}")
  names=(\${(f)"$(\${_fanfold_command:-fanfold} completion $1 $about 2>/dev/null)"})
  compadd -a names
}

_fanfold() {
  local curcontext=$curcontext state line _fanfold_command=$words[1]
  typeset -A opt_args
  local -a verbs=(
${verbs.map(({ name, about }) => `    ${quote(`${name}:${about.replaceAll(":", "\\:")}`)}`).join("\n")}
  )
  _arguments -C \\
${flags.map((flag) => `    ${argument(flag)} \\`).join("\n")}
    '1: :->verb' '*:: :->rest'
  # _arguments of the verb forgets what stands before it.
  local option
  local -a _fanfold_about
  for option in --app --url; do
    [[ -n \${opt_args[$option]} ]] && _fanfold_about+=($option "\${(Q)opt_args[$option]}")
  done
  case $state in
    verb) _describe -t commands command verbs ;;
    rest)
      case $words[1] in
${verbs.map(verbOf).join("\n")}
      esac
      ;;
  esac
}

if [[ $funcstack[1] == _fanfold ]]; then _fanfold "$@"; else compdef _fanfold fanfold; fi
`;
}

function verbOf({ name, flags, places }: Verb): string {
  const specs = [...flags.map(argument), ...places.map(placed)];
  return `        ${name}) _arguments ${specs.join(" ")} ;;`;
}

function placed({ name, takes }: Place, i: number): string {
  return quote(`${i + 1}:${name.replaceAll(/[[\]]/g, "")}:${action(takes)}`);
}

function argument({ spellings, about, takes }: Flag): string {
  const what = `[${about.replaceAll(/[[\]:]/g, "\\$&")}]`;
  const value = takes === undefined ? "" : `:value:${action(takes)}`;
  if (spellings.length === 1) return quote(`${spellings[0]}${what}${value}`);
  return `{${spellings.join(",")}}${quote(`${what}${value}`)}`;
}

function action(takes: Takes): string {
  switch (takes.kind) {
    case "words":
      return `(${takes.words.join(" ")})`;
    case "names":
      return ` _fanfold_names ${takes.of}`; // Without the space, _arguments puts options of its own in between.
    case "file":
      return "_files";
    case "text":
      return " ";
  }
}

const quote = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
