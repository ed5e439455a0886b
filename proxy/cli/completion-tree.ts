/** What can be typed after each command, read from the commands themselves. Pure. */
import type { Argument, Command, Option } from "commander";

export const SHELLS = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof SHELLS)[number];

/** What a value may be: one of these, a file, or something that cannot be told beforehand. */
export type Value = { readonly choices: readonly string[] } | "file" | "free";

export interface CompletedOption {
  /** `--config` */
  readonly name: string;
  readonly description: string;
  /** null: it takes none. */
  readonly value: Value | null;
}

export interface CompletedCommand {
  /** From the program on: `crossfade divergences list`. */
  readonly path: string;
  readonly name: string;
  readonly summary: string;
  readonly commands: readonly CompletedCommand[];
  readonly options: readonly CompletedOption[];
  /** What its arguments may be, all of them together. */
  readonly argument: Value;
}

export function completedCommands(command: Command, above = ""): CompletedCommand {
  const path = `${above}${command.name()}`;
  const options = command.options.flatMap((option) => {
    const name = option.long;
    return name === undefined || name === null
      ? []
      : [{ name, description: option.description, value: ofOption(option) }];
  });
  return {
    path,
    name: command.name(),
    summary: command.summary() === "" ? command.description() : command.summary(),
    commands: command.commands.map((each) => completedCommands(each, `${path} `)),
    options: [...options, { name: "--help", description: "options and examples", value: null }],
    argument: ofArguments(command.registeredArguments),
  };
}

/** The command and all below it. */
export function everyCommand(command: CompletedCommand): readonly CompletedCommand[] {
  return [command, ...command.commands.flatMap(everyCommand)];
}

function ofOption(option: Option): Value | null {
  if (!option.required && !option.optional) return null;
  return valueOf(option.argChoices, option.flags);
}

function ofArguments(given: readonly Argument[]): Value {
  const values = given.map((argument) => valueOf(argument.argChoices, `<${argument.name()}>`));
  const choices = values.flatMap((value) => (typeof value === "object" ? value.choices : []));
  if (choices.length > 0) return { choices };
  return values.includes("file") ? "file" : "free";
}

function valueOf(choices: readonly string[] | undefined, placeholder: string): Value {
  if (choices !== undefined) return { choices };
  return /<(?:file|folder|place)/.test(placeholder) ? "file" : "free";
}
