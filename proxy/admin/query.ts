/** Query parameters of the API: one table for parsing, error messages and the OpenAPI document. Pure. */
import { isHeaderName } from "../config/locator.ts";
import { nearestName } from "../config/nearest.ts";
import { parseDuration, spellDuration } from "../config/units.ts";
import { QUIET_BOUNDS } from "../config/defaults.ts";
import { DIFFERENCE_KINDS, GROUP_STATES, type DifferenceKind, type GroupState } from "../evidence/evidence.ts";
import { parsePointer } from "../json/pointer.ts";
import { OUTCOME_KINDS, type OutcomeKind } from "../outcome.ts";
import { Problem } from "./problem.ts";

export const DEFAULT_LIMIT = 50;
export const MAX_LIMIT = 1000;
const MAX_TEXT = 1024;

export interface QueryValues {
  route?: string;
  kind?: DifferenceKind;
  valueKind?: string;
  at?: string;
  outcome?: OutcomeKind;
  /** Epoch ms. */
  since?: number;
  group?: string;
  state?: GroupState;
  /** ms */
  quiet?: number;
  limit?: number;
  cursor?: string;
}

export type ParameterName = keyof QueryValues;

/** `text` is what was given; returns a sentence's end about what is wrong with it, or null once it is in `values`. */
type Read = (text: string, values: QueryValues, now: number) => string | null;

interface Parameter {
  /** How it is spelled, where not as here. */
  readonly name?: string;
  readonly description: string;
  readonly schema: Readonly<Record<string, unknown>>;
  readonly read: Read;
}

function readText(name: "route" | "valueKind" | "group" | "cursor"): Read {
  return (text, values) => {
    if (text.length > MAX_TEXT) return `has ${text.length} characters; at most ${MAX_TEXT} are taken`;
    values[name] = text;
    return null;
  };
}

/** A misspelt place must not read as "nothing differs there". Names of headers are kept in lower case. */
function readAt(text: string, values: QueryValues): string | null {
  if (text.length > MAX_TEXT) return `has ${text.length} characters; at most ${MAX_TEXT} are taken`;
  const [, header] = /^header:(.*)$/is.exec(text) ?? [];
  if (header === undefined ? parsePointer(text) === null : !isHeaderName(header)) {
    return "is neither a JSON pointer (/total, /items/*/price) nor header:NAME (header:etag)";
  }
  values.at = header === undefined ? text : `header:${header.toLowerCase()}`;
  return null;
}

function oneOf<T extends string>(known: readonly T[], set: (values: QueryValues, value: T) => void): Read {
  return (text, values) => {
    const value = known.find((candidate) => candidate === text);
    if (value === undefined) {
      const near = nearestName(text, known);
      return `is none of ${known.join(", ")}${near === null ? "" : `; did you mean ${near}?`}`;
    }
    set(values, value);
    return null;
  };
}

function readLimit(text: string, values: QueryValues): string | null {
  const limit = /^\d{1,9}$/.test(text) ? Number(text) : 0;
  if (limit < 1 || limit > MAX_LIMIT) return `is not a whole number from 1 to ${MAX_LIMIT}`;
  values.limit = limit;
  return null;
}

/** RFC 3339 with a time zone, or a date alone (UTC). `Date.parse` alone would also take `1` and local times. */
const INSTANT = /^\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:\d{2}))?$/;

function readSince(text: string, values: QueryValues, now: number): string | null {
  // In a query string `+` is a blank: a zone of +02:00 that nobody encoded arrives as " 02:00".
  const instant = text.replace(/ (\d{2}:\d{2})$/, "+$1");
  if (INSTANT.test(instant)) {
    const time = Date.parse(instant);
    if (!Number.isNaN(time)) {
      values.since = time;
      return null;
    }
  }
  const span = parseDuration(text);
  if (!span.ok) return "is neither an instant (2026-11-22T12:00:00Z) nor a span before now (90s, 15m, 2h, 7d)";
  values.since = now - span.value;
  return null;
}

