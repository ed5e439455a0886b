import type { CompareSettings } from "../config/compare-settings.ts";
import type { Difference, DifferenceKind } from "../evidence/evidence.ts";
import { MAX_DIFFERENCES, type Verdict } from "../exchange.ts";
import { MODULE_JUDGE } from "../evidence/rule-names.ts";
import { formatPointer, type PointerTokens } from "../json/pointer.ts";
import { printExact, printPair } from "../json/print-exact.ts";
import { JsonObject, type JsonValue } from "../json/value.ts";
import type { Effort } from "./equal-json.ts";
import { type ActiveRules, type AnswerHead, compileRules } from "./rules/compile.ts";
import { rulesThatExcuse, rulesThatExcuseHeader, rulesThatExcuseStatus } from "./rules/excuse.ts";
import type { Oversight } from "./oversight.ts";
import type { Place } from "./rules/places.ts";
import type { ScopedRule } from "./rules/scoped-rule.ts";

/** A pointer longer than this is cut in evidence: a document nested 100,000 deep would fill the store with pointers. */
const POINTER_MAX_CHARS = 1024;

/**
 * What there is to spend on finding out which elements stand against each other, in looks at a value of 30 ns: enough for
 * two of the largest bodies that are not nested on purpose; with a limit, about a millisecond's worth.
 */
const EFFORT = 20_000_000;
const LIMITED_EFFORT = 20_000;
const NONE: Verdict["excusedBy"] = [];
const JUDGED = { name: MODULE_JUDGE };

/**
 * Collects what compare finds: excuses by rule, lists up to MAX_DIFFERENCES and counts the rest. Values are only printed
 * where they are listed.
 */
export class Findings {
  readonly #settings: CompareSettings;
  readonly #now: number;
  /** See the constructor. */
  readonly limit: number;
  readonly #primary: AnswerHead | null;
  readonly #oversight: Oversight | null;
  #rules: ActiveRules | null = null;
  readonly #listed: Difference[] = [];
  #more = 0;
  #excused = 0;
  #excusedBy: Map<string, number> | null = null;
  /** Shared by all that is compared; see `isBeyondLimit`. */
  readonly effort: Effort;

  /**
   * Rules whose `until` lies before `now` (epoch ms) excuse nothing, nor do those with a condition that `primary` does not
   * meet. Whoever compares may stop once more than `limit` differences are found: what there is then is no verdict.
   * `oversight` is asked about what no rule excuses.
   */
  constructor(
    settings: CompareSettings,
    now: number,
    limit = Number.POSITIVE_INFINITY,
    primary: AnswerHead | null = null,
    oversight: Oversight | null = null,
  ) {
    this.#settings = settings;
    this.#now = now;
    this.limit = limit;
    this.#primary = primary;
    this.#oversight = oversight;
    const isLimited = limit < Number.POSITIVE_INFINITY;
    this.effort = { left: isLimited ? LIMITED_EFFORT : EFFORT, isLimited };
  }

  /** Differences that no rule excused. */
  get unexcused(): number {
    return this.#listed.length + this.#more;
  }

  get isBeyondLimit(): boolean {
    return this.unexcused + this.#excused > this.limit || (this.effort.left < 0 && this.effort.isLimited);
  }

  /** The whole body, as the rules see it. */
  get root(): Place {
    return this.#active.root;
  }

  status(primary: number, shadow: number): void {
    const { status } = this.#active;
    this.#add(status === null ? null : rulesThatExcuseStatus(status, primary, shadow), () => ({
      at: "",
      kind: "status",
      primary: String(primary),
      shadow: String(shadow),
    }));
  }

  /** `name` in lower case; null: absent. */
  header(name: string, primary: string | null, shadow: string | null): void {
    const rules = this.#active.header(name);
    this.#add(rules === null ? null : rulesThatExcuseHeader(rules, primary, shadow), () => {
      return { at: `header:${name}`, kind: "header", primary, shadow };
    });
  }

  /** About a body as a whole; in words, since its bytes may be anything. */
  body(kind: DifferenceKind, primary: string | null, shadow: string | null): void {
    this.#add(ignoring(this.root), () => ({ at: "", kind, primary, shadow }), [], true);
  }

  /** undefined: absent. `tokens` is read before this returns; `place` is where they lead. */
  json(
    tokens: PointerTokens,
    kind: DifferenceKind,
    primary: JsonValue | undefined,
    shadow: JsonValue | undefined,
    place = this.#placeOf(tokens),
  ): void {
    const { rules } = place;
    const excused =
      rules === null ? null : kind === "order" ? ignoring(place) : rulesThatExcuse(rules, primary, shadow);
    const describe = (): Difference => {
      const at = boundedPointer(tokens);
      if (primary === undefined)
        return { at, kind, primary: null, shadow: shadow === undefined ? null : printExact(shadow) };
      if (shadow === undefined) return { at, kind, primary: printExact(primary), shadow: null };
      const [textA, textB] = printPair(primary, shadow);
      return { at, kind, primary: textA, shadow: textB };
    };
    // An array in another order is still compared element by element.
    this.#add(excused, describe, tokens, kind !== "order" && (hasParts(primary) || hasParts(shadow)));
  }

  /** A difference that is no more than what this rule excuses. */
  excuse(rule: ScopedRule): void {
    this.#excuse([rule]);
  }

  verdict(): Verdict {
    const outcome = this.unexcused > 0 ? "divergent" : this.#excused > 0 ? "ignored" : "match";
    const excusedBy = this.#excusedBy === null ? NONE : [...this.#excusedBy].map(([rule, times]) => ({ rule, times }));
    return { outcome, differences: this.#listed, moreDifferences: this.#more, excused: this.#excused, excusedBy };
  }

  /** Chosen when first asked for: most answers are equal and ask for none. */
  get #active(): ActiveRules {
    return (this.#rules ??= compileRules(this.#settings).select(this.#now, this.#primary));
  }

  #placeOf(tokens: PointerTokens): Place {
    let place = this.root;
    for (const token of tokens) {
      if (place.isBare) break;
      place = place.child(token);
    }
    return place;
  }

  /** `tokens` null: it is about status or headers. `hides`: with it goes all that is below. */
  #add(
    excused: readonly ScopedRule[] | null,
    describe: () => Difference,
    tokens: PointerTokens | null = null,
    hides = false,
  ): void {
    if (excused !== null) this.#excuse(excused);
    else if (this.#oversight?.excuses(describe, tokens, hides) === true) this.#excuse([JUDGED]);
    else if (this.#listed.length < MAX_DIFFERENCES) this.#listed.push(describe());
    else this.#more += 1;
  }

  /** One difference, even where it took several rules to excuse it. */
  #excuse(rules: readonly Pick<ScopedRule, "name">[]): void {
    this.#excused += 1;
    const counts = (this.#excusedBy ??= new Map());
    for (const { name } of rules) counts.set(name, (counts.get(name) ?? 0) + 1);
  }
}

function hasParts(value: JsonValue | undefined): boolean {
  return value instanceof JsonObject || Array.isArray(value);
}

function ignoring({ rules }: Place): readonly ScopedRule[] | null {
  const rule = rules?.ignore[0];
  return rule === undefined ? null : [rule];
}

function boundedPointer(tokens: PointerTokens): string {
  // A token takes two characters at least, so what lies beyond this many is cut anyway.
  const pointer = formatPointer(tokens.length > POINTER_MAX_CHARS ? tokens.slice(0, POINTER_MAX_CHARS) : tokens);
  return pointer.length > POINTER_MAX_CHARS ? `${pointer.slice(0, POINTER_MAX_CHARS - 1)}…` : pointer;
}
