/** Which places a route's evidence must not show: the built-in names, and what its `redact` lists. */
import type { Detector, RouteSettings } from "../config/settings.ts";
import type { Locator } from "../config/terms.ts";
import { matchesPointer, parsePointer, type PointerTokens } from "../json/pointer.ts";
import { namedRules } from "../evidence/rule-names.ts";
import { isSecretHeader, isSecretName } from "./secret-names.ts";

const rulesOf = new WeakMap<RouteSettings, RedactionRules>();

export class RedactionRules {
  readonly #redact: readonly Locator[];
  /** Of bodies and answers alike: what a request holds, an answer often repeats at the same place. */
  readonly #pointers: readonly (readonly string[])[];
  /** Whether entity keys of this route may come from a secret place. */
  readonly keyIsSecret: boolean;
  readonly detectors: readonly Detector[];
  /** Names of `path:` locators; empty for the whole path. */
  readonly pathNames: readonly string[];

  /** Pointers without a secret by these rules, with their tokens; one exchange may still know some of those for its own. */
  readonly plainPlaces = new Map<string, readonly string[]>();
  /** Names of members in the pointers of the route's comparison. */
  readonly #ruleNames: ReadonlySet<string>;

  /** Built once for each route of a config. */
  static of(route: RouteSettings): RedactionRules {
    let rules = rulesOf.get(route);
    if (rules === undefined) rulesOf.set(route, (rules = new RedactionRules(route)));
    return rules;
  }

  private constructor(route: RouteSettings) {
    this.#redact = route.redact;
    this.detectors = route.redactDetect;
    this.pathNames = route.redact.filter(({ source }) => source === "path").map(({ name }) => name);
    this.#pointers = route.redact
      .filter(({ source }) => source === "body" || source === "answer")
      .map(({ name }) => parsePointer(name))
      .filter((pointer) => pointer !== null);
    this.#ruleNames = new Set(pointersOf(route).flatMap((pointer) => parsePointer(pointer) ?? []));
    this.keyIsSecret = route.key.some((locator) => this.#isSecretLocator(locator));
  }

  /** Whether a body holds secrets by their names alone, wherever they stand. */
  get byNameOnly(): boolean {
    return this.#pointers.length === 0;
  }

  /** Whether the route's file names it: then it is no secret. */
  isNamedByRule(name: string): boolean {
    return this.#ruleNames.has(name);
  }

  namesQuery(name: string): boolean {
    return isSecretName(name) || this.#lists("query", name);
  }

  namesCookie(name: string): boolean {
    return isSecretName(name) || this.#lists("cookie", name);
  }

  /** `name` in lower case. A header of the request is redacted in the answer too. */
  namesHeader(name: string): boolean {
    return isSecretHeader(name) || this.#lists("header", name) || this.#lists("answer-header", name);
  }

  /** Whether everything at and under this place of an answer is secret. */
  isSecretPlace(tokens: readonly string[]): boolean {
    if (tokens.some(isSecretName)) return true;
    return this.#pointers.some((pointer) => {
      for (let length = 0; length <= tokens.length; length++) {
        if (matchesPointer(pointer, tokens.slice(0, length))) return true;
      }
      return false;
    });
  }

  /** Whether what is here is secret though what it stands in is not; a number is an array's index. */
  isSecretFrom(tokens: PointerTokens): boolean {
    const name = tokens.at(-1);
    if (typeof name === "string" && isSecretName(name)) return true;
    return this.#pointers.some((pointer) => matchesPointer(pointer, tokens));
  }

  #lists(source: Locator["source"], name: string): boolean {
    return this.#redact.some((locator) => locator.source === source && locator.name === name);
  }

  #isSecretLocator({ source, name }: Locator): boolean {
    switch (source) {
      case "path":
        return name !== "" && (isSecretName(name) || this.#lists("path", name));
      case "query":
        return this.namesQuery(name);
      case "header":
      case "answer-header":
        return this.namesHeader(name);
      case "cookie":
        return true;
      case "body":
      case "answer":
        return this.isSecretPlace(parsePointer(name) ?? []);
      default: {
        const never: never = source;
        throw new TypeError(`no such source: ${String(never)}`);
      }
    }
  }
}

function pointersOf({ compare }: RouteSettings): readonly string[] {
  const keys = compare.unordered.flatMap(({ by }) => by ?? []);
  return [...compare.mustMatch, ...namedRules(compare).map(({ rule }) => rule.at), ...keys];
}
