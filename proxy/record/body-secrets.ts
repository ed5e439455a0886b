/** The secrets in a request's body: what stands there under a secret name, and what the route's `redact` points at. */
import { parseExact } from "../json/parse-exact.ts";
import type { PointerTokens } from "../json/pointer.ts";
import { JsonNumber, JsonObject, type JsonValue } from "../json/value.ts";
import { multipartFields } from "./multipart.ts";
import type { RedactionRules } from "./redaction-rules.ts";
import { mayNameSecrets } from "./secret-names.ts";
import { secretsInText } from "./secret-texts.ts";

/** Larger bodies are not looked into: reading them would hold up the clients. */
export const LOOKED_INTO_MAX_BYTES = 256 * 1024;
const MAX_DEPTH = 200;

const FORM = /^application\/x-www-form-urlencoded\s*(?:;|$)/i;
const SPACE = /\s/;
const RECORD_SEPARATOR = "\x1e";
const BLANK = /^\s*$/;
const CONTAINER = /^\s*[{[]/;

/**
 * Those of at least `minLength` characters. Ends once there are more than `most`: enough for the caller to know that there
 * are too many. A body that is no form, multipart, JSON or lines of JSON holds none.
 */
export function secretsInBody(
  body: Buffer,
  contentType: string | null,
  rules: RedactionRules,
  minLength: number,
  most: number,
): ReadonlySet<string> {
  const found = new Set<string>();
  if (body.length === 0 || body.length > LOOKED_INTO_MAX_BYTES) return found;
  /** Whether to go on. */
  const add = (secret: string): boolean => {
    if (secret.length >= minLength) found.add(secret);
    return found.size <= most;
  };
  if (contentType !== null && FORM.test(contentType.trim())) {
    for (const [name, value] of new URLSearchParams(body.toString("utf8"))) {
      if (!(rules.isSecretFrom([]) || rules.isSecretFrom([name]) ? add(value) : addFromText(value, rules, add))) break;
    }
    return found;
  }
  if (contentType !== null) {
    for (const { name, value } of multipartFields(body, contentType.trim())) {
      const isSecret = [[], [name], [name, "content"]].some((place) => rules.isSecretFrom(place));
      const goOn = isSecret
        ? add(value.toString("utf8"))
        : addFromJson(value, [[], [name, "content"]], rules, minLength, add);
      if (!goOn) return found;
    }
  }
  // One line of JSON is a document, or an array of one.
  addFromJson(body, [[], [0]], rules, minLength, add);
  return found;
}

/** `places`: where it may be. By its looks, not by its type: clients forget the type, and services read the body all the same. Whether to go on. */
function addFromJson(
  body: Buffer,
  places: readonly PointerTokens[],
  rules: RedactionRules,
  minLength: number,
  add: (secret: string) => boolean,
): boolean {
  const isJson = isContainer(body);
  const isLines = body.includes("\n") || body.includes(RECORD_SEPARATOR);
  if (!isJson && !isLines) return true;
  const text = body.toString("utf8");
  if (rules.byNameOnly && !mayNameSecrets(text)) return true;
  const read = isJson ? parseExact(body) : null;
  if (read?.ok === true) {
    // Where it stands matters to pointers alone.
    const from = rules.byNameOnly ? places.slice(0, 1) : places;
    return from.every((at) => walk(read.value, [...at], rules.isSecretFrom([]) || rules.isSecretFrom(at), rules, add));
  }
  return !isLines || addFromLines(text, rules, minLength, add);
}

/** One document a line, or behind each record separator (RFC 7464): an array, as it is to the comparison. */
function addFromLines(
  text: string,
  rules: RedactionRules,
  minLength: number,
  add: (secret: string) => boolean,
): boolean {
  const isAllSecret = rules.isSecretFrom([]);
  let index = -1;
  for (const line of text.replaceAll(RECORD_SEPARATOR, "\n").split("\n")) {
    if (BLANK.test(line)) continue;
    index += 1;
    // Two of its characters are brackets.
    if (line.length < minLength + 2 || !CONTAINER.test(line) || (rules.byNameOnly && !mayNameSecrets(line))) continue;
    const read = parseExact(line);
    if (read.ok && !walk(read.value, [index], isAllSecret || rules.isSecretFrom([index]), rules, add)) return false;
  }
  return true;
}

function isContainer(body: Buffer): boolean {
  let at = body[0] === 0xef && body[1] === 0xbb && body[2] === 0xbf ? 3 : 0;
  while (at < body.length && SPACE.test(String.fromCharCode(body[at] as number))) at += 1;
  return body[at] === 0x7b || body[at] === 0x5b;
}

/** A text that is no secret may have some in it: a document of its own, a query of GraphQL. */
function addFromText(text: string, rules: RedactionRules, add: (secret: string) => boolean): boolean {
  if (!text.includes('"')) return true;
  const read = CONTAINER.test(text) ? parseExact(text) : null;
  if (read?.ok === true) return walk(read.value, [], rules.isSecretFrom([]), rules, add);
  return secretsInText(text).every(add);
}

/** Answers whether to go on. `path` is the same array again when it returns. */
function walk(
  value: JsonValue,
  path: (string | number)[],
  isSecret: boolean,
  rules: RedactionRules,
  add: (secret: string) => boolean,
): boolean {
  if (typeof value === "string") return isSecret ? add(value) : addFromText(value, rules, add);
  if (value instanceof JsonNumber) return !isSecret || add(value.raw);
  if (value === null || typeof value === "boolean" || path.length >= MAX_DEPTH) return true;
  const [names, values] = value instanceof JsonObject ? [value.names, value.values] : [null, value];
  for (let i = 0; i < values.length; i++) {
    path.push(names === null ? i : (names[i] as string));
    const goOn = walk(values[i] as JsonValue, path, isSecret || rules.isSecretFrom(path), rules, add);
    path.pop();
    if (!goOn) return false;
  }
  return true;
}
