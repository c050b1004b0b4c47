/** The script for bash: one function that looks at the verb and at the word before. */
import type { Flag, Takes, Verb, Words } from "./words.ts";

export function bash({ flags, verbs }: Words): string {
  const names = verbs.map(({ name }) => name);
  return `# Completion of fanfold for bash. In ~/.bashrc:  eval "$(fanfold completion bash)"

# Names that the app knows: fanfold looks for them, with the app and the connection that stand on this line.
_fanfold_names() {
  local -a about=()
  local i
  for ((i = 1; i < last; i++)); do
    case \${words[i]} in
      --app | --url) about+=("\${words[i]}" "\${words[i + 1]}") ;;
    esac
  done
  "\${words[0]}" completion "$1" "\${about[@]}" 2>/dev/null
}

_fanfold() {
  # An id may have a colon or an @ in it, where bash begins another word: so the words are read from the line.
  local line=\${COMP_LINE:0:COMP_POINT} part=\${COMP_WORDS[COMP_CWORD]}
  local -a words
  read -ra words <<<"$line"
  [[ $line == *[[:space:]] ]] && words+=("")
  local last=$((\${#words[@]} - 1))
  local cur=\${words[last]} prev=\${words[last - 1]}
  COMPREPLY=()
  _fanfold_reply
  [[ $part == [:@=]* ]] && part=""
  COMPREPLY=("\${COMPREPLY[@]#"\${cur%"$part"}"}")
}

_fanfold_reply() {
  local verb="" word i place=0
  for ((i = 1; i < last; i++)); do
    word=\${words[i]}
    case "$verb $word" in
      ${takers(flags, verbs)}) ((i++)) ;;
      *" -"*) ;;
      *) if [[ -z $verb ]]; then verb=$word; else ((place++)); fi ;;
    esac
  done

  case "$verb $prev" in
${[...flags.flatMap((flag) => valueOf("*", flag)), ...verbs.flatMap(({ name, flags: own }) => own.flatMap((flag) => valueOf(name, flag)))].join("\n")}
  esac

  if [[ $cur == -* ]]; then
    case $verb in
${[...verbs.map(({ name, flags: own }) => `      ${name}) ${offer(spellings([...own, ...flags]))} ;;`), `      *) ${offer(spellings(flags))} ;;`].join("\n")}
    esac
    return
  fi

  case "$verb $place" in
    " "*) ${offer(names)} ;;
${verbs.flatMap(placesOf).join("\n")}
  esac
}

complete -o default -F _fanfold fanfold
`;
}

/** Every option that takes the next word: "start --id" | … */
function takers(flags: readonly Flag[], verbs: readonly Verb[]): string {
  const of = (verb: string, all: readonly Flag[]): readonly string[] =>
    all
      .filter(({ takes }) => takes !== undefined)
      .flatMap((flag) => flag.spellings.map((spelling) => `${verb}${spelling}`));
  return [
    ...of('*" "', flags),
    ...verbs.flatMap(({ name, flags: own }) => of(`"${name} "`, own)),
  ].join(" | ");
}

function valueOf(verb: string, { spellings: all, takes }: Flag): readonly string[] {
  if (takes === undefined) return [];
  const pattern = all.map((one) => (verb === "*" ? `*" ${one}"` : `"${verb} ${one}"`)).join(" | ");
  return [`    ${pattern}) ${reply(takes)}return ;;`];
}

function placesOf({ name, places }: Verb): readonly string[] {
  return places.flatMap(({ takes }, i) =>
    takes.kind === "text" || takes.kind === "file" ? [] : [`    "${name} ${i}") ${reply(takes)};;`],
  );
}

/** Nothing offered is left to \`-o default\`: file names. */
function reply(takes: Takes): string {
  if (takes.kind === "words") return `${offer(takes.words)}; `;
  if (takes.kind === "names") return `${offer([`$(_fanfold_names ${takes.of})`])}; `;
  return "";
}

function offer(words: readonly string[]): string {
  return `COMPREPLY=($(compgen -W "${words.join(" ")}" -- "$cur"))`;
}

function spellings(flags: readonly Flag[]): readonly string[] {
  return flags.flatMap((flag) => flag.spellings.filter((one) => one.startsWith("--")));
}
