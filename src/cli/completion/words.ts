/** What may stand where on the command line, read from the commands themselves: whatever they learn, completion knows. */
import type { Argument, Command, Option } from "commander";

/** What a place on the command line takes. */
export type Takes =
  | { readonly kind: "words"; readonly words: readonly string[] }
  /** Names that only the app or its store knows. */
  | { readonly kind: "names"; readonly of: Names }
  | { readonly kind: "file" }
  | { readonly kind: "text" };

export type Names = (typeof nameKinds)[number];
export const nameKinds = ["flows", "jobs", "schedules", "runs"] as const;

export type Flag = {
  /** "--help", "-h" */
  readonly spellings: readonly string[];
  readonly about: string;
  /** Undefined: it stands by itself. */
  readonly takes: Takes | undefined;
};

export type Verb = {
  readonly name: string;
  readonly about: string;
  readonly flags: readonly Flag[];
  /** In their order. */
  readonly places: readonly Place[];
};

export type Place = { readonly name: string; readonly takes: Takes };

export type Words = { readonly flags: readonly Flag[]; readonly verbs: readonly Verb[] };

/** What people call a value says what it is: <flow>, <run[/step]>, <file>. */
const known: Readonly<Record<string, Takes>> = {
  flow: { kind: "names", of: "flows" },
  job: { kind: "names", of: "jobs" },
  schedule: { kind: "names", of: "schedules" },
  run: { kind: "names", of: "runs" },
  file: { kind: "file" },
  app: { kind: "file" },
  dir: { kind: "file" },
};

const text: Takes = { kind: "text" };

export function wordsOf(program: Command): Words {
  return { flags: flagsOf(program), verbs: program.commands.map(verbOf) };
}

function verbOf(command: Command): Verb {
  return {
    name: command.name(),
    about: command.summary(),
    flags: flagsOf(command),
    places: command.registeredArguments.map((argument) => ({
      name: argument.name(),
      takes: placeTakes(argument),
    })),
  };
}

function placeTakes(argument: Argument): Takes {
  const words = wordsIn(argument);
  if (words !== undefined) return { kind: "words", words };
  const [called = ""] = argument.name().split("[");
  return known[called] ?? text;
}

function flagsOf(command: Command): readonly Flag[] {
  return command.createHelp().visibleOptions(command).map(flagOf);
}

function flagOf(option: Option): Flag {
  const spellings = [option.long, option.short].filter((one) => one !== undefined);
  return {
    spellings,
    about: option.description,
    takes: option.required || option.optional ? flagTakes(option) : undefined,
  };
}

function flagTakes(option: Option): Takes {
  const words = wordsIn(option);
  if (words !== undefined) return { kind: "words", words };
  const [, called = ""] = /[<[]([a-z]+)/.exec(option.flags) ?? [];
  const [name = ""] = option.name().split("-");
  return known[name] ?? known[called] ?? text;
}

/** options.ts says them with the function that reads them; commander keeps others. */
function wordsIn({ argChoices, parseArg }: Argument | Option): readonly string[] | undefined {
  if (argChoices !== undefined) return argChoices;
  const words: unknown = parseArg === undefined ? undefined : Reflect.get(parseArg, "words");
  return Array.isArray(words) ? words.filter((word) => typeof word === "string") : undefined;
}
