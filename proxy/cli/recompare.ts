/** `crossfade recompare`: what the rules in the file on disk would make of the exchanges that were kept whole. */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { createComparer } from "../compare/comparer.ts";
import { loadSettings } from "../config/load.ts";
import { formatConfigMessage } from "../config/message.ts";
import { nearestName } from "../config/nearest.ts";
import type { Settings } from "../config/settings.ts";
import { readFixtures } from "../pairs/fixture.ts";
import { Recomparison, type RecompareReport } from "../pairs/recompare.ts";
import { compileRouter } from "../route/router.ts";
import type { StoredPair } from "../evidence/stored-pair.ts";
import { type ApiOptions, openApi } from "./api.ts";
import { configFileOf } from "./check.ts";
import { EXIT, Exit, type ExitCode } from "./exit.ts";
import { readPages } from "./pages.ts";
import { formatRecompared, jsonOfRecompared } from "./recompare-text.ts";
import { openTerminal, type Terminal } from "./terminal.ts";
import { printable } from "../controls.ts";

export interface RecompareOptions extends ApiOptions {
  readonly json?: boolean;
  readonly color?: boolean;
  readonly route?: string;
  readonly fixtures?: string;
}

const EXIT_CODES = { invalid: EXIT.no, usage: EXIT.usage, unreadable: EXIT.failed } as const;
const COMPARE_TIME_LIMIT_MS = 30_000;
/** Files of fixtures are read whole. */
const FIXTURE_MAX_BYTES = 64 * 1024 * 1024;

/** Exit 1: something that was no difference is one now. */
export async function runRecompare(options: RecompareOptions): Promise<ExitCode> {
  const terminal = openTerminal(options);
  const settings = loadRules(options, terminal);
  const pairs = options.fixtures === undefined ? pairsOfProxy(options) : pairsOfFiles(options.fixtures);
  const report = await recompareAll(pairs, settings, options.route);
  if (report.sums.pairs === 0) throw new Exit(EXIT.failed, nothingToCompare(options, settings));
  if (options.json === true) for (const value of jsonOfRecompared(report)) terminal.print(JSON.stringify(value));
  else for (const line of formatRecompared(report, terminal.width, terminal.paint)) terminal.print(line);
  return report.sums.appeared > 0 ? EXIT.no : EXIT.done;
}

function loadRules(options: RecompareOptions, terminal: Terminal): Settings {
  const file = configFileOf(options);
  if (file === null) {
    const way = "name the file whose rules are to be tried with --config FILE";
    throw new Exit(EXIT.usage, `there is no crossfade.yaml here; ${way}`);
  }
  const loaded = loadSettings({ file, flags: {}, env: process.env, forTraffic: false });
  if (!loaded.ok)
    throw new Exit(EXIT_CODES[loaded.reason], loaded.errors.map(formatConfigMessage).map(printable).join("\n"));
  for (const warning of [...loaded.warnings, ...loaded.expired])
    terminal.complain(`crossfade: ${printable(`warning: ${formatConfigMessage(warning)}`)}`);
  return loaded.settings;
}

async function recompareAll(
  pairs: AsyncIterable<StoredPair>,
  settings: Settings,
  route: string | undefined,
): Promise<RecompareReport> {
  const comparer = createComparer({
    queueBytes: Number.POSITIVE_INFINITY,
    workers: 1,
    timeLimitMs: COMPARE_TIME_LIMIT_MS,
  });
  try {
    const recomparison = new Recomparison({ router: compileRouter(settings.routes), comparer, now: Date.now() });
    for await (const pair of pairs) if (route === undefined || pair.route === route) await recomparison.add(pair);
    return recomparison.report();
  } finally {
    await comparer.close();
  }
}

async function* pairsOfProxy(options: RecompareOptions): AsyncGenerator<StoredPair> {
  const api = await openApi(options);
  yield* readPages<StoredPair>(api, "/api/v1/pairs", { route: options.route }, Infinity);
}

/** Of a file, or of all *.yaml of a folder, in the order of their names. */
async function* pairsOfFiles(place: string): AsyncGenerator<StoredPair> {
  for (const file of fixtureFiles(place)) {
    try {
      yield* readFixtures(readFileSync(file, "utf8"));
    } catch (thrown) {
      throw new Exit(EXIT.failed, printable(`${file} is no file of fixtures: ${wordsOf(thrown)}`));
    }
  }
}

function fixtureFiles(place: string): readonly string[] {
  try {
    const files = statSync(place).isDirectory()
      ? readdirSync(place)
          .filter((name) => /\.ya?ml$/.test(name))
          .sort()
          .map((name) => join(place, name))
      : [place];
    const large = files.find((file) => statSync(file).size > FIXTURE_MAX_BYTES);
    if (large === undefined) return files;
    throw new Exit(EXIT.failed, `${large} is larger than 64 MiB; split it into several files`);
  } catch (thrown) {
    if (thrown instanceof Exit) throw thrown;
    throw new Exit(EXIT.failed, printable(`--fixtures ${place} cannot be read (${wordsOf(thrown)})`));
  }
}

function nothingToCompare({ route, fixtures }: RecompareOptions, { routes }: Settings): string {
  const where = fixtures === undefined ? "no exchange is kept whole yet" : `${fixtures} holds no pairs`;
  if (route === undefined) return `${where}: there is nothing to compare`;
  const names = routes.map(({ name }) => name);
  const near = names.includes(route) ? null : nearestName(route, names);
  return `no pairs of route ${JSON.stringify(route)}: ${near === null ? "there is nothing to compare" : `did you mean ${near}?`}`;
}

function wordsOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
