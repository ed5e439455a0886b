/** The commands of a page of documentation, and what it says that they print. Pure. */

export interface Command {
  readonly line: number;
  /** null: in the reader's own terminal, and waited for; else the terminal that it stays in. */
  readonly terminal: string | null;
  /** Null: Ctrl-C. */
  readonly text: string | null;
  /** Lines; empty where nothing was promised. */
  readonly expected: readonly string[];
  readonly exitCode: number;
}

/**
 * Blocks that are followed: `sh` is one command, of which nothing but its success is promised; in `console` each line with `$ `
 * is a command and the lines below are what it prints, `…` standing for any text and alone on a line for any lines,
 * `(exit code 1)` for how it ends. `console in TERMINAL` is a terminal of its own, in which a command may go on running
 * until `$ ^C`. Other blocks are to be read.
 */
export function commandsOf(markdown: string): readonly Command[] {
  const commands: Command[] = [];
  const lines = markdown.split("\n");
  for (let i = 0; i < lines.length; i++) {
    const info = /^```(\S.*)$/.exec(lines[i] ?? "")?.[1];
    if (info === undefined) continue;
    const first = i + 1;
    const end = lines.indexOf("```", first);
    if (end === -1) throw new Error(`line ${i + 1}: a block that does not end`);
    const block = lines.slice(first, end);
    i = end;
    if (info === "sh") {
      commands.push({ line: first, terminal: null, text: block.join("\n"), expected: [], exitCode: 0 });
    } else if (/^console\b/.test(info)) commands.push(...consoleCommands(info, block, first));
  }
  return commands;
}

function consoleCommands(info: string, block: readonly string[], first: number): readonly Command[] {
  const terminal = /^console in (\S+)$/.exec(info)?.[1] ?? null;
  if (terminal === null && info !== "console") throw new Error(`line ${first}: ${info} is no kind of block`);
  const commands: Command[] = [];
  block.forEach((text, i) => {
    const command = /^\$ (.*)$/.exec(text)?.[1];
    const last = commands.at(-1);
    if (command !== undefined) {
      const line = first + i + 1;
      commands.push({ line, terminal, text: command === "^C" ? null : command, expected: [], exitCode: 0 });
    } else if (last === undefined) throw new Error(`line ${first + i + 1}: output of no command`);
    else commands.splice(-1, 1, withOutput(last, text));
  });
  return commands;
}

function withOutput(command: Command, text: string): Command {
  const code = /^\(exit code (\d)\)$/.exec(text)?.[1];
  return code === undefined
    ? { ...command, expected: [...command.expected, text] }
    : { ...command, exitCode: Number(code) };
}

/** Whether the whole of `output` is as expected; nothing expected allows everything. */
export function fits(output: string, expected: readonly string[]): boolean {
  if (expected.length === 0) return true;
  const pattern = expected.map((line) => (line.trim() === "…" ? "(?:.*\n)*?" : `${patternOf(line)}[ ]*\n`)).join("");
  return new RegExp(`^(?:[ ]*\n)*${pattern}(?:[ ]*\n)*$`).test(output.endsWith("\n") ? output : `${output}\n`);
}

function patternOf(line: string): string {
  return line
    .trimEnd()
    .split("…")
    .map((part) => part.replaceAll(/[\\^$.*+?()[\]{}|]/g, "\\$&"))
    .join(".*?");
}
