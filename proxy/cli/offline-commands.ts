/** The commands that need no running Crossfade: they start one, or read a configuration or a recording. */
import { type Command, InvalidArgumentError, Option } from "commander";
import type { BackfillFlags } from "./backfill-flags.ts";
import type { CheckOptions } from "./check.ts";
import type { DemoOptions } from "./demo.ts";
import type { ExplainOptions } from "./explain.ts";
import { MOST_SAMPLED } from "../config/collection-settings.ts";
import { SECOND } from "../config/units.ts";
import { holdYoung } from "../process/heap-growth.ts";
import { type Ended, example, instant, timeOrOff, wholeNumber, withConfig } from "./options.ts";
import type { ReconcileFlags } from "./reconcile.ts";
import type { SchemaFlags } from "./schema.ts";
import type { StartFlagsGiven } from "./start.ts";
import type { TryOptions } from "./try.ts";

/** Of `try`: answers of 16 MiB each are in memory for as many requests. */
const MOST_AT_ONCE = 16;
/** Of `backfill`: each is two connections and a thread. */
const MOST_RANGES = 32;
const LOG_LEVELS = ["fatal", "error", "warn", "info", "debug", "trace", "silent"];

export function addOfflineCommands(program: Command, ended: Ended): void {
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
    .option("--member-folder <folder>", "with a redis: store, this process's own folder (default: ./crossfade-member)")
    .option("--workers <count>", "processes that take requests beside this one (default: 0, this one takes them)")
    .option("--adopt-phases", "take the phases of the config although the store is new")
    .addOption(new Option("--log-level <level>", "how much is logged on stderr").choices(LOG_LEVELS).default("info"))
    .addHelpText("after", example("crossfade start --legacy http://127.0.0.1:3000 --next http://127.0.0.1:4000"))
    .action(async (options: StartFlagsGiven) => {
      holdYoung();
      ended(await (await import("./start.ts")).runStart(options));
    });

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
}

/** Commands that work on the services' databases, and on no request. */
export function addRowCommands(program: Command, ended: Ended): void {
  withRows(program.command("backfill <collection>"))
    .summary("bring the rows of a collection over to next's table")
    .description(
      "Reads the source's rows in chunks, makes the target's of them (transform) and writes those by their keys. How far it came is noted after each chunk: after Ctrl-C or a kill the same command goes on from there. While the route's writes are mirrored it asks the proxy that mirrors them (role operate) before each chunk is written: what was written live meanwhile is read again, and what is written too often is left to repair. Exit code 1: rows were set aside or in conflict, or it was refused; 3: a database or the proxy cannot be reached.",
    )
    .option(
      "--admin <url>",
      "admin listener of the proxy that mirrors the route's writes (default: CROSSFADE_ADMIN, or from the configuration)",
    )
    .option("--token <token>", "token for it, of role operate (default: CROSSFADE_TOKEN, or from the configuration)")
    .option("--dry-run", "read and make every row, write none")
    .addOption(
      new Option("--try <count>", "show so many rows before and after, write none").argParser(wholeNumber(1_000)),
    )
    .option("--types <file>", "write the types of both tables' rows (.d.ts), for the transform; bring nothing over")
    .option(
      "--keys <list>",
      "bring over these rows alone: a file with a key a line, or keys with commas in between (7, eu/7)",
    )
    .option(
      "--since <instant>",
      "bring over rows that were changed since then alone, as changedAt of the collection says: 2026-11-22T12:00:00Z",
      instant,
    )
    .addOption(
      new Option(
        "--ranges <count>",
        "bring over so many ranges of keys at the same time, each over connections and a thread of its own; not beside live writes (default: 1)",
      ).argParser(wholeNumber(MOST_RANGES)),
    )
    .option("--restart", "begin anew, whatever is noted")
    .option("--checkpoint <file>", "where it is noted (default: ./crossfade-backfill-COLLECTION.json)")
    .addOption(new Option("--max-rate <rows>", "rows a second at most").argParser(wholeNumber(9_999_999)))
    .addOption(
      new Option(
        "--max-lag <time>",
        "wait while copies of the route's live writes, or a replica that is read, are further behind: 10s, 500ms, off",
      )
        .default(10 * SECOND, "10s")
        .argParser(timeOrOff),
    )
    .addOption(
      new Option("--max-latency <time>", "wait while the target takes longer than this to answer for one row: 1s, off")
        .default(SECOND, "1s")
        .argParser(timeOrOff),
    )
    .option("--pause-file <file>", "wait while there is such a file (default: ./crossfade-backfill-COLLECTION.pause)")
    .addOption(new Option("--chunk <rows>", "rows a chunk (default: as it fits)").argParser(wholeNumber(20_000)))
    .addOption(
      new Option("--max-set-aside <rows>", "stop once more rows than this cannot be made or written")
        .default(100)
        .argParser(wholeNumber(100_000)),
    )
    .addHelpText(
      "after",
      example(
        "crossfade backfill users --types transforms/users.rows.d.ts",
        "crossfade backfill users --try 5",
        "crossfade backfill users --max-rate 5000",
        "crossfade backfill users --keys 42,43",
      ),
    )
    .action(async (collection: string, options: BackfillFlags) =>
      ended(await (await import("./backfill.ts")).runBackfillCommand(collection, options)),
    );

  withRows(program.command("reconcile <collection>"))
    .summary("whether both tables of a collection hold the same")
    .description(
      "Compares every row of the source, as the transform makes it, with the target's, by the collection's rules, and looks for rows that only the target has. What differs is looked at again before it is told: by key and column, without values. Where both databases can, they compute digests, and rows of chunks that differ alone are looked at. Nothing is changed without --repair, which makes the target's rows what the source says, each only while it is what was seen of it, and looks at them again; it is refused while the route's writes are mirrored. Exit code 1: something differs (still); 3: a database cannot be reached.",
    )
    .option(
      "--admin <url>",
      "admin listener of the running proxy: it is told how the comparison ended, and knows ids that differ (default: CROSSFADE_ADMIN, or from the configuration)",
    )
    .option("--token <token>", "token for it, of role operate (default: CROSSFADE_TOKEN, or from the configuration)")
    .option("--repair", "make them equal: print each step, do it, look again")
    .option("--dry-run", "with --repair: print the steps, do none")
    .option("--keep-extra", "with --repair: leave rows that the source has not")
    .addOption(
      new Option(
        "--sample <rows>",
        "compare so many rows of either side, drawn at random, and tell how many of all may differ; the gate takes it for nothing",
      ).argParser(wholeNumber(MOST_SAMPLED)),
    )
    .option(
      "--limit <count>",
      "rows that are told of; all are counted (default: 100, with --json all)",
      wholeNumber(9_999_999),
    )
    .addHelpText(
      "after",
      example(
        "crossfade reconcile users --json > users.ndjson",
        "crossfade reconcile users --sample 10000",
        "crossfade reconcile users --repair --dry-run",
      ),
    )
    .action(async (collection: string, options: ReconcileFlags) =>
      ended(
        options.sample === undefined
          ? await (await import("./reconcile.ts")).runReconcile(collection, options)
          : await (await import("./sample.ts")).runSample(collection, { ...options, sample: options.sample }),
      ),
    );
}

