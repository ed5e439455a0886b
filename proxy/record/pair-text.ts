/** Bodies of a pair, or parts of them, that are read place by place: JSON, lines of JSON and forms. */
import { parseExact } from "../json/parse-exact.ts";
import { printExact } from "../json/print-exact.ts";
import type { Masking } from "./masking.ts";
import { type Places, redactJson, TooDeep } from "./pair-json.ts";

/** As it was spelled where there is nothing to redact in it. null: it is none, or too deep. `at`: where it stands. */
export function redactJsonBody(text: string, at: Places, masking: Masking): string | null {
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

/** Lines count from 0, those that are empty aside, as they do to the comparison. */
export function redactLines(text: string, at: Places, masking: Masking): string | null {
  const shown: string[] = [];
  let index = 0;
  for (const line of text.split("\n")) {
    if (line.trim() === "") {
      shown.push(line);
      continue;
    }
    const token = String(index++);
    const redacted = redactJsonBody(
      line,
      at.map((place) => [...place, token]),
      masking,
    );
    if (redacted === null) return null;
    shown.push(redacted);
  }
  return shown.join("\n");
}

export function redactForm(text: string, at: Places, masking: Masking): string {
  const seen = new Map<string, number>();
  const isSecret = (name: string): boolean => {
    const index = seen.get(name) ?? 0;
    seen.set(name, index + 1);
    // Of a name that stands there more than once the values are a list.
    return at.some((place) => masking.rules.isSecretPlace([...place, name, String(index)]));
  };
  const pairs = text.split("&").map((pair) => {
    if (pair === "") return pair;
    const equals = pair.indexOf("=");
    const rawName = equals === -1 ? pair : pair.slice(0, equals);
    const name = decodeForm(rawName);
    const shownName = encodeUnlessSame(rawName, masking.content(name));
    const secret = isSecret(name);
    const value = equals === -1 ? "" : pair.slice(equals + 1);
    if (value === "") return shownName + pair.slice(rawName.length);
    const content = decodeForm(value);
    const shown = secret ? masking.whole(content) : masking.content(content);
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
