/**
 * One body of a pair, redacted and still readable as what it was: JSON, lines of JSON, a form, a multipart or text. Anything
 * else is left out but for a keyed digest: what is secret in it cannot be told from what is not.
 */
import { isUtf8 } from "node:buffer";
import { parseExact } from "../json/parse-exact.ts";
import { printExact } from "../json/print-exact.ts";
import type { BodyLeftOut, PairBody } from "../stored-pair.ts";
import { multipartFields } from "./multipart.ts";
import { redactJson, TooDeep } from "./pair-json.ts";
import type { Masking } from "./masking.ts";

export interface ShownBody {
  readonly body: PairBody;
  readonly redacted: boolean;
}

const JSON_TYPE = /^(?:application|text)\/(?:json|[\w.+-]+\+json|x-amz-json-[\w.]+)$/;
const LINES_TYPE = /^application\/(?:x-ndjson|ndjson|jsonl|x-jsonlines|jsonlines|json-seq)$/;
const FORM_TYPE = "application/x-www-form-urlencoded";
const PLAIN_TYPE = "text/plain";
const CONTAINER = /^\ufeff?\s*[[{]/;

/** `bytes`: without content coding. */
export function redactBody(bytes: Buffer, contentType: string | null, masking: Masking): ShownBody {
  if (bytes.length === 0) return { body: { text: "" }, redacted: false };
  if (!isUtf8(bytes)) return leaveOut(bytes, "binary", masking);
  const text = bytes.toString("utf8");
  const shown = redactText(text, bytes, contentType, masking);
  if (shown === null) return leaveOut(bytes, "unreadable", masking);
  return { body: { text: shown }, redacted: shown !== text };
}

function leaveOut(bytes: Buffer, why: BodyLeftOut, masking: Masking): ShownBody {
  return { body: { leftOut: why, bytes: bytes.length, digest: masking.digest(bytes) }, redacted: true };
}

/** null: it is nothing that can be redacted place by place. */
function redactText(text: string, bytes: Buffer, contentType: string | null, masking: Masking): string | null {
  const type = (contentType ?? "").trim();
  const essence = type.split(";", 1)[0]?.trim().toLowerCase() ?? "";
  if (essence === FORM_TYPE) return redactForm(text, masking);
  if (essence.startsWith("multipart/")) return redactMultipart(bytes, type, masking);
  if (LINES_TYPE.test(essence)) return redactLines(text, masking);
  // By its looks, not by its type: services forget the type, and clients read the body all the same.
  if (JSON_TYPE.test(essence) || CONTAINER.test(text)) return redactJsonBody(text, [], masking);
  const isPlain = essence === "" || essence === PLAIN_TYPE;
  return isPlain && masking.rules.byNameOnly ? masking.text(text) : null;
}

/** As it was spelled where there is nothing to redact in it. */
function redactJsonBody(text: string, at: readonly string[], masking: Masking): string | null {
  const read = parseExact(text);
  if (!read.ok) return null;
  try {
    const shown = redactJson(read.value, at, masking);
    return shown === read.value ? text : printExact(shown, Number.MAX_SAFE_INTEGER);
  } catch (thrown) {
    if (thrown instanceof TooDeep) return null;
    throw thrown;
  }
}

function redactLines(text: string, masking: Masking): string | null {
  const shown: string[] = [];
  for (const line of text.split("\n")) {
    const redacted = line.trim() === "" ? line : redactJsonBody(line, [], masking);
    if (redacted === null) return null;
    shown.push(redacted);
  }
  return shown.join("\n");
}

function redactForm(text: string, masking: Masking): string {
  const pairs = text.split("&").map((pair) => {
    const equals = pair.indexOf("=");
    if (equals === -1) return pair === "" ? pair : encodeUnlessSame(pair, masking.content(decodeForm(pair)));
    const name = decodeForm(pair.slice(0, equals));
    const value = pair.slice(equals + 1);
    if (value === "") return pair;
    const content = decodeForm(value);
    const shown = masking.rules.isSecretFrom([name]) ? masking.whole(content) : masking.content(content);
    const shownName = encodeUnlessSame(pair.slice(0, equals), masking.content(name));
    return `${shownName}=${encodeUnlessSame(value, shown)}`;
  });
  return pairs.join("&");
}

function encodeUnlessSame(raw: string, shown: string): string {
  return shown === decodeForm(raw) ? raw : new URLSearchParams({ "": shown }).toString().slice(1);
}

function decodeForm(raw: string): string {
  return new URLSearchParams(`=${raw.replaceAll("&", "%26")}`).get("") ?? "";
}

/** Everything between the values is text: names, file names, what stands before the first part. */
function redactMultipart(bytes: Buffer, contentType: string, masking: Masking): string | null {
  let shown = "";
  let from = 0;
  for (const { name, value } of multipartFields(bytes, contentType)) {
    const begin = value.byteOffset - bytes.byteOffset;
    shown += masking.text(bytes.toString("utf8", from, begin));
    const redacted = redactField(name, value.toString("utf8"), masking);
    if (redacted === null) return null;
    shown += redacted;
    from = begin + value.length;
  }
  // No boundary, or no part that could be read.
  return from === 0 ? null : shown + masking.text(bytes.toString("utf8", from));
}

function redactField(name: string, value: string, masking: Masking): string | null {
  if (value === "") return value;
  if (masking.rules.isSecretFrom([name])) return masking.whole(value);
  return CONTAINER.test(value) ? redactJsonBody(value, [name], masking) : masking.content(value);
}
