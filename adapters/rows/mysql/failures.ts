/** What mysql2 throws, in our words. */
import { CrossfadeError } from "../../../proxy/errors.ts";

interface MysqlError extends Error {
  readonly code?: string;
  /** Of the server; absent where the connection broke. */
  readonly errno?: number;
  readonly sqlState?: string;
  readonly sqlMessage?: string;
}

const DEADLOCK = 1213;
const DUPLICATE = 1062;

/**
 * Answers after which the same statement may succeed later: too many connections, shutting down, broken packets, disk full,
 * interrupted, a lock that was waited for or ran into another, read-only for a while, killed, out of time.
 */
const PASSING: ReadonlySet<number> = new Set([
  1021,
  1040,
  1053,
  1129,
  1152,
  1158,
  1159,
  1160,
  1161,
  1203,
  1205,
  DEADLOCK,
  1226,
  1290,
  1317,
  1836,
  1927,
  1969,
  3024,
]);

export function asRowsError(name: string, thrown: unknown): CrossfadeError {
  if (thrown instanceof CrossfadeError) return thrown;
  const { code = "", errno, sqlState, sqlMessage, message } = thrown as MysqlError;
  const isAnswered = sqlState !== undefined && sqlMessage !== undefined;
  if (isAnswered && !PASSING.has(errno ?? 0)) {
    const why = `${name}: ${withoutValues(sqlMessage)} (error ${errno}, SQLSTATE ${sqlState})`;
    return new CrossfadeError("rows-refused", why, { source: "upstream", cause: thrown });
  }
  const why = isAnswered ? sqlMessage : message || code;
  return new CrossfadeError("rows-unavailable", `${name}: ${why}`, {
    source: "upstream",
    retryable: true,
    cause: thrown,
  });
}

/** Messages quote values of the row, which are not ours to tell: `Duplicate entry 'ada@example.com' for key 'mail'`. */
function withoutValues(message: string): string {
  const quoted = /\b(entry|value:?|near) '/.exec(message);
  if (quoted === null) return message;
  const [, word = ""] = quoted;
  const head = message.slice(0, quoted.index + word.length).replace(/:$/, "");
  return `${head}${/ for (key '[^']*'|column [^']* at row \d+)$/.exec(message)?.[0] ?? ""}`;
}

/** Another writer was there first: the same transaction may pass when it is done once more. */
export function isRace(thrown: unknown, keyIndex: string): boolean {
  const cause = thrown instanceof CrossfadeError ? (thrown.cause as MysqlError | undefined) : undefined;
  if (cause?.errno === DEADLOCK) return true;
  // MySQL has the table in front: `t.PRIMARY`.
  const index = / for key '(?:.*\.)?([^'.]*)'$/.exec(cause?.sqlMessage ?? "")?.[1];
  return cause?.errno === DUPLICATE && index === keyIndex;
}
