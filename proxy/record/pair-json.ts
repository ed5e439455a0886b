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

/** Where a value stands, as tokens: in each of the ways in which a rule may point there. */
export type Places = readonly (readonly string[])[];

/**
 * The same object where there was nothing to redact. `at`: where it stands.
 * @throws TooDeep
 */
export function redactJson(value: JsonValue, at: Places, masking: Masking): JsonValue {
  const walk = new JsonWalk(at, masking);
  return walk.value(
    value,
    at.some((place) => masking.rules.isSecretPlace(place)),
  );
}

class JsonWalk {
  readonly #masking: Masking;
  readonly #at: Places;
  /** The value itself is a body; else it is within one, and names in it may be secret as a whole. */
  readonly #isRoot: boolean;
  readonly #path: (string | number)[] = [];

  constructor(at: Places, masking: Masking) {
    this.#at = at;
    this.#isRoot = at.every((place) => place.length === 0);
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
    const shown = this.value(value, secret || this.#isSecretHere());
    this.#path.pop();
    return shown;
  }

  #isSecretHere(): boolean {
    const { rules } = this.#masking;
    if (this.#isRoot) return rules.isSecretFrom(this.#path);
    return this.#at.some((place) => rules.isSecretFrom([...place, ...this.#path]));
  }

  /** Under a secret place a name may be secret itself, but for those that a rule of the comparison has to find again. */
  #name(name: string, secret: boolean): string {
    const isSecret = secret && (!this.#isRoot || this.#path.length > 0) && !this.#masking.rules.isNamedByRule(name);
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
