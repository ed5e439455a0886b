/** Every pair of the comparison's corpus, kept whole and redacted, is compared again: nothing may look new. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createComparer } from "../../../proxy/compare/comparer.ts";
import { contentEncodingOf, undoContentEncoding } from "../../../proxy/compare/decode.ts";
import { compareAnswers } from "../../../proxy/compare/diff-answers.ts";
import type { Settled, WholeAnswer } from "../../../proxy/exchange.ts";
import { DIVERGENT, IGNORED, MATCH } from "../../../proxy/outcome.ts";
import { compareAgain } from "../../../proxy/pairs/compare-again.ts";
import { readFixtures, writeFixture } from "../../../proxy/pairs/fixture.ts";
import { createPairKeeper } from "../../../proxy/record/pair-keeper.ts";
import { createRedactor } from "../../../proxy/record/redaction.ts";
import type { StoredPair } from "../../../proxy/evidence/stored-pair.ts";
import { COMPARED_AT, readPairs, type Pair } from "../../corpus/pairs.ts";
import { makeSettled } from "../../support/evidence.ts";

const OUTCOMES = { match: MATCH, ignored: IGNORED, divergent: DIVERGENT } as const;
const MAX_BYTES = 1024 * 1024;

const keeper = createPairKeeper({
  isOn: true,
  redactor: createRedactor(Buffer.alloc(32, 7)),
  decode: ({ headers, body }) => undoContentEncoding(body, contentEncodingOf(headers), MAX_BYTES),
  monotonic: () => 0,
  caught: (error) => assert.fail(String(error)),
});

function wholeOf({ status, headers, body }: Pair["primary"]): WholeAnswer {
  return { status, headers, body: body.kind === "bytes" ? Buffer.from(body.bytes) : assert.fail("no bytes") };
}

let causes = 0;

/** null: it cannot be kept whole. `redact`: pointers beyond the built-in names. */
function keep(
  { primary, shadow, rules }: Pair,
  redact: readonly string[],
): { pair: StoredPair; settled: Settled } | null {
  const verdict = compareAnswers(primary, shadow, rules, COMPARED_AT);
  const settled = makeSettled({
    route: { compare: rules, redact: redact.map((name) => ({ source: "answer", name }) as const) },
    requestBody: Buffer.alloc(0),
    outcome: OUTCOMES[verdict.outcome],
    differences: verdict.differences,
    moreDifferences: verdict.moreDifferences,
    answers: { primary: wholeOf(primary), shadow: wholeOf(shadow) },
  });
  const kept: StoredPair[] = [];
  const group = verdict.outcome === "divergent" ? `cause${++causes}` : `excused${++causes}`;
  keeper.keep(settled, group, ({ json }) => kept.push(JSON.parse(json) as StoredPair));
  keeper.finish();
  return kept[0] === undefined ? null : { pair: kept[0], settled };
}

const comparer = createComparer({ queueBytes: MAX_BYTES, workers: 1, timeLimitMs: 30_000 });

for (const [file, pairs] of readPairs()) {
  for (const redact of [[], [""], ["/a", "/items/*"]]) {
    void test(`${file}: nothing looks new under the same rules, redacted at ${JSON.stringify(redact)}`, async () => {
      for (const corpusPair of pairs) {
        // Whatever cannot be told of a body leaves out the body, and never the pair.
        const found = keep(corpusPair, redact) ?? assert.fail(`${corpusPair.name} is not kept`);
        const { route } = found.settled.exchange;
        const again = await compareAgain(found.pair, route, comparer, COMPARED_AT);
        assert.ok(!("failed" in again), corpusPair.name);
        const told = { name: corpusPair.name, appeared: again.appeared, undecided: again.undecided };
        assert.deepEqual(told, { name: corpusPair.name, appeared: [], undecided: [] });
        // As a fixture it says the same.
        const [read] = readFixtures(`pairs:\n${writeFixture(found.pair)}`);
        const fromFile = await compareAgain(read ?? assert.fail(), route, comparer, COMPARED_AT);
        assert.deepEqual(fromFile, again, corpusPair.name);
        if (redact.length > 0 || again.headsOnly) continue;
        assert.deepEqual(again.vanished, [], corpusPair.name);
      }
    });
  }
}
