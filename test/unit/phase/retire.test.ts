import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { DEFAULT_ROUTE } from "../../../proxy/config/defaults.ts";
import type { GapRecord } from "../../../proxy/evidence/evidence.ts";
import { type Leaning, type LeaningKind, NO_ROUTE } from "../../../proxy/moves/leanings.ts";
import { spellTime } from "../../../proxy/phase/words.ts";
import { askRetire, type RetireQuestion } from "../../../proxy/phase/retire.ts";
import { RETIRE_CONDITIONS, type RetireAnswer } from "../../../proxy/moves/retire.ts";
import { NOON } from "../../support/evidence.ts";

const DAY = 86_400_000;
const QUIET = 30 * DAY;

function leaned(on: LeaningKind, times: number, at: number, route = "users"): Leaning {
  return { route, on, times, first: NOON, last: at };
}

const WATCHED = leaned("watched", 0, NOON);

/** next has answered for 60 days, and all of it was watched. */
function ask(over: Partial<RetireQuestion> = {}): RetireAnswer {
  const route = { name: "users", phase: "next-primary", sharedDatabase: false } as const;
  const asked = { route, quietMs: QUIET, now: NOON + 60 * DAY, cutOverAt: NOON, leanings: [WATCHED] };
  return askRetire({ ...asked, openRepairs: 0, gaps: [], looked: null, ...over });
}

function missingOf({ conditions }: RetireAnswer): string[] {
  return conditions.filter(({ state }) => state === "missing").map(({ name }) => name);
}

function gap(misses: GapRecord["misses"], to: number | null): GapRecord {
  const end = to === null ? null : new Date(to).toISOString();
  return { id: "g", route: "users", from: new Date(NOON).toISOString(), to: end, why: "x", misses };
}

test("where nothing leant on either for long enough both can go, and what is not known is said beside it", () => {
  const answer = ask();
  assert.deepEqual([answer.clean, answer.legacyCanGo, answer.etaMs], [true, true, 0]);
  assert.equal(
    answer.sentence,
    "CLEAN. Nothing of users leant on legacy or on Crossfade for 30 days; not asked: direct-writes",
  );
  assert.deepEqual(
    answer.conditions.map(({ name, state, figure, since }) => [name, state, figure, since]),
    [
      ["phase", "met", null, new Date(NOON).toISOString()],
      ["fallbacks", "met", 0, new Date(NOON).toISOString()],
      ["unmatched", "met", 0, new Date(NOON).toISOString()],
      ["direct-writes", "not-asked", null, null],
      ["repairs", "met", 0, new Date(NOON).toISOString()],
      ["gaps", "met", 0, null],
      ["translations", "met", 0, new Date(NOON).toISOString()],
    ],
  );
});

test("each of them by itself says how often, when last, and how long it takes if nothing more happens", () => {
  const at = NOON + 57 * DAY;
  const cases: readonly [Leaning, string, string][] = [
    [
      leaned("fallback", 37, at),
      "fallbacks",
      "37 reads answered by legacy, the last 3 days ago; 30 days without are asked for",
    ],
    [
      leaned("unmatched", 1, at, NO_ROUTE),
      "unmatched",
      "1 request that no route takes, the last 3 days ago; 30 days without are asked for",
    ],
    [
      leaned("direct-write", 2, at),
      "direct-writes",
      "2 changes in legacy past Crossfade, the last 3 days ago; 30 days without are asked for",
    ],
    [
      leaned("repair", 1_200, at),
      "repairs",
      "1,200 keys put on the repair list, the last 3 days ago; 30 days without are asked for",
    ],
  ];
  for (const [leaning, name, text] of cases) {
    const answer = ask({ leanings: [WATCHED, leaning] });
    assert.deepEqual(
      [answer.clean, answer.legacyCanGo, missingOf(answer), answer.etaMs],
      [false, false, [name], 27 * DAY],
    );
    assert.equal(answer.sentence, `NOT YET. ${text}: about 27 days more if nothing else happens`);
    const found = answer.conditions.find((one) => one.name === name);
    assert.deepEqual([found?.figure, found?.since], [leaning.times, new Date(at).toISOString()]);
  }
  // Long ago it says nothing any more.
  const long = ask({ leanings: [WATCHED, leaned("fallback", 37, NOON + 20 * DAY)] });
  assert.deepEqual([long.clean, long.conditions[1]?.text], [true, "37 reads answered by legacy, the last 40 days ago"]);
});

test("a client that has to be translated holds Crossfade, and not legacy", () => {
  const answer = ask({ leanings: [WATCHED, leaned("translation", 5, NOON + 59.5 * DAY)] });
  assert.deepEqual([answer.clean, answer.legacyCanGo, missingOf(answer)], [false, true, ["translations"]]);
  assert.equal(
    answer.sentence,
    "LEGACY CAN GO: nothing of users leant on it for 30 days; not asked: direct-writes. " +
      "Crossfade NOT YET: 5 requests translated for their clients, the last 12 hours ago; 30 days without are asked for: " +
      "about 30 days more if nothing else happens",
  );
});

