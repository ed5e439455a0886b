/** Where values stand in the exchanges that were recorded: what answers made, and what later requests said. Pure. */
import type { DivergenceRecord } from "../evidence/evidence.ts";
import { generalPlace } from "../evidence/groups.ts";
import { parseExact } from "../json/parse-exact.ts";
import { escapeToken } from "../json/pointer.ts";
import { JsonNumber, JsonObject, type JsonValue } from "../json/value.ts";
import type { RawHeaders } from "../exchange.ts";
import { decodeSegment, parsePattern } from "../pattern.ts";
import { STAND_IN, type PairBody, type StoredPair } from "../evidence/stored-pair.ts";

/** One exchange, from its divergence record, from the pair that was kept of it, or from both. */
export interface SeenExchange {
  readonly id: string;
  readonly time: string;
  readonly route: string;
  readonly method: string;
  /** Without its query. */
  readonly path: string;
  readonly status: number | null;
  readonly shadowStatus: number | null;
  /** Where both answers say something else. */
  readonly answered: readonly AnsweredPair[];
  /** What the request says. */
  readonly asked: readonly AskedValue[];
  /** Sides that set a cookie; null: not known. */
  readonly setsCookie: { readonly primary: boolean; readonly shadow: boolean } | null;
  /** null: not known. */
  readonly hasCredentials: boolean | null;
}

export interface AnsweredPair {
  readonly at: string;
  /** Of a URL, the part of its path; else null. */
  readonly segment: number | null;
  readonly primary: string;
  readonly shadow: string;
}

export interface AskedValue {
  /** As a locator; of a part of the path that the route does not name, `path:` alone. */
  readonly at: string;
  readonly value: string;
}

/** Bodies beyond it are looked at so far. */
const MOST_VALUES = 200;
/** No ids: credentials are masked whole, and the rest says how a message travels. */
const NOT_LOOKED_AT =
  /^(?:authorization|cookie|host|content-.*|accept.*|user-agent|connection|transfer-encoding|date|traceparent)$/;

/** Oldest first; `pathOf` is each route's pattern. */
export function sightingsIn(
  records: readonly DivergenceRecord[],
  pairs: readonly StoredPair[],
  pathOf: ReadonlyMap<string, string>,
): readonly SeenExchange[] {
  const exchanges = new Map<string, SeenExchange>();
  for (const record of records) exchanges.set(record.id, seenInRecord(record, pathOf.get(record.route) ?? ""));
  for (const pair of pairs) exchanges.set(pair.id, seenInPair(pair, pathOf.get(pair.route) ?? ""));
  return [...exchanges.values()].sort((a, b) =>
    a.time === b.time ? (a.id < b.id ? -1 : 1) : a.time < b.time ? -1 : 1,
  );
}

function seenInRecord(record: DivergenceRecord, pattern: string): SeenExchange {
  const { id, time, route, method, path, query, primary, shadow, differences } = record;
  return {
    id,
    time,
    route,
    method,
    path,
    status: primary.status,
    shadowStatus: shadow?.status ?? null,
    answered: answeredIn(differences),
    asked: [...inPath(path, pattern), ...inQuery(query ?? "")],
    setsCookie: null,
    hasCredentials: null,
  };
}

function seenInPair(pair: StoredPair, pattern: string): SeenExchange {
  const { id, time, route, request, primary, shadow } = pair;
  const [path = "", query = ""] = request.target.split("?", 2);
  const locations = locationPairs(valueOf(primary.headers, "location"), valueOf(shadow.headers, "location"));
  return {
    id,
    time,
    route,
    method: request.method,
    path,
    status: primary.status,
    shadowStatus: shadow.status,
    answered: [...differingIn(primary.body, shadow.body), ...locations],
    asked: [
      ...inPath(path, pattern),
      ...inQuery(query),
      ...inHeaders(request.headers),
      ...inBody(request.body, valueOf(request.headers, "content-type") ?? ""),
    ],
    setsCookie: {
      primary: valueOf(primary.headers, "set-cookie") !== null,
      shadow: valueOf(shadow.headers, "set-cookie") !== null,
    },
    hasCredentials: valueOf(request.headers, "authorization") !== null || valueOf(request.headers, "cookie") !== null,
  };
}

function answeredIn(differences: DivergenceRecord["differences"]): readonly AnsweredPair[] {
  return differences.flatMap(({ at, kind, primary, shadow }): readonly AnsweredPair[] => {
    if (primary === null || shadow === null) return [];
    if (at === "header:location") return locationPairs(primary, shadow);
    if (!at.startsWith("/") || (kind !== "value" && kind !== "type" && kind !== "precision")) return [];
    const [ours, theirs] = [scalarIn(primary), scalarIn(shadow)];
    if (ours === null || theirs === null) return [];
    return [{ at: `answer:${generalPlace(at)}`, segment: null, primary: ours, shadow: theirs }];
  });
}

