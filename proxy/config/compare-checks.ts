/** Rules about comparison rules: those that are past, hide each other, blind the comparison, or touch what must match. */
import { namedRules, type NamedRule } from "../evidence/rule-names.ts";
import type { Findings } from "./findings.ts";
import type { ConfigPath } from "./message.ts";
import type { Places } from "./places.ts";
import { pointerCovers, pointersAbove, pointersMeet } from "./pointer-patterns.ts";
import { pathOf, type Resolved } from "./resolve.ts";
import type { CompareRule } from "./compare-settings.ts";
import type { RouteSettings } from "./settings.ts";

export interface CompareChecksInput extends Resolved {
  /** Epoch ms. */
  readonly now: number;
}

export function checkComparisons(input: CompareChecksInput, places: Places, findings: Findings): void {
  let sharedAreChecked = false;
  for (const [i, route] of input.settings.routes.entries()) {
    // Hundreds of routes may have all their rules from defaults: what there is to say of those, one of them says.
    if (!hasOwnRules(input, i)) {
      if (sharedAreChecked) continue;
      sharedAreChecked = true;
    }
    checkNoise(input, i, places, findings);
    const rules = namedRules(route.compare);
    for (const named of rules) {
      const path = [...pathOf(input, i, `compare.${named.kind}`), named.index];
      const place = (message: string, key = "at") => places.at([...path, key], message);
      if (named.rule.until !== null && named.rule.until < input.now) {
        const date = new Date(named.rule.until).toISOString().slice(0, 10);
        const way = "write a later date, or take the rule out";
        findings.expired.push(place(`is past (${date}): ${named.rule.at} is excused no longer; ${way}`, "until"));
      }
      const kept = route.compare.mustMatch.find((pointer) => excusesAt(named, pointer));
      if (kept !== undefined) {
        const where = kept === named.rule.at ? "" : `, which reaches ${kept}`;
        const way = "take the rule out, or the place out of mustMatch";
        findings.errors.push(
          place(
            `is ${named.rule.at}${where}: route ${route.name} says it must match, so that nothing may excuse it; ${way}`,
          ),
        );
      }
      if (isBlinding(named)) {
        const what = named.rule.at.includes("**") ? "every difference in every body" : "each member of every body";
        findings.warnings.push(
          place(`is ${named.rule.at}, which excuses ${what}; write the places that differ, such as /updatedAt`),
        );
      }
      const hiding = rules.find((other) => hides(other, named));
      if (hiding !== undefined) {
        const why = `compare.${hiding.kind}[${hiding.index}] (${hiding.name}) excuses all that it could`;
        findings.advice.push(
          place(`is ${named.rule.at}, where ${named.kind} never acts: ${why}; take one of the two out`),
        );
      }
      checkHeader(named, route, path, places, findings);
    }
  }
}

function hasOwnRules({ origins }: Resolved, i: number): boolean {
  return Object.entries(origins[i] ?? {}).some(([field, origin]) => field.startsWith("compare.") && origin === "route");
}

/** Rules alone would be learnt from, and what functions excuse would look like noise. */
function checkNoise(input: CompareChecksInput, i: number, places: Places, findings: Findings): void {
  const { name, compare } = input.settings.routes[i] as RouteSettings;
  if (compare.module === null) return;
  const shares = [
    ["compare.noise.reads", compare.noise.readShare],
    ["compare.noise.compared", compare.noise.comparedShare],
  ] as const;
  for (const [field, share] of shares) {
    if (share === 0) continue;
    const why = `route ${name} has a module, and places are counted by rules alone`;
    findings.warnings.push(
      places.at(pathOf(input, i, field), `learns nothing: ${why}; write 0%, or module: off for this route`),
    );
  }
}

/** What is left out of the comparison needs no excuse. */
function checkHeader(
  { kind, rule }: NamedRule,
  { name: route, compare }: RouteSettings,
  path: ConfigPath,
  places: Places,
  findings: Findings,
): void {
  if (path[0] === "defaults" || !rule.at.startsWith("header:")) return;
  const name = rule.at.slice("header:".length);
  if (compare.headers.includes(name)) return;
  const way = `write ${name} in compare.headers, or take the rule out`;
  findings.advice.push(
    places.at(
      [...path, "at"],
      `is ${rule.at}, which route ${route} does not compare, so that ${kind} never acts; ${way}`,
    ),
  );
}

/** An order that does not matter hides nothing that stands below the array. */
function excusesAt({ kind, rule }: NamedRule, mustMatch: string): boolean {
  if (!isPointer(rule.at)) return false;
  if (pointersMeet(rule.at, mustMatch)) return true;
  return kind !== "unordered" && pointersAbove(mustMatch).some((above) => pointersMeet(rule.at, above));
}

function isBlinding({ kind, rule }: NamedRule): boolean {
  return kind === "ignore" && isPointer(rule.at) && /^(?:\/\*\*?)+$/.test(rule.at);
}

/** Wherever `named` could act, this ignore rule acts before it. */
function hides(other: NamedRule, named: NamedRule): boolean {
  if (other.kind !== "ignore" || other === named) return false;
  if (named.kind === "ignore" && other.index > named.index) return false;
  if (!outlasts(other.rule, named.rule) || !isWider(other.rule, named.rule)) return false;
  const [wide, narrow] = [other.rule.at, named.rule.at];
  if (!isPointer(wide) || !isPointer(narrow)) return wide === narrow;
  if (!pointerCovers(wide, narrow)) return false;
  // An ignored array is still compared element by element, unless what is below is ignored too.
  const isAboutElements =
    named.kind === "unordered" || (named.kind === "normalise" && named.rule.as.includes("sorted-set"));
  return !isAboutElements || wide.endsWith("/**");
}

function outlasts(one: CompareRule, other: CompareRule): boolean {
  return one.until === null || (other.until !== null && one.until >= other.until);
}

function isWider(one: CompareRule, other: CompareRule): boolean {
  if (one.when === null) return true;
  const { type, statusClass } = one.when;
  return (
    (type === null || type === other.when?.type) && (statusClass === null || statusClass === other.when?.statusClass)
  );
}

function isPointer(at: string): boolean {
  return at === "" || at.startsWith("/");
}
