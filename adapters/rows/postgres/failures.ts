/** What pg throws, in our words. */
import { CrossfadeError } from "../../../proxy/errors.ts";

interface PostgresError extends Error {
  /** SQLSTATE, or what Node calls a broken connection. */
  readonly code?: string;
}

/** SQLSTATE (PostgreSQL manual, appendix A) of what may succeed later; 25P03: the session idled in a transaction for too long. */
const PASSING = /^(08|40|53|57|25P03)/;

/** A message of PostgreSQL may quote a value of the row in `detail`, which is left out: it is the row's, not ours to tell. */
export function asRowsError(name: string, thrown: unknown): CrossfadeError {
  const { code = "", message } = thrown as PostgresError;
  const isAnswered = /^[0-9A-Z]{5}$/.test(code);
  if (isAnswered && !PASSING.test(code)) {
    // Class 22 (data) quotes the value: `invalid input syntax for type integer: "x"`.
    const told = code.startsWith("22") ? message.replace(/: ".*$/s, "") : message;
    return new CrossfadeError("rows-refused", `${name}: ${told} (SQLSTATE ${code})`, {
      source: "upstream",
      cause: thrown,
    });
  }
  return new CrossfadeError("rows-unavailable", `${name}: ${message || code}`, {
    source: "upstream",
    retryable: true,
    cause: thrown,
  });
}

/** SQLSTATE of what asRowsError made; null: it is of something else. */
export function stateOf(thrown: unknown): string | null {
  const cause = thrown instanceof CrossfadeError ? (thrown.cause as PostgresError | undefined) : undefined;
  return cause?.code ?? null;
}

/** The database ended the session, which idled in a transaction for too long: what it had not committed is undone. */
export function isCutOff(thrown: unknown): boolean {
  return stateOf(thrown) === "25P03" || (thrown as PostgresError | null)?.code === "25P03";
}

/** undefined_table, and a schema that is not there. */
export function isUnknownTable(thrown: unknown): boolean {
  const state = stateOf(thrown);
  return state === "42P01" || state === "3F000";
}