export function addSchema(program: Command, ended: Ended): void {
  withRows(program.command("schema <collection>"))
    .summary("whether next's table takes what legacy's holds, and whether a migration breaks anybody")
    .description(
      "Compares the columns and unique indexes of the collection's two tables, as next's has to take every row of legacy's. With --before it compares each table with what it was when its schema was saved: a change is additive, or it breaks whoever uses the table as it was (dropped, renamed, retyped, narrowed, NOT NULL without a default, a new unique index). In both it tells of widths that programs and JSON do not have. Of integers it looks up the least and the greatest, where an index makes that cheap. Nothing is changed. Exit code 1: something breaks; 3: a database cannot be reached, or a file cannot be used.",
    )
    .option("--save <file>", "save the schema of both tables, for --before and --after")
    .option("--before <file>", "compare with a saved schema")
    .option("--after <file>", "with --before: compare two saved schemas; no database and no configuration is read")
    .option("--columns", "tell also which type each column needs in TypeScript and in Rust")
    .option("--scan", "look up the least and the greatest of every integer; without an index that reads the table")
    .addHelpText(
      "after",
      example(
        "crossfade schema users --columns",
        "crossfade schema users --save before.json",
        "npm run migrate && crossfade schema users --before before.json",
      ).concat(
        `

  legacy
  breaking  renamed full_name: text: gone, and name is new in its place; whoever
            names it fails. Add, copy, and drop later
  hazard    near-the-end id: integer: the greatest is 2040109466, 95.0 % of
            2147483647
  users  1 breaking, 1 hazard, 0 additive`,
      ),
    )
    .action(async (collection: string, options: SchemaFlags) =>
      ended(await (await import("./schema.ts")).runSchema(collection, options)),
    );
}

function withRows(command: Command): Command {
  return command
    .option("--config <file>", "configuration that has the collection (default: ./crossfade.yaml)")
    .option("--json", "one JSON value a line instead of sentences")
    .option("--no-color", "no colours");
}

function collectHeader(
  text: string,
  before: readonly (readonly [string, string])[],
): readonly (readonly [string, string])[] {
  const [, name, value] = /^([^\s:]+): ?(.*)$/.exec(text) ?? [];
  if (name === undefined || value === undefined) throw new InvalidArgumentError("Write it as 'name: value'.");
  return [...before, [name.toLowerCase(), value]];
}
