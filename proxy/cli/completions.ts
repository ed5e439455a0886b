/**
 * Completions as scripts that hold all there is to complete, so that Tab starts no process. Each walks the words before the
 * cursor down the tree of commands, then offers what may follow there. Pure.
 */
import type { Command } from "commander";
import {
  type CompletedCommand,
  completedCommands,
  type CompletedOption,
  everyCommand,
  type Shell,
  type Value,
} from "./completion-tree.ts";

export function completionsFor(shell: Shell, program: Command): string {
  const root = completedCommands(program);
  switch (shell) {
    case "bash":
      return forBash(root);
    case "zsh":
      return forZsh(root);
    case "fish":
      return forFish(root);
    default:
      return shell satisfies never;
  }
}

/** `'it'\''s'`: one word for every one of the shells. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function choicesOf(value: Value): readonly string[] {
  return typeof value === "object" ? value.choices : [];
}

/** What can be typed where no option is meant. */
function wordsOf(command: CompletedCommand): readonly string[] {
  return [...command.commands.map(({ name }) => name), ...choicesOf(command.argument)];
}

function valueOptions({ options }: CompletedCommand): readonly (CompletedOption & { readonly value: Value })[] {
  return options.flatMap((option) => (option.value === null ? [] : [{ ...option, value: option.value }]));
}

/** Patterns of a `case` in bash and zsh: the paths of all commands but the program itself. */
function pathPatterns(root: CompletedCommand): string {
  return everyCommand(root)
    .slice(1)
    .map(({ path }) => quoted(path))
    .join(" | ");
}

function forBash(root: CompletedCommand): string {
  const values = everyCommand(root).flatMap((command) =>
    valueOptions(command).map(({ name, value }) => {
      const act =
        value === "file"
          ? "compopt -o default"
          : `COMPREPLY=($(compgen -W ${quoted(choicesOf(value).join(" "))} -- "$now"))`;
      return `    ${quoted(`${command.path} ${name}`)}) ${act}; return ;;`;
    }),
  );
  const words = everyCommand(root).map((command) => {
    const options = command.options.map(({ name }) => name).join(" ");
    const file = command.argument === "file" ? "; file=1" : "";
    return `    ${quoted(command.path)}) words=${quoted(wordsOf(command).join(" "))}; options=${quoted(options)}${file} ;;`;
  });
  return `# Completions of crossfade for bash: source <(crossfade completions bash)
_crossfade() {
  local now="\${COMP_WORDS[COMP_CWORD]}" before="\${COMP_WORDS[COMP_CWORD - 1]}" at=crossfade words= options= file= i
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "$at \${COMP_WORDS[i]}" in
    ${pathPatterns(root)}) at="$at \${COMP_WORDS[i]}" ;;
    esac
  done
  case "$at $before" in
${values.join("\n")}
  esac
  case "$at" in
${words.join("\n")}
  esac
  if [[ $now == -* ]]; then
    COMPREPLY=($(compgen -W "$options" -- "$now"))
  elif [[ -n $file ]]; then
    compopt -o default
  else
    COMPREPLY=($(compgen -W "$words" -- "$now"))
  fi
}
complete -F _crossfade crossfade
`;
}

/** \`_describe\` takes \`word:what it is\`. */
function described(word: string, what: string): string {
  return quoted(`${word.replaceAll(":", "\\:")}:${what}`);
}

function forZsh(root: CompletedCommand): string {
  const values = everyCommand(root).flatMap((command) =>
    valueOptions(command).map(({ name, value }) => {
      const act = value === "file" ? "_files" : `compadd -- ${choicesOf(value).map(quoted).join(" ")}`;
      return `    ${quoted(`${command.path} ${name}`)}) ${act}; return ;;`;
    }),
  );
  const words = everyCommand(root).map((command) => {
    const commands = command.commands.map(({ name, summary }) => described(name, summary));
    const choices = choicesOf(command.argument).map((choice) => quoted(choice));
    const options = command.options.map(({ name, description }) => described(name, description));
    const file = command.argument === "file" ? "; file=1" : "";
    return `    ${quoted(command.path)})
      typed=(${[...commands, ...choices].join(" ")})
      options=(${options.join(" ")})${file} ;;`;
  });
  return `#compdef crossfade
# Completions of crossfade for zsh: crossfade completions zsh > "\${fpath[1]}/_crossfade"
_crossfade() {
  local at=crossfade file= i
  local -a typed options
  for ((i = 2; i < CURRENT; i++)); do
    case "$at $words[i]" in
    ${pathPatterns(root)}) at="$at $words[i]" ;;
    esac
  done
  case "$at $words[CURRENT - 1]" in
${values.join("\n")}
  esac
  case "$at" in
${words.join("\n")}
  esac
  if [[ $PREFIX == -* ]]; then
    _describe option options
  elif [[ -n $file ]]; then
    _files
  else
    _describe command typed
  fi
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
  _crossfade "$@"
else
  compdef _crossfade crossfade
fi
`;
}

function forFish(root: CompletedCommand): string {
  const lines = everyCommand(root).flatMap((command) => {
    const here = `complete -c crossfade -n ${quoted(`__crossfade_at ${quoted(command.path)}`)}`;
    return [
      ...command.commands.map(({ name, summary }) => `${here} -a ${quoted(name)} -d ${quoted(summary)}`),
      ...choicesOf(command.argument).map((choice) => `${here} -a ${quoted(choice)}`),
      ...(command.argument === "file" ? [`${here} -F`] : []),
      ...command.options.map(({ name, description, value }) => {
        const takes = value === null ? "" : value === "file" ? " -rF" : ` -x -a ${quoted(choicesOf(value).join(" "))}`;
        return `${here} -l ${name.slice(2)} -d ${quoted(description)}${takes}`;
      }),
    ];
  });
  const patterns = everyCommand(root)
    .slice(1)
    .map(({ path }) => quoted(path))
    .join(" ");
  return `# Completions of crossfade for fish: crossfade completions fish > ~/.config/fish/completions/crossfade.fish
function __crossfade_at
    set -l at crossfade
    for word in (commandline -opc)[2..]
        contains -- "$at $word" ${patterns}; and set at "$at $word"
    end
    test "$at" = $argv[1]
end
complete -c crossfade -f
${lines.join("\n")}
`;
}
