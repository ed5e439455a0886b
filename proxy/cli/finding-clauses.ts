/** Says in words where the two answers of one sample differ. Pure. */
import type { Difference, DivergenceRecord } from "../evidence/evidence.ts";
import { spellCount } from "../admin/sentences.ts";

/** What kind of thing differs, the most serious first. */
export const CLAUSE_RANKS = ["status", "shape", "entries", "value", "type", "member", "header"] as const;
export type ClauseRank = (typeof CLAUSE_RANKS)[number];

export interface Sides {
  readonly primary: string;
  readonly shadow: string;
}

/** What to call both sides: the services' own names. */
export function sidesOf(sample: DivergenceRecord): Sides {
  return { primary: sample.primary.service, shadow: sample.shadow?.service ?? "the shadow" };
}

export interface Described {
  /** Of the first clause. */
  readonly rank: ClauseRank;
  /** The most serious first; at most CLAUSES_MAX. */
  readonly clauses: readonly string[];
  /** Differences that no clause tells of. */
  readonly more: number;
}

const CLAUSES_MAX = 2;
const MEMBERS_NAMED = 2;
const VALUE_MAX_CHARS = 28;

interface Clause {
  readonly rank: ClauseRank;
  readonly words: string;
  /** How many differences it tells of. */
  readonly tells: number;
}

export function describeDifferences(differences: readonly Difference[], sides: Sides): Described {
  const clauses = [...clausesOf(differences, sides)];
  clauses.sort((a, b) => CLAUSE_RANKS.indexOf(a.rank) - CLAUSE_RANKS.indexOf(b.rank));
  const shown = clauses.slice(0, CLAUSES_MAX);
  return {
    rank: shown[0]?.rank ?? "header",
    clauses: shown.map((clause) => clause.words),
    more: clauses.slice(CLAUSES_MAX).reduce((sum, clause) => sum + clause.tells, 0),
  };
}

/** Both sides made something and each gave it an id of its own. */
export function idsMade(
  sample: DivergenceRecord,
): { readonly difference: Difference; readonly primary: string; readonly shadow: string } | null {
  for (const difference of sample.differences) {
    const { at, kind, primary, shadow } = difference;
    const isId = (kind === "value" || kind === "type") && /^(?:\/data)?\/(?:_?id|uuid)$/i.test(at);
    if (isId && primary !== null && shadow !== null) {
      return { difference, primary: bare(primary), shadow: bare(shadow) };
    }
  }
  return null;
}

function* clausesOf(all: readonly Difference[], sides: Sides): Generator<Clause> {
  const { primary, shadow } = sides;
  const lengths = all.filter((difference) => difference.kind === "length").map(({ at }) => at);
  // Below an array whose length differs every later place is shifted: its length says it better.
  const differences = all.filter(({ at }) => !lengths.some((array) => at.startsWith(`${array}/`)));
  const shifted = all.length - differences.length;

  const missing = differences.filter(({ kind }) => kind === "missing");
  const extra = differences.filter(({ kind }) => kind === "extra");
  yield* lackingClauses(missing, `${shadow} leaves out`, (difference) => difference.primary);
  yield* lackingClauses(extra, `${shadow} adds`, (difference) => difference.shadow);
  for (const difference of differences) {
    const { at, kind } = difference;
    const place = at === "" ? "the answer" : at;
    switch (kind) {
      case "missing":
      case "extra":
        break;
      case "status":
        yield clause(
          "status",
          `${primary} answers ${difference.primary ?? "none"}, ${shadow} ${difference.shadow ?? "none"}`,
        );
        break;
      case "header":
        yield clause("header", headerClause(difference, sides));
        break;
      case "length": {
        const where = at === "" ? "" : ` at ${at}`;
        const a = difference.primary ?? "?";
        const words = `${primary} lists ${a} ${a === "1" ? "entry" : "entries"}${where}, ${shadow} ${difference.shadow ?? "?"}`;
        yield { rank: "entries", words, tells: 1 + shifted };
        break;
      }
      case "order":
        yield clause("entries", `same entries${at === "" ? "" : ` at ${at}`}, but ${shadow} has them in another order`);
        break;
      case "type":
        yield clause(at === "" ? "shape" : "type", typeClause(difference, sides));
        break;
      case "precision":
        yield clause(
          "value",
          `${place} has other digits: ${bare(difference.primary)} in ${primary}, ${bare(difference.shadow)} in ${shadow}`,
        );
        break;
      case "value":
        yield clause(
          "value",
          `${place} is ${shown(difference.primary)} in ${primary}, ${shown(difference.shadow)} in ${shadow}`,
        );
        break;
      case "body":
        yield clause("shape", "the bodies differ");
        break;
      case "conflict":
        yield clause("value", `${place} was changed on both sides`);
        break;
      default:
        throw new TypeError(`no words for the difference ${String(kind satisfies never)}`);
    }
  }
}