function readQuiet(text: string, values: QueryValues): string | null {
  const span = parseDuration(text);
  if (!span.ok || span.value < QUIET_BOUNDS.min || span.value > QUIET_BOUNDS.max) {
    return `is not a time from ${spellDuration(QUIET_BOUNDS.min)} to ${spellDuration(QUIET_BOUNDS.max)} (90s, 12h, 30d)`;
  }
  values.quiet = span.value;
  return null;
}

export const PARAMETERS: Readonly<Record<ParameterName, Parameter>> = {
  route: {
    description: "Only of this route",
    schema: { type: "string", maxLength: MAX_TEXT },
    read: readText("route"),
  },
  kind: {
    description: "Only with a difference of this kind",
    schema: { type: "string", enum: DIFFERENCE_KINDS },
    read: oneOf(DIFFERENCE_KINDS, (values, kind) => (values.kind = kind)),
  },
  valueKind: {
    name: "kind",
    description: "Only values of this kind, as `values` of a route names it",
    schema: { type: "string", maxLength: MAX_TEXT },
    read: readText("valueKind"),
  },
  at: {
    description:
      "Only with a difference at this place or below it: a JSON pointer (`*` stands for one token), or header:NAME",
    schema: { type: "string", maxLength: MAX_TEXT },
    read: readAt,
  },
  outcome: {
    description: "Only with this outcome",
    schema: { type: "string", enum: OUTCOME_KINDS },
    read: oneOf(OUTCOME_KINDS, (values, outcome) => (values.outcome = outcome)),
  },
  since: {
    description: "Not older than this instant (2026-11-22T12:00:00Z), or than this span (90s, 15m, 2h, 7d)",
    schema: { type: "string" },
    read: readSince,
  },
  group: {
    description: "Only of this group",
    schema: { type: "string", maxLength: MAX_TEXT },
    read: readText("group"),
  },
  state: {
    description: "Only groups in this state, or divergences of such groups",
    schema: { type: "string", enum: GROUP_STATES },
    read: oneOf(GROUP_STATES, (values, state) => (values.state = state)),
  },
  quiet: {
    description:
      "For how long nothing may have leant on either (1s to 3650d), instead of what the route's settings ask for",
    schema: { type: "string" },
    read: readQuiet,
  },
  limit: {
    description: "At most this many items",
    schema: { type: "integer", minimum: 1, maximum: MAX_LIMIT, default: DEFAULT_LIMIT },
    read: readLimit,
  },
  cursor: {
    description: "`next` of the page before",
    schema: { type: "string", maxLength: MAX_TEXT },
    read: readText("cursor"),
  },
};

/**
 * Reads the query string (without its `?`) of an endpoint that takes `allowed`.
 * @throws Problem 400, naming the parameter, its value and the bound.
 */
export function readQuery(query: string, allowed: readonly ParameterName[], now: number): QueryValues {
  const values: QueryValues = {};
  const seen = new Set<string>();
  for (const [name, text] of new URLSearchParams(query)) {
    const known = allowed.find((candidate) => spellParameter(candidate) === name);
    if (known === undefined) throw unknownParameter(name, allowed.map(spellParameter));
    if (seen.has(name)) throw badParameter(name, text, "is given twice; give it once");
    seen.add(name);
    const wrong = PARAMETERS[known].read(text, values, now);
    if (wrong !== null) throw badParameter(name, text, wrong);
  }
  return values;
}

export function spellParameter(name: ParameterName): string {
  return PARAMETERS[name].name ?? name;
}

function badParameter(name: string, text: string, wrong: string): Problem {
  const value = text.length > 100 ? `${text.slice(0, 100)}…` : text;
  return new Problem(400, `${name} is ${JSON.stringify(value)}, which ${wrong}`, {
    members: { parameter: name, value },
  });
}

function unknownParameter(name: string, allowed: readonly string[]): Problem {
  const shown = JSON.stringify(name.length > 100 ? `${name.slice(0, 100)}…` : name);
  const near = nearestName(name, allowed);
  const takes = allowed.length === 0 ? "this endpoint takes none" : `this endpoint takes ${allowed.join(", ")}`;
  const hint = near === null ? takes : `did you mean ${near}?`;
  return new Problem(400, `there is no parameter ${shown}; ${hint}`, {
    members: { parameter: name.slice(0, 100), allowed },
  });
}
