/** Rules that would excuse a cause, as they stand in a config file. Pure. */
import type { SignaturePart } from "../evidence/evidence.ts";
import type { SuggestedRule } from "../suggest/rule.ts";
import { spellRule } from "../suggest/yaml.ts";

export interface RuleChoice {
  readonly name: string;
  /** What is no longer seen with it. */
  readonly hides: string;
  readonly rule: SuggestedRule;
}

/** What can excuse a part, the narrowest first; [] where no rule can. */
export function rulesFor({ at, kind }: SignaturePart): readonly RuleChoice[] {
  if (kind === "failure" || kind === "conflict") return [];
  const place = kind === "status" ? "status" : at;
  const shown = place === "" ? "the whole body" : place;
  const ignore: RuleChoice = {
    name: "ignore",
    hides: `whatever either side has at ${shown}`,
    rule: { kind: "ignore", at: place },
  };
  const normalise = (as: "trim" | "lowercase" | "instant" | "number", hides: string): RuleChoice => ({
    name: `normalise as ${as}`,
    hides,
    rule: { kind: "normalise", at: place, as: [as] },
  });
  switch (kind) {
    case "status":
      return [
        {
          name: "200 and 201 are equal",
          hides: "which of the two it is",
          rule: { kind: "equivalent", at: place, values: [[200, 201]] },
        },
        ignore,
      ];
    case "order":
      return [
        { name: "unordered", hides: `the order at ${shown}`, rule: { kind: "unordered", at: place, by: null } },
        ignore,
      ];
    case "type":
      return [normalise("number", "whether a number is written as a text"), ignore];
    case "value":
    case "header":
      return [
        normalise("trim", "blanks at both ends"),
        normalise("lowercase", "upper and lower case"),
        normalise("instant", "how an instant is spelled, zone and fraction of a second"),
        ignore,
      ];
    case "missing":
    case "extra":
    case "length":
    case "precision":
    case "body":
      return [ignore];
  }
}

/** Lines of YAML that belong into the route's own entry. `until`: a date, or "". */
export function spellExcuse(route: string, rules: readonly SuggestedRule[], because: string, until: string): string {
  const kinds = [...new Set(rules.map(({ kind }) => kind))];
  const lines = ["routes:", `  - name: ${spellName(route)}`, "    compare:"];
  for (const kind of kinds) {
    lines.push(`      ${kind}:`);
    for (const rule of rules.filter((one) => one.kind === kind)) {
      const spelled = spellRule(rule, because.trim() === "" ? null : because.trim());
      lines.push(`        - ${until === "" ? spelled : `${spelled.slice(0, -2)}, until: ${until} }`}`);
    }
  }
  return lines.join("\n");
}

function spellName(name: string): string {
  return /^[A-Za-z][\w-]*$/.test(name) ? name : JSON.stringify(name);
}
