/** `docs/reference/cli.md`: the help of every command. Pure. */
import type { Command } from "commander";
import { buildProgram } from "../../proxy/cli/program.ts";
import { GENERATED } from "./json-schema.ts";

export function cliReference(): string {
  const program = buildProgram(() => undefined);
  return `${GENERATED}

# Command line

Exit codes, of every command: 0 done, or clean; 1 the answer is no (divergent, gate shut, config invalid); 2 usage; 3 it could not run.
\`CROSSFADE_ADMIN\` and \`CROSSFADE_TOKEN\` take the place of \`--admin\` and \`--token\`. In a clone: \`npm run crossfade -- COMMAND\`.

${below(program, "crossfade").join("\n\n")}
`;
}

function below(command: Command, path: string): readonly string[] {
  let text = "";
  command.configureOutput({
    writeOut: (more) => (text += more),
    getOutHelpWidth: () => 80,
    getOutHasColors: () => false,
  });
  command.outputHelp();
  const own = `## ${path}\n\n\`\`\`text\n${text.trim()}\n\`\`\``;
  return [own, ...command.commands.flatMap((each) => below(each, `${path} ${each.name()}`))];
}
