/** Suggestions as they stand in a config file, under a route. Pure. */
import { MISLEADING } from "../controls.ts";
import type { SuggestedPlace, SuggestedValues } from "./ids.ts";
import type { SuggestedRule } from "./rule.ts";

interface Written {
  readonly rule: SuggestedRule;
  readonly because: string;
}

const KINDS = ["normalise", "tolerance", "unordered", "equivalent", "shapes", "ignore"] as const;

/** Lines from `compare:` on, without indentation. */
export function spellCompare(suggestions: readonly Written[]): readonly string[] {
  const lines = ["compare:"];
  for (const kind of KINDS) {
    const ofKind = suggestions.filter(({ rule }) => rule.kind === kind);
    if (ofKind.length > 0) lines.push(`  ${kind}:`);
    for (const { rule, because } of ofKind) lines.push(`    - ${spellRule(rule, because)}`);
  }
  return lines;
}

/** `{ at: /id, as: uuid, because: each service makes its own }` */
export function spellRule(rule: SuggestedRule, because: string | null): string {
  const members = [`at: ${spellText(rule.at)}`, ...parametersOf(rule)];
  if (because !== null) members.push(`because: ${spellText(because)}`);
  return `{ ${members.join(", ")} }`;
}

/** Lines from `values:` on, without indentation; what speaks for each entry is a comment. */
export function spellValues({ learn, apply }: Pick<SuggestedValues, "learn" | "apply">): readonly string[] {
  const list = (name: string, places: readonly SuggestedPlace[]): readonly string[] =>
    places.length === 0 ? [] : [`  ${name}:`, ...places.flatMap(spellPlace)];
  return ["values:", ...list("learn", learn), ...list("apply", apply)];
}

function spellPlace({ at, kind, segment, keep, because }: SuggestedPlace): readonly string[] {
  const members = [`at: ${spellText(at)}`, `kind: ${spellText(kind)}`];
  if (segment !== null) members.push(`segment: ${segment}`);
  if (keep !== null) members.push(`keep: ${keep}`);
  return [`    # ${because}`, `    - { ${members.join(", ")} }`];
}

function parametersOf(rule: SuggestedRule): readonly string[] {
  switch (rule.kind) {
    case "normalise":
      return [`as: ${rule.as.length === 1 ? String(rule.as[0]) : `[${rule.as.join(", ")}]`}`];
    case "tolerance":
      return [`within: ${rule.within}`];
    case "shapes":
      return [`as: ${rule.as}`];
    case "unordered":
      return rule.by === null ? [] : [`by: ${spellText(rule.by)}`];
    case "equivalent": {
      const lists = rule.values.map((list) => `[${list.map(spellScalar).join(", ")}]`);
      return [`values: [${lists.join(", ")}]`];
    }
    case "ignore":
      return [];
  }
}

function spellScalar(value: string | number | boolean | null): string {
  return typeof value === "string" ? spellText(value) : String(value);
}

/** Texts that YAML takes for texts also within `{ }`, with nothing around them. */
const PLAIN = /^(?:\/[\w/.*-]*|header:[\w-]+|status|[A-Za-z][A-Za-z_-]*(?: [A-Za-z][A-Za-z_-]*)*)$/;
/** Words that YAML 1.1 or 1.2 takes for something else. */
const TAKEN = /^(?:true|false|null|yes|no|on|off|y|n)$/i;
/** What YAML does not take as it is, or a terminal. */
const UNPRINTABLE = new RegExp(`${MISLEADING.source}|[\u00a0\ufeff]`, "gu");

function spellText(text: string): string {
  if (PLAIN.test(text) && !TAKEN.test(text)) return text;
  // JSON is YAML, but for what it lets stand bare; and `${…}` would be looked up in the environment.
  return JSON.stringify(text.replaceAll("${", () => "$${")).replace(
    UNPRINTABLE,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