function clause(rank: ClauseRank, words: string): Clause {
  return { rank, words, tells: 1 };
}

/** Entries of arrays are counted, members of objects named. */
function* lackingClauses(
  differences: readonly Difference[],
  verb: string,
  valueOf: (difference: Difference) => string | null,
): Generator<Clause> {
  const entries = differences.filter(({ at }) => /\/\d+$/.test(at));
  if (entries.length > 0) {
    const noun = entries.length === 1 ? "entry" : "entries";
    yield { rank: "entries", words: `${verb} ${spellCount(entries.length)} ${noun}`, tells: entries.length };
  }
  const members = differences.filter((difference) => !entries.includes(difference));
  if (members.length === 0) return;
  const [only] = members;
  if (members.length === 1 && only !== undefined) {
    yield clause("member", `${verb} ${only.at} (${shown(valueOf(only))})`);
    return;
  }
  const named = members.slice(0, MEMBERS_NAMED).map(({ at }) => at);
  const rest = members.length - named.length;
  const list = rest === 0 ? named.join(" and ") : `${named.join(", ")} and ${spellCount(rest)} more`;
  yield { rank: "member", words: `${verb} ${list}`, tells: members.length };
}

function headerClause({ at, primary, shadow }: Difference, sides: Sides): string {
  const name = at.replace(/^header:/, "");
  if (shadow === null) return `${sides.shadow} sends no ${name} header`;
  if (primary === null) return `${sides.shadow} sends ${name}: ${shorten(shadow)}, ${sides.primary} does not`;
  return `${name} is ${shorten(primary)} in ${sides.primary}, ${shorten(shadow)} in ${sides.shadow}`;
}

function typeClause({ at, primary, shadow }: Difference, sides: Sides): string {
  const a = typeWord(primary);
  const b = typeWord(shadow);
  if (at === "") return `${sides.primary} answers ${a}, ${sides.shadow} ${b}`;
  return `${at} is ${a}${inBrackets(primary)} in ${sides.primary}, ${b}${inBrackets(shadow)} in ${sides.shadow}`;
}

/** Only scalars are shown with their type: of arrays and objects the type is the news. */
function inBrackets(json: string | null): string {
  return json === null || json === "null" || /^[[{]/.test(json) ? "" : ` (${shown(json)})`;
}

function typeWord(json: string | null): string {
  if (json === null) return "nothing";
  switch (json[0]) {
    case "[":
      return "an array";
    case "{":
      return "an object";
    case '"':
      return "a string";
    case "t":
    case "f":
      return "a boolean";
    case "n":
      return "null";
    default:
      return "a number";
  }
}

function shown(json: string | null): string {
  return json === null ? "nothing" : /^[[{]/.test(json) ? typeWord(json) : shorten(json);
}

/** A string without its quotes: ids read better so. */
function bare(json: string | null): string {
  if (json === null) return "nothing";
  return shorten(/^".*"$/s.test(json) ? json.slice(1, -1) : json);
}

function shorten(text: string): string {
  return text.length > VALUE_MAX_CHARS ? `${text.slice(0, VALUE_MAX_CHARS - 1)}…` : text;
}
