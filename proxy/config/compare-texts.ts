/** Single values of comparison rules that have a grammar of their own: places, bounds, conditions. */
import { isHeaderName, pointerProblem } from "./locator.ts";
import type { Tolerance } from "./compare-settings.ts";
import { parseDuration, type Parsed } from "./units.ts";

/** What a rule can be about beside a place of the body. */
export type BesideBody = "header" | "status";

/** The place of a rule: a pointer pattern; where allowed, `header:NAME` (lower case) or `status`. */
export function parseRuleAt(allowed: readonly BesideBody[]): (text: string) => Parsed<string> {
  return (text) => {
    const shown = JSON.stringify(text);
    const beside = text === "status" ? "status" : text.startsWith("header:") ? "header" : null;
    if (beside !== null && !allowed.includes(beside)) {
      const rule = beside === "status" ? "ignore and equivalent rules" : "every rule but unordered";
      const way = beside === "header" ? "; for a list in a header write normalise with as: sorted-set" : "";
      return { ok: false, error: `is ${shown}, which only ${rule} can be about${way}` };
    }
    if (beside === "status") return { ok: true, value: text };
    if (beside === "header") {
      const name = text.slice("header:".length);
      if (isHeaderName(name)) return { ok: true, value: `header:${name.toLowerCase()}` };
      return { ok: false, error: `is ${shown}, and no header can be called that; write header:etag` };
    }
    const problem = pointerProblem(text);
    if (problem === null) return { ok: true, value: text };
    const others = ["/updatedAt", ...(allowed.includes("header") ? ["header:etag"] : []), ...allowed.slice(1)];
    const last = others.pop() ?? "";
    const instead = /^[\w-]+$/.test(text)
      ? `/${text} (or /**/${text} at any depth)`
      : others.length === 0
        ? last
        : `${others.join(", ")} or ${last}`;
    return { ok: false, error: `is ${shown}, which ${problem}; write ${instead}` };
  };
}

export function parseIgnoreAt(text: string): Parsed<string> {
  if (text !== "") return parseRuleAt(["header", "status"])(text);
  return {
    ok: false,
    error: "is empty, which would excuse every body; write the places that differ, such as /updatedAt",
  };
}

/** A place of the body, `*` and `**` included. */
export function parsePlace(text: string): Parsed<string> {
  return parseRuleAt([])(text);
}

/** Where, within an element, its key stands. */
export function parseKeyPointer(text: string): Parsed<string> {
  const shown = JSON.stringify(text);
  const problem = text === "" ? "names no member" : pointerProblem(text);
  if (problem !== null) {
    return { ok: false, error: `is ${shown}, which ${problem}; write a pointer within the element, such as /sku` };
  }
  if (text.split("/").some((token) => token === "*" || token === "**"))
    return { ok: false, error: `is ${shown}; a key stands in one place: write it without *` };
  return { ok: true, value: text };
}

/** `0.001`, `1%` or `5s`. */
export function parseWithin(text: string): Parsed<Tolerance> {
  const shown = JSON.stringify(text);
  const trimmed = text.trim();
  const refuse = (why: string): Parsed<Tolerance> => {
    return {
      ok: false,
      error: `is ${shown}, ${why}; write a number such as 0.001, a share such as 1%, or a time such as 5s`,
    };
  };
  const percent = /^(\d{1,3}(?:\.\d{1,20})?) ?%$/.exec(trimmed)?.[1];
  if (percent !== undefined) {
    if (Number(percent) > 100) return refuse("more than the whole");
    return Number(percent) === 0 ? refuse("which excuses nothing") : { ok: true, value: { kind: "percent", percent } };
  }
  if (/^\d{1,100}(?:\.\d{1,100})?(?:e[+-]?\d{1,3})?$/i.test(trimmed)) {
    const by = trimmed.replace(/^0+(?=\d)/, "");
    return Number(by) === 0 ? refuse("which excuses nothing") : { ok: true, value: { kind: "absolute", by } };
  }
  if (trimmed.startsWith("-")) return refuse("below 0");
  const time = parseDuration(text);
  if (!time.ok) return refuse("which is no bound");
  return time.value === 0 ? refuse("which excuses nothing") : { ok: true, value: { kind: "time", ms: time.value } };
}

/** `2xx` as 2. */
export function parseStatusClass(text: string): Parsed<number> {
  const found = /^([1-5])xx$/i.exec(text.trim())?.[1];
  if (found !== undefined) return { ok: true, value: Number(found) };
  const hint = /^([1-5])\d{0,2}$/.exec(text.trim())?.[1] ?? "2";
  return { ok: false, error: `is ${JSON.stringify(text)}, which is no class of statuses; write ${hint}xx` };
}

/** `type/subtype` or `type/*`, lower case. */
export function parseContentType(text: string): Parsed<string> {
  const found = /^[\w!#$&^.+-]+\/(?:[\w!#$&^.+-]+|\*)$/.exec(text.trim())?.[0];
  if (found !== undefined) return { ok: true, value: found.toLowerCase() };
  const why = text.includes(";") ? "which has parameters; they do not count" : "which is no content type";
  return { ok: false, error: `is ${JSON.stringify(text)}, ${why}: write application/json or text/*` };
}