/** Parts of the path that differ; the last part is what is meant anyway. */
function locationPairs(primary: string | null, shadow: string | null): readonly AnsweredPair[] {
  if (primary === null || shadow === null) return [];
  const [ours, theirs] = [partsOfUrl(primary), partsOfUrl(shadow)];
  if (ours.length !== theirs.length) return [];
  return ours.flatMap((part, i) => {
    const other = theirs[i] as string;
    if (part === other) return [];
    const segment = i === ours.length - 1 ? null : i + 1;
    return [{ at: "answer-header:location", segment, primary: part, shadow: other }];
  });
}

function partsOfUrl(url: string): readonly string[] {
  const path = url.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/]*/i, "").replace(/[?#].*$/, "");
  return path.split("/").slice(1).map(decodeSegment);
}

function* inPath(path: string, pattern: string): Generator<AskedValue> {
  const parsed = parsePattern(pattern);
  const segments = parsed.ok ? parsed.pattern.segments : [];
  let isExact = true;
  for (const [i, part] of path.split("/").slice(1).entries()) {
    const segment = segments[i];
    if (segment?.kind === "literal" && isExact) continue;
    // Behind `**` nobody knows which part of the pattern a part of the path is.
    if (segment === undefined || segment.kind === "many") isExact = false;
    const name = isExact && segment?.kind === "one" ? segment.name : null;
    yield { at: `path:${name ?? ""}`, value: decodeSegment(part) };
  }
}

function* inQuery(query: string): Generator<AskedValue> {
  for (const [name, value] of new URLSearchParams(query)) yield { at: `query:${name}`, value };
}

function* inHeaders(headers: RawHeaders): Generator<AskedValue> {
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = (headers[i] as string).toLowerCase();
    if (NOT_LOOKED_AT.test(name)) continue;
    for (const word of (headers[i + 1] as string).split(/[\s,;"()<>]+/))
      if (word !== "") yield { at: `header:${name}`, value: word };
  }
}

function* inBody(body: PairBody, type: string): Generator<AskedValue> {
  if (!("text" in body)) return;
  if (type.startsWith("application/x-www-form-urlencoded")) {
    for (const [name, value] of new URLSearchParams(body.text)) yield { at: `body:/${escapeToken(name)}`, value };
    return;
  }
  for (const [pointer, value] of scalarsIn(body.text)) yield { at: `body:${generalPlace(pointer)}`, value };
}

/** Texts and numbers of a JSON text by their pointers; of an array, each element has its own. */
function scalarsIn(text: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  const read = parseExact(text);
  const waiting: [pointer: string, value: JsonValue][] = read.ok ? [["", read.value]] : [];
  for (let next = waiting.pop(); next !== undefined && found.size < MOST_VALUES; next = waiting.pop()) {
    const [pointer, value] = next;
    if (value instanceof JsonObject) {
      for (const [i, name] of value.names.entries())
        waiting.push([`${pointer}/${escapeToken(name)}`, value.values[i] as JsonValue]);
    } else if (Array.isArray(value)) {
      for (const [i, each] of (value as readonly JsonValue[]).slice(0, MOST_VALUES).entries())
        waiting.push([`${pointer}/${i}`, each]);
    } else {
      const scalar = textOf(value);
      if (scalar !== null && pointer !== "") found.set(pointer, scalar);
    }
  }
  return found;
}

/** What differs as it was sent, whatever is mapped before it is compared. */
function differingIn(primary: PairBody, shadow: PairBody): readonly AnsweredPair[] {
  if (!("text" in primary) || !("text" in shadow)) return [];
  const theirs = scalarsIn(shadow.text);
  return [...scalarsIn(primary.text)].flatMap(([pointer, ours]): readonly AnsweredPair[] => {
    const other = theirs.get(pointer);
    if (other === undefined || other === ours) return [];
    return [{ at: `answer:${generalPlace(pointer)}`, segment: null, primary: ours, shadow: other }];
  });
}

function scalarIn(json: string): string | null {
  if (STAND_IN.test(json)) return json.replace(/^"(.*)"$/, "$1");
  const read = parseExact(json);
  return read.ok ? textOf(read.value) : null;
}

function textOf(value: JsonValue): string | null {
  return typeof value === "string" ? value : value instanceof JsonNumber ? value.raw : null;
}

function valueOf(headers: RawHeaders, wanted: string): string | null {
  for (let i = 0; i + 1 < headers.length; i += 2)
    if ((headers[i] as string).toLowerCase() === wanted) return headers[i + 1] as string;
  return null;
}
