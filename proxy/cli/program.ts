/** The program: its commands are added here in the order of --help, and each one's own file is imported when it is run. */
import { Argument, Command, CommanderError } from "commander";
import { CrossfadeError } from "../errors.ts";
import { readVersion } from "../version.ts";
import { type Shell, SHELLS } from "./completion-tree.ts";
import { addDivergences } from "./divergence-commands.ts";
import { EXIT, Exit, type ExitCode } from "./exit.ts";
import { addOfflineCommands, addRowCommands, addSchema } from "./offline-commands.ts";
import { type Ended, example } from "./options.ts";
import { addExit, addInstances, addOperation, addRemedies } from "./running-commands.ts";
import { endWithReader } from "./terminal.ts";

/** Runs what `argv` (node, script, arguments) asks for; sets the exit code, and lets the process end by itself. */
export async function runProgram(argv: readonly string[]): Promise<void> {
  endWithReader();
  try {
    await buildProgram((code) => {
      process.exitCode = code;
    }).parseAsync(argv);
  } catch (error) {
    process.exitCode = explainFailure(error);
  }
}

export function buildProgram(ended: Ended): Command {
  const program = new Command("crossfade")
    .description(
      "HTTP dual-write proxy: mirrors writes to the service that replaces yours, compares every answer, records every difference.",
    )
    .version(readVersion())
    .showHelpAfterError("(--help shows options and examples)")
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error:/, "crossfade:")) })
    .addHelpText(
      "after",
      example("crossfade start --legacy http://127.0.0.1:3000 --next http://127.0.0.1:4000", "crossfade status"),
    )
    .exitOverride();

  addOfflineCommands(program, ended);
  addOperation(program, ended);
  addDivergences(program, ended);
  addRemedies(program, ended);
  addRowCommands(program, ended);
  addSchema(program, ended);
  addInstances(program, ended);
  addExit(program, ended);
  addCompletions(program, ended);
  return program;
}

function addCompletions(program: Command, ended: Ended): void {
  program
    .command("completions")
    .addArgument(new Argument("<shell>", "whose completions").choices(SHELLS))
    .summary("what Tab completes in bash, zsh and fish")
    .description("Prints a script for a shell that completes commands, options and what they may be set to.")
    .addHelpText(
      "after",
      example(
        'crossfade completions zsh > "${fpath[1]}/_crossfade"',
        "crossfade completions fish > ~/.config/fish/completions/crossfade.fish",
        "source <(crossfade completions bash)",
      ),
    )
    .action(async (shell: Shell) => {
      const { completionsFor } = await import("./completions.ts");
      process.stdout.write(completionsFor(shell, program));
      ended(EXIT.done);
    });
}

/** Tells on stderr what went wrong, and with which code to end. */
function explainFailure(error: unknown): ExitCode {
  // Commander has written its own message; help and version come this way too, with code 0.
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
  // Whatever nobody foresaw is shown with its stack: it is a mistake of Crossfade's own.
  const foreseen = error instanceof Exit || error instanceof CrossfadeError;
  const text = error instanceof Error ? (foreseen ? error.message : (error.stack ?? error.message)) : String(error);
  process.stderr.write(
    `${text
      .split("\n")
      .map((line) => `crossfade: ${line}`)
      .join("\n")}\n`,
  );
  if (error instanceof Exit) return error.code;
  return error instanceof CrossfadeError && error.code === "config-invalid" ? EXIT.no : EXIT.failed;
}
