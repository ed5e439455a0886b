/** The secrets in a request's body: what stands there under a secret name, and what the route's `redact` points at. */
import { parseExact } from "../json/parse-exact.ts";
import { JsonNumber, JsonObject, type JsonValue } from "../json/value.ts";
import { multipartFields } from "./multipart.ts";
import type { RedactionRules } from "./redaction-rules.ts";
import { isSecretName } from "./secret-names.ts";

/** Larger bodies are not looked into: reading them would hold up the clients. */
const BODY_MAX_BYTES = 256 * 1024;
const MAX_DEPTH = 200;

const FORM = /^application\/x-www-form-urlencoded\s*(?:;|$)/i;
const SPACE = /\s/;
const BEFORE_COLON = /^\s*:/;

/**
 * Those of at least `minLength` characters. Ends once there are more than `most`: enough for the caller to know that there
 * are too many. A body that is no form, multipart or JSON holds none.
 */
export function secretsInBody(
  body: Buffer,
  contentType: string | null,
  rules: RedactionRules,
  minLength: number,
  most: number,
): ReadonlySet<string> {
  const found = new Set<string>();
  if (body.length === 0 || body.length > BODY_MAX_BYTES) return found;
  /** Whether to go on. */
  const add = (secret: string): boolean => {
    if (secret.length >= minLength) found.add(secret);
    return found.size <= most;
  };
  if (contentType !== null && FORM.test(contentType.trim())) {
    for (const [name, value] of new URLSearchParams(body.toString("utf8"))) {
      if (rules.isSecretFrom([name]) && !add(value)) break;
    }
    return found;
  }
  if (contentType !== null) {
    for (const { name, value } of multipartFields(body, contentType.trim())) {
      const goOn = rules.isSecretFrom([name]) ? add(value.toString("utf8")) : addFromJson(value, rules, add);
      if (!goOn) return found;
    }
  }
  addFromJson(body, rules, add);
  return found;
}

/** By its looks, not by its type: clients forget the type, and services read the body all the same. Whether to go on. */
function addFromJson(body: Buffer, rules: RedactionRules, add: (secret: string) => boolean): boolean {
  if (!isContainer(body)) return true;
  if (rules.byNameOnly && !mayNameSecrets(body.toString("utf8"))) return true;
  const read = parseExact(body);
  return !read.ok || walk(read.value, [], rules.isSecretFrom([]), rules, add);
}

function isContainer(body: Buffer): boolean {
  let at = body[0] === 0xef && body[1] === 0xbb && body[2] === 0xbf ? 3 : 0;
  while (at < body.length && SPACE.test(String.fromCharCode(body[at] as number))) at += 1;
  return body[at] === 0x7b || body[at] === 0x5b;
}

/**
 * False only where no member of the JSON text has a secret's name: most bodies have none, and reading one exactly costs
 * many times more. Without a backslash every second quotation mark ends a string, and a name is a string before a colon.
 */
function mayNameSecrets(text: string): boolean {
  if (text.includes("\\")) return true;
  const parts = text.split('"');
  for (let i = 1; i + 1 < parts.length; i += 2) {
    if (BEFORE_COLON.test(parts[i + 1] as string) && isSecretName(parts[i] as string)) return true;
  }
  return false;
}

/** Answers whether to go on. `path` is the same array again when it returns. */
function walk(
  value: JsonValue,
  path: (string | number)[],
  isSecret: boolean,
  rules: RedactionRules,
  add: (secret: string) => boolean,
): boolean {
  if (typeof value === "string") return !isSecret || add(value);
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
