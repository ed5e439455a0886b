/** What Tab offers, asked of the shells themselves. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { completedCommands, everyCommand, SHELLS, type Shell } from "../../../proxy/cli/completion-tree.ts";
import { completionsFor } from "../../../proxy/cli/completions.ts";
import { buildProgram } from "../../../proxy/cli/program.ts";

const program = buildProgram(() => undefined);
const folder = mkdtempSync(join(tmpdir(), "crossfade-completions-"));
after(() => rmSync(folder, { recursive: true, force: true }));

/** Asks about all lines at once; each answer is what is offered, sorted, `FILES` where files are. */
type Ask = (lines: readonly string[]) => readonly (readonly string[])[];

/** Runs `script` in a shell; it prints an answer a line. */
function answersOf(shell: Shell, args: readonly string[], script: string): readonly (readonly string[])[] {
  const { status, stdout, stderr } = spawnSync(shell, [...args, "-c", script], { encoding: "utf8" });
  assert.equal(status, 0, stderr);
  assert.equal(stderr, "");
  const answers = stdout.split(/^==\n/m).slice(0, -1);
  return answers.map((answer) =>
    answer
      .split("\n")
      .filter((word) => word !== "")
      .toSorted(),
  );
}

function scriptFile(shell: Shell): string {
  const file = join(folder, `completions.${shell}`);
  writeFileSync(file, completionsFor(shell, program));
  return file;
}

const ASK: Readonly<Record<Shell, Ask>> = {
  bash: (lines) =>
    answersOf(
      "bash",
      ["--noprofile", "--norc"],
      [
        `source ${scriptFile("bash")}; compopt() { COMPREPLY=(FILES); }`,
        ...lines.map(
          (line) =>
            `COMP_WORDS=(${wordsOf(line)}); COMP_CWORD=$((\${#COMP_WORDS[@]} - 1)); _crossfade; printf '%s\\n' "\${COMPREPLY[@]}"; echo ==`,
        ),
      ].join("\n"),
    ),
  zsh: (lines) =>
    answersOf(
      "zsh",
      ["-f"],
      [
        "compdef() { }; _files() { print FILES }",
        'compadd() { shift; for word in "$@"; do [[ $word == $PREFIX* ]] && print -r -- $word; done; return 0 }',
        '_describe() { for each in "${(@P)2}"; do [[ $each == $PREFIX* ]] && print -r -- ${each%%:*}; done; return 0 }',
        `source ${scriptFile("zsh")}`,
        ...lines.map((line) => `words=(${wordsOf(line)}); CURRENT=$#words; PREFIX=$words[-1]; _crossfade; print '=='`),
      ].join("\n"),
    ),
  fish: (lines) =>
    answersOf(
      "fish",
      ["--no-config"],
      [
        `cd ${folder}; source ${scriptFile("fish")}`,
        ...lines.map((line) => `complete -C '${line}' | string replace -r '\\t.*' ''; echo ==`),
      ].join("\n"),
    ).map((answer) => (answer.includes("completions.fish") ? ["FILES"] : answer)),
};

function wordsOf(line: string): string {
  return line
    .split(" ")
    .map((word) => `'${word}'`)
    .join(" ");
}

for (const shell of SHELLS) {
  const missing = spawnSync(shell, ["--version"]).error !== undefined && shell !== "bash";
  test(
    `${shell} completes every command, option and choice, and files where files are named`,
    { skip: missing },
    () => {
      const commands = everyCommand(completedCommands(program));
      const ask = ASK[shell];
      const below = commands.filter(({ argument }) => argument !== "file");
      const words = ask(below.map(({ path }) => `${path} `));
      below.forEach(({ path, commands: subcommands, argument }, i) => {
        const choices = typeof argument === "object" ? argument.choices : [];
        assert.deepEqual(words[i], [...subcommands.map(({ name }) => name), ...choices].toSorted(), path);
      });
      const options = ask(commands.map(({ path }) => `${path} --`));
      commands.forEach(({ path, options: expected }, i) => {
        assert.deepEqual(options[i], expected.map(({ name }) => name).toSorted(), path);
      });
      const lines: readonly (readonly [line: string, offered: readonly string[]])[] = [
        ["crossfade div", ["divergences"]],
        ["crossfade divergences e", ["export"]],
        ["crossfade mirror o", ["off", "on"]],
        ["crossfade phase items ad", ["advance"]],
        ["crossfade divergences list --kind pre", ["precision"]],
        ["crossfade divergences --json list --ki", ["--kind"]],
        ["crossfade status --wa", ["--watch"]],
        ["crossfade start --config ", ["FILES"]],
        ["crossfade try ", ["FILES"]],
        ["crossfade status --token ", []],
        ["crossfade completions ", ["bash", "fish", "zsh"]],
      ];
      const answers = ask(lines.map(([line]) => line));
      lines.forEach(([line, offered], i) => assert.deepEqual(answers[i], offered, line));
    },
  );
}
