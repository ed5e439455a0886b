/** Erases what evidence holds of one entity: records in the store, lines in the divergence log. */
import { setImmediate as turn } from "node:timers/promises";
import { CrossfadeError } from "../errors.ts";
import type { Store } from "../ports.ts";
import type { PurgeRequest, PurgeResult } from "../evidence/purge.ts";
import type { DivergenceLog } from "./divergence-log.ts";
import type { LineFate } from "./log-erasure.ts";
import type { PairKeeper } from "./pair-keeper.ts";
import type { Redactor } from "./redaction.ts";

export interface PurgeParts {
  readonly store: Pick<Store, "eraseDivergences">;
  readonly log: Pick<DivergenceLog, "erase">;
  readonly redactor: Pick<Redactor, "recognise" | "standIn">;
  readonly pairs: Pick<PairKeeper, "whenDone">;
  /** For the log of the process: `key` is a stand-in. `failed`: why it is not complete. */
  readonly audit: (entry: PurgeAudit) => void;
}

export interface PurgeAudit extends Omit<PurgeResult, "kept"> {
  readonly key: string;
  readonly route: string | null;
  readonly by: string;
  readonly reason: string | null;
  readonly failed: string | null;
}

const REPAIRS_STAY =
  "the repair list and gaps stay, an entry of this key among them too: they are delivery data and never evicted";

/**
 * One purge after another. What is under way when it begins may be recorded after it.
 * @throws CrossfadeError of store or log: what was erased by then stays erased, and it may be asked again.
 */
export function createPurge({
  store,
  log,
  redactor,
  pairs,
  audit,
}: PurgeParts): (request: PurgeRequest) => Promise<PurgeResult> {
  let before: Promise<unknown> = Promise.resolve();

  async function purge({ key, route, dryRun, reason, by }: PurgeRequest): Promise<PurgeResult> {
    const isKey = redactor.recognise(key);
    const done = { records: 0, samples: 0, pairs: 0, logLines: 0 };
    const told = { key: redactor.standIn(key), route, by, reason, dryRun };
    // What was settled until now reaches the store at the end of its turn, a pair once it is redacted.
    await pairs.whenDone();
    await turn();
    try {
      const stored = await store.eraseDivergences({ ...(route === null ? {} : { route }), isKey, dryRun });
      Object.assign(done, { records: stored.records, samples: stored.samples, pairs: stored.pairs });
      const lines = await log.erase(fateOfLine(key, route, isKey), dryRun);
      done.logLines = lines.erased;
      audit({ ...told, ...done, failed: null });
      return { dryRun, ...done, kept: keptOf(stored.setAside, lines.unreadable) };
    } catch (thrown) {
      audit({ ...told, ...done, failed: thrown instanceof Error ? thrown.message : String(thrown) });
      throw dryRun ? thrown : incomplete(thrown, done.records);
    }
  }

  return (request) => {
    const result = before.then(() => purge(request));
    before = result.catch(() => {});
    return result;
  };
}

function keptOf(setAside: readonly string[], unreadable: number): readonly string[] {
  const kept = [REPAIRS_STAY];
  for (const file of setAside)
    kept.push(`${file} is a damaged store that was set aside: what it holds is not erased; delete it`);
  if (unreadable > 0) {
    kept.push(
      `${unreadable} ${unreadable === 1 ? "line" : "lines"} of the divergence log hold this key and are no JSON; they were kept`,
    );
  }
  return kept;
}

function incomplete(thrown: unknown, records: number): unknown {
  if (!(thrown instanceof CrossfadeError)) return thrown;
  const { code, source, retryable } = thrown;
  const message = `the purge is not complete (${records} records erased): ${thrown.message}; purge again`;
  return new CrossfadeError(code, message, { source, retryable, cause: thrown });
}

/** A line without the key's text and without any stand-in needs no parsing: most have neither. */
function fateOfLine(key: string, route: string | null, isKey: (shown: string) => boolean): (line: Buffer) => LineFate {
  const spelled = Buffer.from(JSON.stringify(key).slice(1, -1));
  return (line) => {
    const holdsKey = line.includes(spelled);
    if (!holdsKey && !line.includes("[redacted ")) return "kept";
    let record: unknown;
    try {
      record = JSON.parse(line.toString());
    } catch {
      return holdsKey ? "unreadable" : "kept";
    }
    if (typeof record !== "object" || record === null || !("key" in record) || typeof record.key !== "string")
      return "kept";
    if (route !== null && (!("route" in record) || record.route !== route)) return "kept";
    return isKey(record.key) ? "erased" : "kept";
  };
}
