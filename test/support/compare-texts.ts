/** Comparisons as a config file writes their rules. */
import type { TestContext } from "node:test";
import { compareAnswers, compareCheaply, type ComparableAnswer } from "../../proxy/compare/diff-answers.ts";
import type { CompareSettings } from "../../proxy/config/compare-settings.ts";
import type { Verdict } from "../../proxy/exchange.ts";
import { jsonAnswer } from "./compare-cases.ts";
import { NOW, settingsOf } from "./config-file.ts";

/** `text` is what stands behind `compare:`, in one line. Headers are compared only where it says so. */
export function readCompare(t: TestContext, text: string): CompareSettings {
  const yaml = `services:
  legacy: { url: "http://127.0.0.1:3000" }
  next: { url: "http://127.0.0.1:4000" }
routes:
  - name: a
    match: { path: "/**" }
    compare: { ${/"?headers"?:/.test(text) ? "" : "headers: [], "}${text} }
`;
  return settingsOf(t, yaml).settings.routes[0]?.compare as CompareSettings;
}

/** The verdict, which is the same on the event loop where there is one. */
export function compareBoth(primary: ComparableAnswer, shadow: ComparableAnswer, rules: CompareSettings): Verdict {
  const verdict = compareAnswers(primary, shadow, rules, NOW);
  const inline = compareCheaply({ primary, shadow, rules, now: NOW });
  if (inline !== null && JSON.stringify(inline) !== JSON.stringify(verdict)) {
    throw new Error(`on the event loop: ${JSON.stringify(inline)}, in the worker: ${JSON.stringify(verdict)}`);
  }
  return verdict;
}

/** A verdict in a few words: `match`, `ignored 2`, or `value /a, missing /b`. */
export function wordsOf({ outcome, differences, excused }: Verdict): string {
  if (outcome === "divergent") return differences.map(({ kind, at }) => `${kind} ${at}`).join(", ");
  return outcome === "ignored" ? `ignored ${excused}` : outcome;
}

export function compareTexts(rules: CompareSettings, primary: string, shadow: string): Verdict {
  return compareBoth(jsonAnswer(primary), jsonAnswer(shadow), rules);
}

/** The same of one header. */
export function compareHeader(
  rules: CompareSettings,
  name: string,
  primary: string | null,
  shadow: string | null,
): Verdict {
  const answer = (value: string | null): ComparableAnswer => ({
    status: 200,
    headers: value === null ? [] : [name, value],
    body: { kind: "bytes", bytes: Buffer.alloc(0) },
  });
  return compareBoth(answer(primary), answer(shadow), rules);
}
