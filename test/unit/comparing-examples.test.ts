/** The examples of docs/comparing.md: each says what is found, and is found to be right. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test, type TestContext } from "node:test";
import { parse } from "yaml";
import { createComparer } from "../../proxy/compare/comparer.ts";
import type { ComparableAnswer } from "../../proxy/compare/diff-answers.ts";
import { DEFAULT_ROUTE } from "../../proxy/config/defaults.ts";
import { NORMALISERS, SHAPES, type CompareSettings } from "../../proxy/config/compare-settings.ts";
import type { Difference } from "../../proxy/evidence/evidence.ts";
import type { Verdict } from "../../proxy/exchange.ts";
import { makeFolder, NOW } from "../support/config-file.ts";
import { compareBoth, readCompare } from "../support/compare-texts.ts";

type ExampleAnswer =
  | string
  | { readonly status?: number; readonly headers?: Record<string, string>; readonly body: string };

interface Example {
  readonly compare?: { readonly [kind in keyof CompareSettings]?: unknown };
  readonly primary: ExampleAnswer;
  readonly shadow: ExampleAnswer;
  readonly outcome: Verdict["outcome"];
  readonly differences?: readonly (readonly [Difference["kind"], string, string | null, string | null])[];
  readonly excused?: Record<string, number>;
}

const PAGE = readFileSync(new URL("../../docs/comparing.md", import.meta.url), "utf8");
const MODULE = /```js example\n(.*?)```/s.exec(PAGE)?.[1] ?? "";
const EXAMPLES = [...PAGE.matchAll(/```yaml example\n(.*?)```/gs)].map((match) => ({
  line: PAGE.slice(0, match.index).split("\n").length,
  example: parse(match[1] ?? "") as Example,
}));

function answerOf(answer: ExampleAnswer): ComparableAnswer {
  const { status = 200, headers = {}, body } = typeof answer === "string" ? { body: answer } : answer;
  return {
    status,
    headers: Object.entries({ "content-type": "application/json", ...headers }).flat(),
    body: { kind: "bytes", bytes: Buffer.from(body) },
  };
}

/** By the module of the page where the example names one, in a worker as the proxy does. */
async function compareExample(t: TestContext, { compare = {}, ...example }: Example): Promise<Verdict> {
  const [primary, shadow] = [answerOf(example.primary), answerOf(example.shadow)];
  const written: Record<string, unknown> = { headers: DEFAULT_ROUTE.compare.headers, ...compare };
  if (compare.module !== undefined) {
    written["module"] = join(makeFolder(t), "compare-hooks.mjs");
    writeFileSync(String(written["module"]), MODULE);
  }
  const rules = readCompare(t, JSON.stringify(written).slice(1, -1));
  const { module } = rules;
  if (module === null) return compareBoth(primary, shadow, rules);
  const comparer = createComparer({ queueBytes: 1 << 20, workers: 1, timeLimitMs: 30_000 });
  t.after(() => comparer.close());
  const hooks = { module, route: "a", method: "PUT" };
  const end = await comparer.compare({ primary, shadow, rules, now: NOW, hooks });
  assert.ok("outcome" in end && end.hookFailure === undefined, JSON.stringify(end));
  return end;
}

describe("docs/comparing.md", () => {
  for (const { line, example } of EXAMPLES) {
    test(`line ${line}: ${example.outcome}`, async (t) => {
      const { outcome, differences, excusedBy } = await compareExample(t, example);
      assert.equal(outcome, example.outcome);
      assert.deepEqual(
        differences.map(({ kind, at, primary, shadow }) => [kind, at, primary, shadow]),
        example.differences ?? [],
      );
      assert.deepEqual(Object.fromEntries(excusedBy.map(({ rule, times }) => [rule, times])), example.excused ?? {});
    });
  }

  test("every kind of rule, every normaliser and every shape is in an example", () => {
    const written = JSON.stringify(EXAMPLES.map(({ example }) => example.compare ?? {}));
    for (const word of [
      "ignore",
      "mustMatch",
      "normalise",
      "tolerance",
      "unordered",
      "equivalent",
      "shapes",
      "module",
      "when",
      "until",
      "by",
    ])
      assert.ok(written.includes(`"${word}":`), word);
    for (const word of [...NORMALISERS, ...SHAPES]) assert.ok(written.includes(`"${word}"`), word);
  });
});
