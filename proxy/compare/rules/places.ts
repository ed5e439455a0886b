import { parsePointer } from "../../json/pointer.ts";
import type { ScopedRule } from "./scoped-rule.ts";

/** What the rules say about one place of a document; every list in the order in which the rules are asked. */
export interface RulesHere {
  readonly ignore: readonly ScopedRule<"ignore">[];
  /** An ignore rule covers this place and all below it. */
  readonly ignoresAllBelow: boolean;
  readonly normalise: readonly ScopedRule<"normalise">[];
  readonly tolerance: readonly ScopedRule<"tolerance">[];
  readonly equivalent: readonly ScopedRule<"equivalent">[];
  readonly shapes: readonly ScopedRule<"shapes">[];
  readonly unordered: readonly ScopedRule<"unordered">[];
}

/**
 * A place of a document as the rules see it: all places that the same rules cover, here and below, are one `Place`. One
 * step further costs one look-up, however deep the document and however many rules there are.
 */
export interface Place {
  /** null: no rule covers exactly this place. */
  readonly rules: RulesHere | null;
  /** No rule covers this place or one below. */
  readonly isBare: boolean;
  child(token: string | number): Place;
}

/** Where no rule reaches. */
export const NOWHERE: Place = {
  rules: null,
  isBare: true,
  child: () => NOWHERE,
};

/** Distinct places that are remembered. Patterns with many `**` could make more of them than there is memory. */
const PLACES_KEPT = 4096;

interface Pattern {
  readonly rule: ScopedRule;
  readonly parts: readonly string[];
}

/** Where one pattern stands: its parts before `next` are behind us. */
interface Standing {
  readonly pattern: number;
  readonly next: number;
}

/** The root of a document under these rules. */
export function placesOf(rules: readonly ScopedRule[]): Place {
  const patterns: Pattern[] = [];
  for (const rule of rules) {
    const parts = rule.at.startsWith("/") || rule.at === "" ? parsePointer(rule.at) : null;
    if (parts !== null) patterns.push({ rule, parts });
  }
  if (patterns.length === 0) return NOWHERE;
  const words = new Set(patterns.flatMap(({ parts }) => parts.filter((part) => part !== "*" && part !== "**")));
  const namesIndices = [...words].some((word) => /^\d+$/.test(word));
  const known = new Map<string, Place>();

  function placeAt(standings: readonly Standing[]): Place {
    if (standings.length === 0) return NOWHERE;
    const key = standings.map(({ pattern, next }) => `${pattern}.${next}`).join();
    const seen = known.get(key);
    if (seen !== undefined) return seen;
    const place = newPlace(standings);
    if (known.size < PLACES_KEPT) known.set(key, place);
    return place;
  }

  function newPlace(standings: readonly Standing[]): Place {
    const named = new Map<string, Place>();
    let other: Place | null = null;
    const toOther = (): Place => (other ??= placeAt(step(standings, null)));
    return {
      rules: rulesHere(standings),
      isBare: false,
      child(token) {
        if (typeof token === "number") {
          if (!namesIndices) return toOther();
          token = String(token);
        }
        if (!words.has(token)) return toOther();
        let next = named.get(token);
        if (next === undefined) {
          next = placeAt(step(standings, token));
          named.set(token, next);
        }
        return next;
      },
    };
  }

  /** null: a token that no pattern names. */
  function step(standings: readonly Standing[], token: string | null): Standing[] {
    const moved: Standing[] = [];
    for (const { pattern, next } of standings) {
      const part = (patterns[pattern] as Pattern).parts[next];
      if (part === undefined) continue;
      if (part === "**") moved.push({ pattern, next });
      else if (part === "*" || part === token) moved.push({ pattern, next: next + 1 });
    }
    return settled(moved);
  }

  /** `**` may stand for nothing: whoever is before one is behind it too. */
  function settled(standings: readonly Standing[]): Standing[] {
    const found = new Map<string, Standing>();
    const pending = standings.toReversed();
    for (let one = pending.pop(); one !== undefined; one = pending.pop()) {
      const key = `${one.pattern}.${one.next}`;
      if (found.has(key)) continue;
      found.set(key, one);
      if ((patterns[one.pattern] as Pattern).parts[one.next] === "**")
        pending.push({ pattern: one.pattern, next: one.next + 1 });
    }
    return [...found.values()].sort((a, b) => a.pattern - b.pattern || a.next - b.next);
  }

  function rulesHere(standings: readonly Standing[]): RulesHere | null {
    const here = new Set<ScopedRule>();
    let ignoresAllBelow = false;
    for (const { pattern, next } of standings) {
      const { rule, parts } = patterns[pattern] as Pattern;
      if (next !== parts.length) continue;
      here.add(rule);
      ignoresAllBelow ||= rule.kind === "ignore" && parts.at(-1) === "**";
    }
    return here.size === 0 ? null : { ...byKind([...here]), ignoresAllBelow };
  }

  return placeAt(settled(patterns.map((_, pattern) => ({ pattern, next: 0 }))));
}

/** The same, of a header or the status, below which there is nothing. */
export function byKind(rules: readonly ScopedRule[]): Omit<RulesHere, "ignoresAllBelow"> {
  return {
    ignore: rules.filter((rule) => rule.kind === "ignore"),
    normalise: rules.filter((rule) => rule.kind === "normalise"),
    tolerance: rules.filter((rule) => rule.kind === "tolerance"),
    equivalent: rules.filter((rule) => rule.kind === "equivalent"),
    shapes: rules.filter((rule) => rule.kind === "shapes"),
    unordered: rules.filter((rule) => rule.kind === "unordered"),
  };
}
