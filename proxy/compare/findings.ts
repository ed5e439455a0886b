import type { CompareSettings } from "../config/settings.ts";
import type { Difference, DifferenceKind } from "../evidence.ts";
import { MAX_DIFFERENCES, type Verdict } from "../exchange.ts";
import { formatPointer, matchesPointer, parsePointer, type PointerTokens } from "../json/pointer.ts";
import { printExact, printPair } from "../json/print-exact.ts";
import type { JsonValue } from "../json/value.ts";

/** A pointer longer than this is cut in evidence: a document nested 100,000 deep would fill the store with pointers. */
const POINTER_MAX_CHARS = 1024;

/** Where a collection of findings stood; see `rewind`. */
export interface Mark {
  readonly listed: number;
  readonly more: number;
  readonly excused: number;
}

/**
 * Collects what compare finds: excuses by rule, lists up to MAX_DIFFERENCES and counts the rest. Values are only printed
 * where they are listed.
 */
export class Findings {
  readonly #listed: Difference[] = [];
  readonly #pointers: (readonly string[])[] = [];
  readonly #headers = new Set<string>();
  readonly #statusExcused: boolean = false;
  readonly #limit: number;
  #more = 0;
  #excused = 0;

  /**
   * Rules whose `until` lies before `now` (epoch ms) excuse nothing. Whoever compares may stop once more than `limit`
   * differences are found: what there is then is no verdict.
   */
  constructor(rules: CompareSettings, now: number, limit = Number.POSITIVE_INFINITY) {
    this.#limit = limit;
    for (const rule of rules.ignore) {
      if (rule.until !== null && now > rule.until) continue;
      if (rule.at === "status") {
        this.#statusExcused = true;
      } else if (rule.at.startsWith("header:")) {
        this.#headers.add(rule.at.slice("header:".length).trim().toLowerCase());
      } else {
        const pattern = parsePointer(rule.at);
        if (pattern !== null) this.#pointers.push(pattern);
      }
    }
  }

  /** Differences that no rule excused. */
  get unexcused(): number {
    return this.#listed.length + this.#more;
  }

  get isBeyondLimit(): boolean {
    return this.unexcused + this.#excused > this.#limit;
  }

  status(primary: number, shadow: number): void {
    this.#add(this.#statusExcused, () => ({
      at: "",
      kind: "status",
      primary: String(primary),
      shadow: String(shadow),
    }));
  }

  /** `name` in lower case; null: absent. */
  header(name: string, primary: string | null, shadow: string | null): void {
    this.#add(this.#headers.has(name), () => ({ at: `header:${name}`, kind: "header", primary, shadow }));
  }

  /** About a body as a whole; in words, since its bytes may be anything. */
  body(kind: DifferenceKind, primary: string | null, shadow: string | null): void {
    this.#add(this.#excuses([]), () => ({ at: "", kind, primary, shadow }));
  }

  /** undefined: absent. `tokens` is read before this returns. */
  json(
    tokens: PointerTokens,
    kind: DifferenceKind,
    primary: JsonValue | undefined,
    shadow: JsonValue | undefined,
  ): void {
    this.#add(this.#excuses(tokens), () => {
      const at = boundedPointer(tokens);
      if (primary === undefined)
        return { at, kind, primary: null, shadow: shadow === undefined ? null : printExact(shadow) };
      if (shadow === undefined) return { at, kind, primary: printExact(primary), shadow: null };
      const [textA, textB] = printPair(primary, shadow);
      return { at, kind, primary: textA, shadow: textB };
    });
  }

  /** Two arrays of different length, told by their lengths. */
  length(tokens: PointerTokens, primary: number, shadow: number): void {
    this.#add(this.#excuses(tokens), () => {
      return { at: boundedPointer(tokens), kind: "length", primary: String(primary), shadow: String(shadow) };
    });
  }

  mark(): Mark {
    return { listed: this.#listed.length, more: this.#more, excused: this.#excused };
  }

  /** Forgets everything found since `mark`: one finding says it better. */
  rewind(mark: Mark): void {
    this.#listed.length = mark.listed;
    this.#more = mark.more;
    this.#excused = mark.excused;
  }

  verdict(): Verdict {
    const outcome = this.unexcused > 0 ? "divergent" : this.#excused > 0 ? "ignored" : "match";
    return { outcome, differences: this.#listed, moreDifferences: this.#more, excused: this.#excused };
  }

  #excuses(tokens: PointerTokens): boolean {
    return this.#pointers.some((pattern) => matchesPointer(pattern, tokens));
  }

  #add(excused: boolean, describe: () => Difference): void {
    if (excused) this.#excused += 1;
    else if (this.#listed.length < MAX_DIFFERENCES) this.#listed.push(describe());
    else this.#more += 1;
  }
}

function boundedPointer(tokens: PointerTokens): string {
  // A token takes two characters at least, so what lies beyond this many is cut anyway.
  const pointer = formatPointer(tokens.length > POINTER_MAX_CHARS ? tokens.slice(0, POINTER_MAX_CHARS) : tokens);
  return pointer.length > POINTER_MAX_CHARS ? `${pointer.slice(0, POINTER_MAX_CHARS - 1)}…` : pointer;
}
