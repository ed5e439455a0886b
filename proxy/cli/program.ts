/** Commands, options and help. Each command's own file is imported when it is run. */
import { Argument, Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { CrossfadeError } from "../errors.ts";
import { DIFFERENCE_KINDS, GROUP_STATES } from "../evidence.ts";
import { OUTCOME_KINDS } from "../outcome.ts";
import { readVersion } from "../version.ts";
import type { CheckOptions } from "./check.ts";
import type { DemoOptions } from "./demo.ts";
import type { ListOptions } from "./divergences.ts";
import { EXIT, Exit, type ExitCode } from "./exit.ts";
import type { ExplainOptions } from "./explain.ts";
import type { ExportOptions } from "./export.ts";
import type { GateOptions } from "./gate.ts";
import type { DecideOptions } from "./groups.ts";
import type { RepairOptions } from "./repair.ts";
import type { MirrorOptions, MirrorState } from "./mirror.ts";
import type { PurgeOptions } from "./purge.ts";
import type { RecompareOptions } from "./recompare.ts";
import type { ValuesOptions } from "./values.ts";
import type { ReplayOptions } from "./replay.ts";
import type { StartFlagsGiven } from "./start.ts";
import type { StatusOptions } from "./status.ts";
import type { SuggestOptions } from "./suggest.ts";
import type { TryOptions } from "./try.ts";

/** Runs what `argv` (node, script, arguments) asks for; sets the exit code, and lets the process end by itself. */
export async function runProgram(argv: readonly string[]): Promise<void> {
  try {
    await buildProgram((code) => {
      process.exitCode = code;
    }).parseAsync(argv);
  } catch (error) {
    process.exitCode = explainFailure(error);
  }
}

/** `ended` is told the exit code of a command that came to its end. */
export function buildProgram(ended: (code: ExitCode) => void): Command {
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

  program
    .command("start")
    .summary("run the proxy")
    .description(
      "Runs the proxy until it is sent SIGTERM or SIGINT; then it finishes what is under way and says what was left.",
    )
    .option("--config <file>", "configuration (default: ./crossfade.yaml where it exists and no service is named here)")
    .option("--legacy <url>", "the service that is the source of truth today")
    .option("--next <url>", "the service that replaces it and gets the copies")
    .option("--effects <kind>", "what next does with mail, payments and the like: suppressed, sandboxed or real")
    .option("--listen <address>", "where clients connect (default: 127.0.0.1:8080)")
    .option("--admin <address>", "where status, API and metrics are (default: 127.0.0.1:9090)")
    .option("--store <place>", "sqlite:FILE, redis://HOST:PORT/DB or memory: (default: sqlite:./crossfade.db)")
    .option(
      "--divergence-log <file>",
      "one line of JSON for every difference (default: ./crossfade-divergences.ndjson)",
    )
    .option("--adopt-phases", "take the phases of the config although the store is new")
    .addOption(new Option("--log-level <level>", "how much is logged on stderr").choices(LOG_LEVELS).default("info"))
    .addHelpText("after", example("crossfade start --legacy http://127.0.0.1:3000 --next http://127.0.0.1:4000"))
    .action(async (options: StartFlagsGiven) => ended(await (await import("./start.ts")).runStart(options)));

  program
    .command("demo")
    .summary("see it work on two real services")
    .description(
      "Runs two versions of one real API with the proxy between them, and tells what it finds, until Ctrl-C.",
    )
    .option("--once", "end after the story; exit code 1: a client error, a lost copy, or accounts that do not sum")
    .option("--json", "add one line of JSON when the story is told")
    .option("--no-color", "no colours")
    .addHelpText("after", example("crossfade demo"))
    .action(async (options: DemoOptions) => ended(await (await import("./demo.ts")).runDemo(options)));

  program
    .command("try <file.har>")
    .summary("compare both services on recorded reads, without a proxy")
    .description(
      "Sends the reads that a browser or proxy recorded (HAR 1.2) to both services, compares the answers by the routes' rules, and shows what differs. Writes are left out and nothing is kept. Exit code 1: something differs, or was not answered; 3: the file cannot be used, or a service cannot be reached.",
    )
    .option("--config <file>", "configuration (default: ./crossfade.yaml where it exists and no service is named here)")
    .option("--legacy <url>", "the service that is the source of truth today")
    .option("--next <url>", "the service that replaces it")
    .option("--host <name>", "only requests that were recorded of this host (default: of any)")
    .addOption(
      new Option("--concurrency <count>", "requests at once to each service")
        .default(4)
        .argParser(wholeNumber(MOST_AT_ONCE)),
    )
    .addOption(new Option("--limit <count>", "send at most this many (default: all)").argParser(wholeNumber(9_999_999)))
    .option("--json", "one JSON value a line instead of sentences: the sums, then each cause")
    .option("--no-color", "no colours")
    .addHelpText(
      "after",
      example("crossfade try recorded.har", "crossfade try recorded.har --host api.example.com --json"),
    )
    .action(async (file: string, options: TryOptions) => ended(await (await import("./try.ts")).runTry(file, options)));

  withConfig(program.command("check"))
    .summary("validate the configuration")
    .description(
      "Validates the configuration and prints the routes in effect. Exit code 1: it is invalid; 3: it cannot be read.",
    )
    .addHelpText("after", example("crossfade check --config crossfade.yaml"))
    .action(async (options: CheckOptions) => ended((await import("./check.ts")).checkConfig(options)));

  withConfig(program.command("explain <method> <path>"))
    .summary("which route, key and rules a request gets")
    .description("Says which route, key, phase and rules apply to a request, and why. Nothing is sent.")
    .option("--host <name>", "the request's Host header")
    .option("--header <name: value>", "a request header; may be repeated", collectHeader, [])
    .addHelpText("after", example("crossfade explain PUT /users/42 --header 'x-tenant: acme'"))
    .action(async (method: string, path: string, options: ExplainOptions) =>
      ended((await import("./explain.ts")).explainConfig(method, path, options)),
    );

  withApi(program.command("status"))
    .summary("a line for each route, what is wrong first")
    .description("Shows how a running Crossfade fares. Exit code 1: a route diverges, or it is not ready.")
    .option("--watch", "show it again every 2 s until Ctrl-C")
    .addHelpText("after", example("crossfade status --watch"))
    .action(async (options: StatusOptions) => ended(await (await import("./status.ts")).runStatus(options)));

  withApi(program.command("mirror"))
    .addArgument(
      new Argument("<state>", "on, off, or unpin: back to what the file says").choices(["on", "off", "unpin"]),
    )
    .summary("switch mirroring on or off while it runs")
    .description(
      "Without --route the kill switch: off, nothing is mirrored, whatever else is set; on, it is as before. With --route what of it is mirrored, over the file, until it is unpinned. It is kept over a restart, shown in status, and told in the audit. While writes are kept from a shadow the route has a gap. Exit code 1: there is no such route.",
    )
    .option("--route <name>", "only this route")
    .option("--reads <share>", "of --route: also copy this share of its reads (5%)")
    .option("--reason <text>", "why; kept and shown")
    .addHelpText(
      "after",
      example(
        'crossfade mirror off --reason "next is on fire"',
        "crossfade mirror on",
        "crossfade mirror on --route users --reads 5%",
        "crossfade mirror unpin --route users",
      ),
    )
    .action(async (state: MirrorState, options: MirrorOptions) =>
      ended(await (await import("./mirror.ts")).runMirror(state, options)),
    );

  withApi(program.command("gate <route>"))
    .summary("whether a route may be cut over, and what is missing")
    .description(
      "Says whether the evidence is enough to make next the primary of a route, what is missing, and about how long it takes at the present rate. Nothing is changed. Exit code 0: the gate is open; 1: it is shut, or there is no such route.",
    )
    .addHelpText("after", example("crossfade gate users", "crossfade gate users --json"))
    .action(async (route: string, options: GateOptions) =>
      ended(await (await import("./gate.ts")).runGate(route, options)),
    );

  addDivergences(program, ended);

  withApi(program.command("repair"))
    .summary("make the shadow equal where copies were lost or refused")
    .description(
      "Goes through the repair list: reads each key on both services, writes to the shadow what the primary has, and reads both again. Ctrl-C is safe, and the next run goes on. Exit code 1: keys are left on the list, parked ones among them.",
    )
    .option("--route <name>", "only of this route")
    .option("--dry-run", "read and compare, and say what would be written; nothing is changed")
    .option("--rate <rate>", "keys that may be begun: 20/s, 600/m (default: repair.rate of each route)")
    .addHelpText(
      "after",
      example("crossfade repair --route users --dry-run", "crossfade repair --route users --rate 50/s"),
    )
    .action(async (options: RepairOptions) => ended(await (await import("./repair.ts")).runRepair(options)));

  withApi(program.command("suggest"))
    .summary("rules for differences that do not matter")
    .description(
      "Learns from what was recorded which rules would excuse differences that do not matter, and prints them to be pasted into the configuration, with what each would hide. Nothing is changed. What may be a mistake is listed apart. With compare.noise in the configuration it also knows how often each place agrees, and where the primary answers the same request differently. Exit code 1: there is no route of that name.",
    )
    .option("--route <name>", "only of this route")
    .addOption(sinceOption())
    .addOption(limitOption("look at this many divergences of a route at most, the newest (default: 2000)"))
    .addHelpText("after", example("crossfade suggest", "crossfade suggest --route users --since 2h"))
    .action(async (options: SuggestOptions) => ended(await (await import("./suggest.ts")).runSuggest(options)));

  withApi(program.command("recompare"))
    .summary("what changed rules would make of what was recorded")
    .description(
      "Compares the exchanges that a running Crossfade has kept whole under the rules of the file on disk, and shows which causes vanish and which appear. They are redacted: what is secret is compared by a keyed hash. Nothing is sent and nothing is changed. Exit code 1: something appears; 3: there is nothing to compare.",
    )
    .option("--route <name>", "only what was recorded of this route")
    .option("--fixtures <place>", "compare these instead: a file of divergences export --format fixture, or a folder")
    .addHelpText(
      "after",
      example("crossfade recompare --config crossfade.yaml", "crossfade recompare --route users --fixtures test/pairs"),
    )
    .action(async (options: RecompareOptions) => ended(await (await import("./recompare.ts")).runRecompare(options)));

  withApi(program.command("values"))
    .summary("what ids and tokens of one service are at the other")
    .description(
      "Prints the pairs of values that routes have learnt (values), the newest first, as comma-separated values. Secret ones (tokens, cookies, what is redacted) are listed without their texts, and so are those that are the same on both sides. Needs a token of the role bodies.",
    )
    .option("--kind <kind>", "only values of this kind")
    .addHelpText("after", example("crossfade values --kind user-id > user-ids.csv"))
    .action(async (options: ValuesOptions) => ended(await (await import("./values.ts")).runValues(options)));

  withApi(program.command("replay <id>"))
    .summary("send a recorded request once more")
    .description(
      "Sends the request of a divergence again, as far as it was kept whole: a read to both services, a write to the shadow alone; and shows whether the answers differ as they did. Exit code 0: the difference is gone; 1: it is not, or the request cannot be sent again; 3: a service gave no answer.",
    )
    .option("--force", "send a write although the shadow may apply it twice; needs --reason")
    .option("--reason <text>", "why; kept in the log of the proxy")
    .addHelpText(
      "after",
      example(
        "crossfade replay 01JD9X3P4M5N6Q7R8S9TAVBWCX",
        'crossfade replay 01JD9X3P4M5N6Q7R8S9TAVBWCX --force --reason "a test system"',
      ),
    )
    .action(async (id: string, options: ReplayOptions) =>
      ended(await (await import("./replay.ts")).runReplay(id, options)),
    );
  return program;
}

function addDivergences(program: Command, ended: (code: ExitCode) => void): void {
  const divergences = program
    .command("divergences")
    .summary("where the services disagree")
    .description("Where the services disagree: listed, by cause, one in full, or live; and what you know of a cause.")
    .addHelpText("after", example("crossfade divergences list --route users --since 2h --kind precision"));

  withFilter(withApi(divergences.command("list", { isDefault: true })))
    .description("Lists divergences, the newest first.")
    .addOption(stateOption("only of causes in this state"))
    .addOption(sinceOption())
    .addOption(limitOption())
    .addHelpText(
      "after",
      example(
        "crossfade divergences list --route users --outcome divergent --json",
        "crossfade divergences list --group b1946ac9",
      ),
    )
    .action(async (options: ListOptions) => ended(await (await import("./divergences.ts")).runList(options)));

  withApi(divergences.command("groups"))
    .description(
      "Lists causes: divergences that share route, method, places, kinds and classes of values; and copies that failed in the same way.",
    )
    .option("--route <name>", "only of this route")
    .addOption(stateOption("only in this state"))
    .addOption(limitOption())
    .addHelpText("after", example("crossfade divergences groups --route users --state new"))
    .action(async (options: ListOptions) => ended(await (await import("./divergences.ts")).runGroups(options)));

  withApi(divergences.command("show <id>"))
    .description("Shows one divergence, or one group with samples. Exit code 1: there is none of that id.")
    .addHelpText("after", example("crossfade divergences show b1946ac9"))
    .action(async (id: string, options: ListOptions) =>
      ended(await (await import("./divergences.ts")).runShow(id, options)),
    );

  addDecisions(divergences, ended);
  addExport(divergences, ended);
  addPurge(divergences, ended);

  withFilter(withApi(divergences.command("tail")))
    .description("Prints divergences as they are recorded, until Ctrl-C.")
    .addHelpText("after", example("crossfade divergences tail --route users"))
    .action(async (options: ListOptions) => ended(await (await import("./divergences.ts")).runTail(options)));
}

function addExport(divergences: Command, ended: (code: ExitCode) => void): void {
  withFilter(withApi(divergences.command("export")))
    .description(
      "Writes all divergences that match, the newest first: a line of JSON each, as commands that send their requests again, or whole, as far as they were kept so, for crossfade recompare --fixtures.",
    )
    .addOption(stateOption("only of causes in this state"))
    .addOption(sinceOption())
    .addOption(
      new Option("--format <format>", "ndjson; curl: a command for a POSIX shell each; fixture: a file of YAML")
        .choices(["ndjson", "curl", "fixture"])
        .default("ndjson"),
    )
    .addOption(
      new Option("--to <service>", "which service the commands of --format curl ask")
        .choices(["legacy", "next"])
        .default("next"),
    )
    .addHelpText(
      "after",
      example(
        "crossfade divergences export --route users --since 7d > users.ndjson",
        "crossfade divergences export --kind precision --format curl --to legacy",
        "crossfade divergences export --route users --format fixture > users.yaml",
      ),
    )
    .action(async (options: ExportOptions) => ended(await (await import("./export.ts")).runExport(options)));
}

function addPurge(divergences: Command, ended: (code: ExitCode) => void): void {
  withApi(divergences.command("purge"))
    .description(
      "Erases the divergences of one entity from the store, its file and the divergence log, where the key is redacted too. Counts, groups and the repair list stay.",
    )
    .requiredOption("--key <key>", "the plain entity key: users/42")
    .option("--route <name>", "only of this route")
    .option("--dry-run", "say what would go, and change nothing")
    .addHelpText(
      "after",
      example("crossfade divergences purge --key users/42 --dry-run", "crossfade divergences purge --key users/42"),
    )
    .action(async (options: PurgeOptions) => ended(await (await import("./purge.ts")).runPurge(options)));
}

function addDecisions(divergences: Command, ended: (code: ExitCode) => void): void {
  const decide =
    (state: "acknowledged" | "fixed" | "new") =>
    async (id: string, options: DecideOptions): Promise<void> =>
      ended(await (await import("./groups.ts")).runDecide(id, state, options));

  withApi(divergences.command("ack <group>"))
    .description(
      "Acknowledges a cause: it stays in the lists, and status is not loud about it any more. Exit code 1: there is no such group.",
    )
    .requiredOption("--reason <text>", "why this difference is accepted; kept and shown with the group")
    .option("--until <time>", "seen after this, it has regressed: 2027-03-01 or 2027-03-01T12:00:00Z")
    .option("--build <build>", "seen in another build of next than this, it has regressed")
    .addHelpText(
      "after",
      example(
        'crossfade divergences ack b1946ac9 --reason "legacy pads names; agreed"',
        'crossfade divergences ack b1946ac9 --reason "fixed soon" --build 9f3c',
      ),
    )
    .action(decide("acknowledged"));

  withApi(divergences.command("fixed <group>"))
    .description("Says that a cause is fixed: seen again, it has regressed. Exit code 1: there is no such group.")
    .option("--reason <text>", "how; kept and shown with the group")
    .addHelpText("after", example('crossfade divergences fixed b1946ac9 --reason "build a001"'))
    .action(decide("fixed"));

  withApi(divergences.command("reopen <group>"))
    .description("Takes back what was said of a cause: it is new again. Exit code 1: there is no such group.")
    .option("--reason <text>", "why; kept and shown with the group")
    .addHelpText("after", example("crossfade divergences reopen b1946ac9"))
    .action(decide("new"));
}

/** Of `try`: answers of 16 MiB each are in memory for as many requests. */
const MOST_AT_ONCE = 16;
const LOG_LEVELS = ["fatal", "error", "warn", "info", "debug", "trace", "silent"];

function withConfig(command: Command): Command {
  return command
    .option("--config <file>", "configuration (default: ./crossfade.yaml where it exists and no service is named here)")
    .option("--legacy <url>", "the service that is the source of truth today")
    .option("--next <url>", "the service that replaces it and gets the copies")
    .option("--effects <kind>", "what next does with mail, payments and the like: suppressed, sandboxed or real")
    .option("--json", "one JSON value instead of sentences")
    .option("--no-color", "no colours");
}

function withApi(command: Command): Command {
  return command
    .option("--admin <url>", "admin listener (default: what the configuration says, else http://127.0.0.1:9090)")
    .option("--config <file>", "configuration that says where it is (default: ./crossfade.yaml where it exists)")
    .option("--token <token>", "admin token (default: CROSSFADE_TOKEN)")
    .option("--json", "one JSON value a line instead of sentences")
    .option("--no-color", "no colours");
}

function withFilter(command: Command): Command {
  return command
    .option("--route <name>", "only of this route")
    .addOption(new Option("--kind <kind>", "only with a difference of this kind").choices(DIFFERENCE_KINDS))
    .option("--at <pointer>", "only with a difference at this place or below it (/items/*/price, header:etag)")
    .addOption(new Option("--outcome <outcome>", "only with this outcome").choices(OUTCOME_KINDS))
    .option("--group <id>", "only of this cause");
}

function stateOption(description: string): Option {
  return new Option("--state <state>", description).choices(GROUP_STATES);
}

function sinceOption(): Option {
  return new Option("--since <time>", "not older than this: 90s, 15m, 2h, 7d, or 2026-11-22T12:00:00Z");
}

function limitOption(description = "at most this many (default: 20)"): Option {
  return new Option("--limit <count>", description).argParser(wholeNumber(9_999_999));
}

function wholeNumber(most: number): (text: string) => number {
  return (text) => {
    if (/^[1-9]\d{0,6}$/.test(text) && Number(text) <= most) return Number(text);
    throw new InvalidArgumentError(`It is no whole number from 1 to ${most}.`);
  };
}

function collectHeader(
  text: string,
  before: readonly (readonly [string, string])[],
): readonly (readonly [string, string])[] {
  const [, name, value] = /^([^\s:]+): ?(.*)$/.exec(text) ?? [];
  if (name === undefined || value === undefined) throw new InvalidArgumentError("Write it as 'name: value'.");
  return [...before, [name.toLowerCase(), value]];
}

function example(...lines: readonly string[]): string {
  return `\nExample${lines.length === 1 ? "" : "s"}:\n${lines.map((line) => `  $ ${line}`).join("\n")}`;
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
  return error instanceof Exit ? error.code : EXIT.failed;
}