test("a zero is worth as much as it was watched: from the start of counting, and from the cutover", () => {
  const fresh = ask({ leanings: [{ ...WATCHED, first: NOON + 50 * DAY }] });
  assert.deepEqual(missingOf(fresh), ["fallbacks", "unmatched", "repairs", "translations"]);
  assert.equal(fresh.conditions[1]?.text, "no read answered by legacy in 10 days; 30 days without are asked for");
  const never = ask({ leanings: [] });
  assert.equal(never.conditions[1]?.text, "no read answered by legacy; not counted yet; 30 days without are asked for");
  assert.equal(never.etaMs, 30 * DAY);
  const soon = ask({ cutOverAt: NOON + 55 * DAY });
  assert.deepEqual(missingOf(soon), ["phase", "fallbacks", "unmatched", "repairs", "translations"]);
  assert.equal(soon.conditions[0]?.text, "next-primary: next has answered for 5 days; 30 days are asked for");
  const unknown = ask({ cutOverAt: null });
  assert.deepEqual([missingOf(unknown), unknown.etaMs], [["phase"], 30 * DAY]);
});

test("comparisons with marks tell of changes past Crossfade, as far as they reach and are fresh", () => {
  const [from, freshForMs] = [NOON, DAY];
  const direct = (over: Partial<RetireQuestion>) => {
    const answer = ask(over);
    return { answer, found: answer.conditions.find(({ name }) => name === "direct-writes") };
  };
  const quiet = direct({ looked: { from, to: NOON + 59.5 * DAY, freshForMs } });
  assert.deepEqual([quiet.answer.clean, quiet.found?.state, quiet.found?.figure], [true, "met", 0]);
  assert.equal(quiet.found?.text, "no change in legacy past Crossfade in 60 days, by a comparison 12 hours ago");
  assert.doesNotMatch(quiet.answer.sentence, /not asked/);

  const stale = direct({ looked: { from, to: NOON + 58 * DAY, freshForMs } });
  assert.deepEqual([stale.found?.state, stale.answer.etaMs], ["missing", null]);
  assert.equal(
    stale.found?.text,
    "no change in legacy past Crossfade in 58 days, by a comparison 2 days ago, which is too long: crossfade reconcile of the rows of users",
  );
  // Marks of before it say nothing, and neither does what was before the cutover.
  for (const over of [
    { looked: { from: NOON + 50 * DAY, to: NOON + 60 * DAY, freshForMs } },
    { cutOverAt: NOON + 50 * DAY, looked: { from, to: NOON + 60 * DAY, freshForMs } },
  ])
    assert.equal(direct(over).found?.state, "missing");
  const late = direct({
    leanings: [WATCHED, leaned("direct-write", 3, NOON + 40 * DAY)],
    looked: { from, to: NOON + 60 * DAY, freshForMs },
  });
  assert.deepEqual([late.found?.state, late.found?.figure, late.answer.etaMs], ["missing", 3, 10 * DAY]);
  assert.equal(
    late.found?.text,
    "3 changes in legacy past Crossfade, the last found 20 days ago, by a comparison 0 seconds ago; 30 days without are asked for",
  );
  const over = direct({
    leanings: [WATCHED, leaned("direct-write", 3, NOON + 20 * DAY)],
    looked: { from, to: NOON + 60 * DAY, freshForMs },
  });
  assert.equal(over.found?.state, "met");
});

test("before the cutover, with keys on the list, or with a gap that hides what only legacy has, waiting does not help", () => {
  const before = ask({ route: { name: "users", phase: "dual-write", sharedDatabase: false }, cutOverAt: null });
  assert.deepEqual([before.legacyCanGo, before.etaMs], [false, null]);
  assert.equal(before.sentence, "NOT YET. dual-write: legacy answers users");
  const listed = ask({ openRepairs: 2 });
  assert.equal(listed.sentence, "NOT YET. 2 keys on the repair list: crossfade repair --route users");
  for (const hidden of [gap("next", NOON), gap(null, NOON), gap("legacy", null)]) {
    const answer = ask({ gaps: [hidden] });
    assert.deepEqual([missingOf(answer), answer.etaMs], [["gaps"], null], JSON.stringify(hidden));
  }
  // What legacy missed, next has.
  const recent = ask({ gaps: [gap("legacy", NOON + 50 * DAY)] });
  assert.deepEqual([missingOf(recent), recent.etaMs], [["gaps"], 20 * DAY]);
  assert.deepEqual(missingOf(ask({ gaps: [gap("legacy", NOON + 10 * DAY)] })), []);
});

test("docs/cutover.md names each condition, and the default", () => {
  const page = readFileSync(join(import.meta.dirname, "../../../docs/cutover.md"), "utf8");
  for (const name of RETIRE_CONDITIONS) assert.ok(page.includes(`\`${name}\``), name);
  assert.ok(page.includes(`\`retire.quiet\`, ${spellTime(DEFAULT_ROUTE.retire.quietMs)}`));
});
