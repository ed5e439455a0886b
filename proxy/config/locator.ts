/**
 * Where a value stands, in one grammar for keys, redaction and builds:
 * `path:id query:q header:x cookie:s body:/p answer:/p answer-header:x`, and `path` for the whole path.
 */
import { nearestName } from "./nearest.ts";
import { LOCATOR_SOURCES, type Locator, type LocatorSource } from "./terms.ts";
import type { Parsed } from "./units.ts";

/** A field name of RFC 9110, 5.6.2 (token). */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

export function parseLocator(text: string): Parsed<Locator> {
  const shown = JSON.stringify(text);
  const colon = text.indexOf(":");
  const word = colon === -1 ? text : text.slice(0, colon);
  const name = colon === -1 ? "" : text.slice(colon + 1);
  const source = LOCATOR_SOURCES.find((known) => known === word);
  if (source === undefined) {
    const near = nearestName(word, LOCATOR_SOURCES);
    const hint =
      near === null ? `write one of ${LOCATOR_SOURCES.join(", ")}, as in path:id` : `did you mean ${near}:${name}?`;
    return { ok: false, error: `is ${shown}, and there is no source called ${JSON.stringify(word)}; ${hint}` };
  }
  if (colon === -1 && source === "path") return { ok: true, value: { source, name: "" } };
  if (name === "" && !(colon !== -1 && takesPointer(source))) {
    return { ok: false, error: `is ${shown}, which names nothing; write ${EXAMPLES[source]}` };
  }
  if (takesPointer(source)) {
    const problem = pointerProblem(name);
    if (problem !== null)
      return { ok: false, error: `is ${shown}, whose pointer ${problem}; write ${EXAMPLES[source]}` };
    return { ok: true, value: { source, name } };
  }
  if (source === "header" || source === "answer-header") {
    if (!TOKEN.test(name)) return { ok: false, error: `is ${shown}, and no header can be called that` };
    return { ok: true, value: { source, name: name.toLowerCase() } };
  }
  if (/[\s;,=&]/.test(name)) return { ok: false, error: `is ${shown}, whose name holds a separator` };
  return { ok: true, value: { source, name } };
}

const EXAMPLES: Readonly<Record<LocatorSource, string>> = {
  path: "path:id",
  query: "query:user",
  header: "header:x-user",
  cookie: "cookie:session",
  body: "body:/id",
  answer: "answer:/id",
  "answer-header": "answer-header:location",
};

export function spellLocator({ source, name }: Locator): string {
  return source === "path" && name === "" ? "path" : `${source}:${name}`;
}

/** Only what the answer tells: such a key is known once the primary has answered. */
export function needsAnswer({ source }: Locator): boolean {
  return source === "answer" || source === "answer-header";
}

function takesPointer(source: LocatorSource): boolean {
  return source === "body" || source === "answer";
}

/** What is wrong with a JSON pointer (RFC 6901; its tokens may be `*` and `**`), or null. */
export function pointerProblem(pointer: string): string | null {
  if (pointer !== "" && !pointer.startsWith("/")) return "does not begin with a slash";
  if (/~(?![01])/.test(pointer)) return "holds ~ without 0 or 1 after it (~0 is ~, ~1 is /)";
  return null;
}

export function isHeaderName(text: string): boolean {
  return TOKEN.test(text);
}
