/** What docs/gate.md says in numbers is what the code does. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { GATE_DEFAULTS } from "../../../proxy/config/defaults.ts";
import { GATE_PROFILES } from "../../../proxy/config/settings.ts";
import { GATE_CONDITIONS } from "../../../proxy/moves/gate-evidence.ts";
import { logThreshold, unitsNeeded } from "../../../proxy/phase/e-process.ts";
import { MOST_KEYS } from "../../../proxy/phase/unit-block.ts";
import { spellCount, spellPercent, spellTime } from "../../../proxy/phase/words.ts";

const PAGE = readFileSync(join(import.meta.dirname, "../../../docs/gate.md"), "utf8");

test("each profile stands there with what it asks for, and how many clean keys that takes", () => {
  for (const profile of GATE_PROFILES) {
    const { divergenceBelow, confidence, spanMs, latencyRatioBelow } = GATE_DEFAULTS[profile];
    const needed = unitsNeeded(0, divergenceBelow, logThreshold(confidence, 1));
    const cells = [
      spellPercent(divergenceBelow),
      spellPercent(confidence),
      spellTime(spanMs),
      `${latencyRatioBelow} times`,
      spellCount(needed),
    ].join(" | ");
    assert.ok(PAGE.includes(`| ${cells} |`), `${profile}: ${cells}`);
  }
});

test("every condition is explained, and the numbers beside them are those of the code", () => {
  for (const name of GATE_CONDITIONS) assert.ok(PAGE.includes(`\`${name}\``), name);
  const { divergenceBelow, confidence } = GATE_DEFAULTS.normal;
  assert.ok(PAGE.includes(`${spellCount(unitsNeeded(0, divergenceBelow, logThreshold(confidence, 5)))} clean keys`));
  assert.ok(PAGE.includes(`${spellCount(MOST_KEYS)} keys of a route`));
});

test("what several members need is what the code asks for", () => {
  const { divergenceBelow, confidence } = GATE_DEFAULTS.normal;
  for (const claims of [1, 2, 3, 10]) {
    const needed = unitsNeeded(0, divergenceBelow, logThreshold(confidence, 1, claims));
    assert.ok(PAGE.includes(`| ${claims} | ${spellCount(needed)} |`), `${claims}: ${needed}`);
  }
});
