/** `crossfade replay ID`: a recorded request sent once more, and how its answers stand to what was recorded. */
import type { ReplayResult, ReplayVerdict } from "../evidence/replay-request.ts";
import { type ApiOptions, openApi } from "./api.ts";
import { cut } from "./columns.ts";
import { spellDifference } from "./divergence-text.ts";
import { EXIT, Exit, type ExitCode } from "./exit.ts";
import { openTerminal } from "./terminal.ts";
import { printable } from "../controls.ts";

export interface ReplayOptions extends ApiOptions {
  readonly json?: boolean;
  readonly color?: boolean;
  readonly force?: boolean;
  readonly reason?: string;
}

const DIFFERENCES_SHOWN = 10;

/** Exit 0: the difference is gone. 1: it is there still, or another one, or it cannot be sent again. */
export async function runReplay(id: string, options: ReplayOptions): Promise<ExitCode> {
  const { force = false, reason } = options;
  const api = await openApi(options);
  const terminal = openTerminal(options);
  const path = `/api/v1/divergences/${encodeURIComponent(id)}/replay`;
  const result = await api.post<ReplayResult>(path, { force, reason });
  if (result === null) throw new Exit(EXIT.no, `no divergence has the id ${JSON.stringify(id)}`);
  if (options.json === true) terminal.print(JSON.stringify(result));
  else for (const line of formatReplayed(result)) terminal.print(cut(printable(line), terminal.width));
  if (result.verdict === "unanswered") return EXIT.failed;
  return result.verdict === "gone" ? EXIT.done : EXIT.no;
}

const VERDICTS: Readonly<Record<ReplayVerdict, string>> = {
  same: "it differs as it did",
  gone: "the difference is gone",
  other: "it differs otherwise than it did",
  undecided: "it differs where a value is redacted, and only traffic can tell whether a rule excuses it",
  unanswered: "it could not be compared",
};

function* formatReplayed(result: ReplayResult): Generator<string> {
  const { method, target, requestClass, sentTo, verdict, primary, shadow, differences, before, error } = result;
  yield `${method} ${target}, a ${requestClass}, sent to ${sentTo.join(" and ")}: ${VERDICTS[verdict]}`;
  const recorded = sentTo.includes(primary.service) ? "" : " (recorded)";
  yield `  ${primary.service} ${primary.status ?? "no answer"}${recorded}, ${shadow.service} ${shadow.status ?? "no answer"}`;
  for (const difference of differences.slice(0, DIFFERENCES_SHOWN)) yield `  ${spellDifference(difference)}`;
  const more = differences.length - DIFFERENCES_SHOWN + result.moreDifferences;
  if (more > 0) yield `  and ${more} more`;
  if (verdict === "other")
    for (const difference of before.slice(0, DIFFERENCES_SHOWN)) yield `  before: ${spellDifference(difference)}`;
  if (error !== null) yield `  ${error}`;
}
