/**
 * JSON as it stands in a text, nothing rounded and nothing lost: numbers keep their spelling, objects keep every member in
 * order (also the second `id`, also `__proto__`), strings keep lone surrogates.
 */
export type JsonValue = null | boolean | string | JsonNumber | JsonArray | JsonObject;

export type JsonArray = readonly JsonValue[];

export class JsonNumber {
  /** Its spelling is cut out of the text only where someone asks: of most numbers nobody does. */
  readonly #text: string;
  readonly #from: number;
  readonly #to: number;

  constructor(text: string, from = 0, to = text.length) {
    this.#text = text;
    this.#from = from;
    this.#to = to;
  }

  /** As spelled: `1.0`, `9007199254740993`, `1e400`. */
  get raw(): string {
    return this.#text.slice(this.#from, this.#to);
  }
}

export class JsonObject {
  readonly names: readonly string[];
  /** `values[i]` belongs to `names[i]`. */
  readonly values: readonly JsonValue[];

  constructor(names: readonly string[], values: readonly JsonValue[]) {
    this.names = names;
    this.values = values;
  }
}

export type JsonType = "null" | "boolean" | "string" | "number" | "array" | "object";

export function typeOf(value: JsonValue): JsonType {
  if (value === null) return "null";
  if (typeof value === "string") return "string";
  if (typeof value === "boolean") return "boolean";
  if (value instanceof JsonNumber) return "number";
  return value instanceof JsonObject ? "object" : "array";
}
