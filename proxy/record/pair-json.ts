/**
 * Redacts a JSON value of a pair so that it can be compared again: what was equal stays equal and what differed still
 * differs, member by member. Where a whole place is secret its shape stays, and each scalar in it has a stand-in of its own.
 */
import { canonicalNumber } from "../json/number.ts";
import { JsonNumber, JsonObject, type JsonValue } from "../json/value.ts";
import type { Masking } from "./masking.ts";

const MAX_DEPTH = 200;
/** Set apart from the text that a string of the same digits would have. */
const NUMBER = " (number)";

/** Deeper than is looked into. */
export class TooDeep extends Error {}

/**
 * The same object where there was nothing to redact. `at`: where it stands, as tokens.
 * @throws TooDeep
 */
export function redactJson(value: JsonValue, at: readonly string[], masking: Masking): JsonValue {
  return new JsonWalk(at, masking).value(value, masking.rules.isSecretFrom([]) || masking.rules.isSecretFrom(at));
}

class JsonWalk {
  readonly #masking: Masking;
  readonly #path: (string | number)[];

  constructor(at: readonly string[], masking: Masking) {
    this.#path = [...at];
    this.#masking = masking;
  }

  value(value: JsonValue, secret: boolean): JsonValue {
    // None of these tells anything.
    if (value === null || typeof value === "boolean" || value === "") return value;
    if (typeof value === "string") return secret ? this.#masking.whole(value) : this.#masking.content(value);
    if (value instanceof JsonNumber) return this.#number(value, secret);
    if (this.#path.length > MAX_DEPTH) throw new TooDeep();
    if (value instanceof JsonObject) {
      const names = value.names.map((name) => this.#name(name, secret));
      const values = value.values.map((each, i) => this.#member(value.names[i] as string, each, secret));
      const same = names.every((name, i) => name === value.names[i]) && values.every((v, i) => v === value.values[i]);
      return same ? value : new JsonObject(names, values);
    }
    const elements = value.map((each, i) => this.#member(i, each, secret));
    return elements.every((element, i) => element === value[i]) ? value : elements;
  }

  #member(token: string | number, value: JsonValue, secret: boolean): JsonValue {
    this.#path.push(token);
    const shown = this.value(value, secret || this.#masking.rules.isSecretFrom(this.#path));
    this.#path.pop();
    return shown;
  }

  /** Under a secret place a name may be secret itself, but for those that a rule of the comparison has to find again. */
  #name(name: string, secret: boolean): string {
    const isSecret = secret && this.#path.length > 0 && !this.#masking.rules.isNamedByRule(name);
    return isSecret ? this.#masking.mask(name) : this.#masking.content(name);
  }

  /** Equal numbers are one, however they are spelled. */
  #number(value: JsonNumber, secret: boolean): JsonValue {
    const { raw } = value;
    if (secret) {
      this.#masking.remember(raw);
      return this.#masking.mask(canonicalNumber(raw)) + NUMBER;
    }
    const shown = this.#masking.content(raw);
    return shown === raw ? value : shown + NUMBER;
  }
}
