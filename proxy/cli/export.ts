/** `crossfade divergences export`: all records that match, for other programs, however many there are. */
import { once } from "node:events";
import type { DivergenceRecord } from "../evidence/evidence.ts";
import { type Api, openApi } from "./api.ts";
import { spellCurl } from "../evidence/curl.ts";
import type { ListOptions } from "./divergences.ts";
import { FIXTURE_HEAD, writeFixture } from "../pairs/fixture.ts";
import type { StoredPair } from "../evidence/stored-pair.ts";
import { readPages } from "./pages.ts";
import { EXIT, Exit, type ExitCode } from "./exit.ts";
import { openTerminal } from "./terminal.ts";

export interface ExportOptions extends ListOptions {
  readonly format: "ndjson" | "curl" | "fixture";
  readonly to: "legacy" | "next";
}

/** What a script of such commands begins with. */
const CURL_HEAD = [
  "# Requests as they were recorded, the newest first, without headers and bodies: of those few are kept (crossfade replay).",
  "# Each command is sent for real: where it is no GET it may change data.",
];

export async function runExport(options: ExportOptions): Promise<ExitCode> {
  const { route, since, kind, at, outcome, group, state, format, to } = options;
  const api = await openApi(options);
  if (format === "fixture") return exportFixtures(api, options);
  // For its handling of a reader that goes away.
  openTerminal(options);
  const origin = format === "curl" ? await originOf(api, to) : "";
  if (format === "curl") await write(CURL_HEAD);
  const filter = { route, since, kind, at, outcome, group, state };
  for await (const record of readPages<DivergenceRecord>(api, "/api/v1/divergences", filter, Infinity)) {
    await write(format === "curl" ? spellCurl(record, origin) : [JSON.stringify(record)]);
  }
  return EXIT.done;
}

/** Those that match and are kept whole; with the outcome match or ignored, pairs that are no divergences. */
async function exportFixtures(api: Api, options: ExportOptions): Promise<ExitCode> {
  const { route, since, kind, at, outcome, group, state } = options;
  const { complain } = openTerminal(options);
  const isQuiet = outcome === "match" || outcome === "ignored";
  if (isQuiet && [since, kind, at, group, state].some((given) => given !== undefined))
    throw new Exit(EXIT.usage, `--outcome ${outcome} goes with --route alone: such pairs have no differences`);
  const wanted = new Set<string>();
  const filter = { route, since, kind, at, outcome, group, state };
  if (!isQuiet) {
    const records = readPages<DivergenceRecord>(api, "/api/v1/divergences", filter, Infinity);
    for await (const { id } of records) wanted.add(id);
  }
  await write([FIXTURE_HEAD.trimEnd()]);
  const pairs = readPages<StoredPair>(api, "/api/v1/pairs", isQuiet ? { route, outcome } : { route }, Infinity);
  for await (const pair of pairs) if (wanted.delete(pair.id) || isQuiet) await write([writeFixture(pair).trimEnd()]);
  if (wanted.size > 0)
    complain(`crossfade: ${wanted.size} more that match are not kept whole: a few of each cause are`);
  return EXIT.done;
}

async function originOf(api: Api, to: ExportOptions["to"]): Promise<string> {
  const status = await api.get<{ readonly services?: readonly { readonly name: string; readonly origin: string }[] }>(
    "/api/v1/status",
  );
  const found = status?.services?.find(({ name }) => name === to);
  if (found === undefined) throw new Exit(EXIT.failed, `${api.url} does not say where ${to} is`);
  return found.origin;
}

/** No faster than it is read: what waits would be in memory. */
async function write(lines: readonly string[]): Promise<void> {
  if (!process.stdout.write(`${lines.join("\n")}\n`)) await once(process.stdout, "drain");
}
