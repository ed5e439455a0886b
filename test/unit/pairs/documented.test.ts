/** docs/pairs.md: its fixtures say what the comparison says, and its lists are whole. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { createComparer } from "../../../proxy/compare/comparer.ts";
import { readFixtures } from "../../../proxy/pairs/fixture.ts";
import { Recomparison } from "../../../proxy/pairs/recompare.ts";
import { REPLAY_REFUSALS, REPLAY_VERDICTS } from "../../../proxy/evidence/replay-request.ts";
import { compileRouter } from "../../../proxy/route/router.ts";
import { PAIR_LOSSES } from "../../../proxy/evidence/stored-pair.ts";
import { settingsOf } from "../../support/config-file.ts";

const PAGE = readFileSync(new URL("../../../docs/pairs.md", import.meta.url), "utf8");

test("the fixtures of the page have the differences that they expect, and no others", async (t) => {
  const [, yaml = ""] = /```yaml fixture\n(.*?)```/s.exec(PAGE) ?? [];
  const { settings } = settingsOf(
    t,
    `services:
  legacy: { url: "http://127.0.0.1:3000" }
  next: { url: "http://127.0.0.1:4000" }
routes:
  - name: all
    match: { path: "/**" }
    compare: { ignore: [{ at: /updatedAt, because: clock }] }
`,
  );
  const comparer = createComparer({ queueBytes: 1, workers: 1, timeLimitMs: 1 });
  const recomparison = new Recomparison({ router: compileRouter(settings.routes), comparer, now: 0 });
  const fixtures = readFixtures(yaml);
  for (const pair of fixtures) await recomparison.add(pair);
  assert.equal(fixtures.length, 2);
  assert.deepEqual(recomparison.report().sums, {
    pairs: 2,
    unchanged: 2,
    vanished: 0,
    fewer: 0,
    appeared: 0,
    undecided: 0,
    notCompared: 0,
  });
});

test("every refusal, verdict and loss is on the page", () => {
  for (const word of [...REPLAY_REFUSALS, ...REPLAY_VERDICTS, ...PAIR_LOSSES]) {
    assert.ok(PAGE.includes(`\`${word}\``), word);
  }
});

test("a text that is no file of fixtures is told with what is wrong", () => {
  const pair = (more: string): string => `pairs:\n  - { name: a, request: { method: GET, target: /a }, ${more} }\n`;
  for (const [text, expected] of [
    ["pairs: 7", /pairs/],
    [pair('primary: "1"'), /shadow/],
    [pair('primary: "1", shadow: "1", expect: same'), /expect/],
    [pair('primary: "1", shadow: "1", expect: match, more: 1'), /more/],
    ["pairs: [{", /./],
  ] as const) {
    assert.throws(() => readFixtures(text), expected);
  }
  assert.deepEqual(readFixtures("pairs:\n"), []);
});
