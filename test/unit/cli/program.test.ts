import assert from "node:assert/strict";
import { test } from "node:test";
import { type Command, CommanderError } from "commander";
import { buildProgram } from "../../../proxy/cli/program.ts";

/** The program with what it writes kept, and every command's errors thrown. */
function programThatTells(): { program: Command; written: () => string } {
  let written = "";
  const program = buildProgram(() => undefined);
  const keep = (command: Command): void => {
    command.exitOverride().configureOutput({
      writeOut: (text) => (written += text),
      writeErr: (text) => (written += text),
      getOutHelpWidth: () => 80,
    });
    command.commands.forEach(keep);
  };
  keep(program);
  return { program, written: () => written };
}

async function refusalOf(args: readonly string[]): Promise<string> {
  const { program, written } = programThatTells();
  await assert.rejects(
    program.parseAsync(["node", "crossfade", ...args]),
    (error) => error instanceof CommanderError && error.exitCode === 1,
  );
  return written();
}

function everyCommand(command: Command): Command[] {
  return [command, ...command.commands.flatMap(everyCommand)];
}

test("every command's help has an example, tells its options and fits 80 columns", () => {
  for (const { name } of everyCommand(buildProgram(() => undefined)).map((command) => ({ name: command.name() }))) {
    const { program, written } = programThatTells();
    const command = everyCommand(program).find((candidate) => candidate.name() === name);
    command?.outputHelp();
    assert.match(written(), /\nExamples?:\n {2}\$ crossfade /, name);
    for (const line of written().split("\n")) assert.ok(line.length <= 80, line);
  }
});

test("a bound that is switched off is no bound of nothing", () => {
  const backfill = everyCommand(buildProgram(() => undefined)).find((command) => command.name() === "backfill");
  backfill?.parseOptions(["--max-lag", "off", "--max-latency", "2s"]);
  assert.deepEqual([backfill?.opts()["maxLag"], backfill?.opts()["maxLatency"]], ["off", 2_000]);
});

test("every command that asks a running Crossfade takes the common options", () => {
  for (const command of everyCommand(buildProgram(() => undefined))) {
    const asking = [
      "status",
      "list",
      "groups",
      "show",
      "tail",
      "export",
      "purge",
      "suggest",
      "mirror",
      "gate",
      "recompare",
      "replay",
    ];
    // The routing is a text for a server, and no answer for a program.
    const isRouting = command.name() === "export" && command.parent?.name() === "crossfade";
    if (!asking.includes(command.name()) || isRouting) continue;
    const flags = command.options.map((option) => option.long);
    for (const flag of ["--admin", "--config", "--token", "--json", "--no-color"])
      assert.ok(flags.includes(flag), `${command.name()} ${flag}`);
  }
});

test("only commands that exist are there", () => {
  const names = buildProgram(() => undefined).commands.map((command) => command.name());
  assert.deepEqual(names, [
    "start",
    "demo",
    "try",
    "check",
    "explain",
    "status",
    "mirror",
    "gate",
    "phase",
    "divergences",
    "repair",
    "suggest",
    "recompare",
    "values",
    "replay",
    "backfill",
    "reconcile",
    "schema",
    "instances",
    "retire",
    "export",
    "completions",
  ]);
});

test("a wrong use is told with what is there instead", async () => {
  const cases: readonly (readonly [args: readonly string[], expected: RegExp])[] = [
    [["status", "--wach"], /unknown option '--wach'\n\(Did you mean --watch\?\)/],
    [["divergences", "list", "--kind", "presicion"], /Allowed choices are status, header, .*precision/],
    [["divergences", "list", "--outcome", "bad"], /Allowed choices are match, /],
    [["divergences", "list", "--limit", "0"], /no whole number from 1/],
    [["divergences", "list", "--limit", "many"], /no whole number from 1/],
    [["divergences", "tail", "--since", "2h"], /unknown option '--since'/],
    [["divergences", "show"], /missing required argument 'id'/],
    [["explain", "GET"], /missing required argument 'path'/],
    [["explain", "GET", "/", "--header", "nocolon"], /Write it as 'name: value'/],
    [["start", "--log-level", "loud"], /Allowed choices are fatal/],
    [["start", "leftover"], /too many arguments/],
  ];
  for (const [args, expected] of cases) assert.match(await refusalOf(args), expected);
});
