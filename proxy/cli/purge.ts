/** `crossfade divergences purge`: erases what evidence holds of one entity. */
import type { PurgeResult } from "../evidence/purge.ts";
import { type ApiOptions, openApi } from "./api.ts";
import { EXIT, type ExitCode } from "./exit.ts";
import { openTerminal } from "./terminal.ts";
import { printable } from "../controls.ts";

export interface PurgeOptions extends ApiOptions {
  readonly json?: boolean;
  readonly color?: boolean;
  readonly key: string;
  readonly route?: string;
  readonly dryRun?: boolean;
  readonly reason?: string;
}

export async function runPurge(options: PurgeOptions): Promise<ExitCode> {
  const { key, route, reason, dryRun = false } = options;
  const api = await openApi(options);
  const terminal = openTerminal(options);
  const result = await api.post<PurgeResult>("/api/v1/divergences/purge", { key, route, dryRun, reason });
  if (result === null) throw api.stranger();
  if (options.json === true) {
    terminal.print(JSON.stringify(result));
    return EXIT.done;
  }
  const { records, samples, pairs, logLines, kept } = result;
  const found =
    records === 0 && pairs === 0 && logLines === 0
      ? `nothing of this key${route === undefined ? "" : ` in route ${printable(route)}`}`
      : `${count(records, "record")} (${count(samples, "sample")} of groups among them), ${count(pairs, "pair")}, ${count(logLines, "line")} of the divergence log`;
  terminal.print(`${dryRun ? "would erase" : "erased"} ${found}`);
  for (const sentence of kept) terminal.print(`  ${printable(sentence)}`);
  return EXIT.done;
}

function count(times: number, what: string): string {
  return `${times.toLocaleString("en")} ${what}${times === 1 ? "" : "s"}`;
}
