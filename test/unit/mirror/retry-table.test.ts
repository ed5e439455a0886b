import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import {
  HAPPENING_WORDS,
  HAPPENINGS,
  happenedOn,
  nextStep,
  RETRY_TABLE,
  waitToldMs,
  type Facts,
  type Happening,
  type NextStep,
  type RetryRow,
} from "../../../proxy/mirror/retry-table.ts";

const PLAIN: Omit<Facts, "happened"> = { harmless: false, earlierUnknown: false, earlierUnsettled: false };

/** As people say it: the first column says what happened, then flags, then what follows. */
function following(happened: Happening, flags: string): string {
  const next = nextStep({
    happened,
    harmless: flags.includes("H"),
    earlierUnknown: flags.includes("U"),
    earlierUnsettled: flags.includes("E"),
  });
  return next.step === "repair" ? `repair ${next.reason}` : next.step;
}

test("each case is tried again, judged or repaired as the service's state can be known", () => {
  // H: harmless to send twice. U: an earlier attempt ended unknown. E: earlier writes have not settled.
  const table: readonly (readonly [happened: Happening, flags: string, follows: string])[] = [
    ["not-connected", "", "retry-with-back-off"],
    ["not-connected", "HUE", "retry-with-back-off"],
    ["cut-before-sent", "", "retry-at-once"],
    ["timeout-before-sent", "", "retry-with-back-off"],
    ["cut-after-sent", "", "repair shadow-error"],
    ["cut-after-sent", "E", "repair shadow-error"],
    ["cut-after-sent", "H", "retry-with-back-off"],
    ["cut-after-sent", "HU", "repair shadow-error"],
    ["timeout", "", "repair shadow-timeout"],
    ["timeout", "H", "repair shadow-timeout"],
    ["nonsense", "H", "repair shadow-error"],
    ["own-failure", "H", "repair shadow-error"],
    ["too-many-requests", "", "retry-as-told"],
    ["too-many-requests", "H", "retry-as-told"],
    ["unavailable", "", "verdict"],
    ["unavailable", "H", "retry-as-told"],
    ["credentials-late", "", "repair credentials-expired"],
    ["credentials-late", "E", "repair credentials-expired"],
    ["refused", "", "verdict"],
    ["refused", "H", "verdict"],
    ["refused", "E", "retry-after-earlier"],
    ["refused", "HE", "retry-after-earlier"],
    ["refused", "U", "repair late-attempt"],
    ["refused", "UE", "repair late-attempt"],
    ["answered", "", "verdict"],
    ["answered", "HUE", "verdict"],
  ];
  for (const [happened, flags, follows] of table) assert.equal(following(happened, flags), follows, happened + flags);
});

test("there is a row for everything that can happen, and none that nothing can reach", () => {
  const reached = new Set<RetryRow>();
  for (const happened of HAPPENINGS) {
    for (let bits = 0; bits < 8; bits++) {
      const flags = { harmless: (bits & 1) > 0, earlierUnknown: (bits & 2) > 0, earlierUnsettled: (bits & 4) > 0 };
      const row = RETRY_TABLE.find(
        ({ happened: of, when }) =>
          of === happened && Object.entries(when).every(([fact, is]) => flags[fact as "harmless"] === is),
      );
      assert.ok(row !== undefined);
      assert.equal(nextStep({ happened, ...flags }), row.next);
      reached.add(row);
    }
  }
  assert.equal(reached.size, RETRY_TABLE.length);
});

test("what may have been applied is never sent again where applying it twice would do harm", () => {
  for (const happened of HAPPENINGS) {
    for (const earlierUnsettled of [true, false]) {
      const { step } = nextStep({ ...PLAIN, happened, earlierUnknown: true, earlierUnsettled });
      const mayBeApplied = ["cut-after-sent", "timeout", "nonsense", "own-failure", "refused", "unavailable"];
      if (mayBeApplied.includes(happened)) assert.ok(step === "repair" || step === "verdict", happened);
    }
  }
});

test("answers are told apart by status, by what the primary said, and by how late they come", () => {
  const of = (status: number, given: Partial<Parameters<typeof happenedOn>[0]> = {}): Happening =>
    happenedOn({ status, retryAfter: null, primaryAccepted: true, late: false, ...given });
  assert.equal(of(200), "answered");
  assert.equal(of(302), "answered");
  assert.equal(of(500), "answered");
  assert.equal(of(503), "answered");
  assert.equal(of(503, { retryAfter: "1" }), "unavailable");
  assert.equal(of(429), "too-many-requests");
  for (const status of [400, 404, 409, 412, 422]) assert.equal(of(status), "refused");
  assert.equal(of(404, { late: true }), "refused");
  for (const status of [401, 403]) {
    assert.equal(of(status), "refused");
    assert.equal(of(status, { late: true }), "credentials-late");
  }
  for (const status of [404, 429, 401, 503]) {
    assert.equal(of(status, { primaryAccepted: false, late: true, retryAfter: "1" }), "answered", "they agree");
  }
});

test("Retry-After is seconds or a date, and never less than the back-off", () => {
  const now = Date.UTC(2026, 10, 22, 12);
  assert.equal(waitToldMs(null, now, 100), 100);
  assert.equal(waitToldMs("2", now, 100), 2_000);
  assert.equal(waitToldMs("0", now, 100), 100);
  assert.equal(waitToldMs("Sun, 22 Nov 2026 12:00:03 GMT", now, 100), 3_000);
  assert.equal(waitToldMs("Sun, 22 Nov 2026 11:00:00 GMT", now, 100), 100);
  assert.equal(waitToldMs("soon", now, 100), 100);
  assert.equal(waitToldMs("-1", now, 100), 100);
});

const STEP_WORDS: Readonly<Record<Exclude<NextStep["step"], "repair">, string>> = {
  "retry-at-once": "sent again at once, on a fresh connection; the second time after a back-off",
  "retry-with-back-off": "sent again after a back-off",
  "retry-as-told": "sent again after the time that it names, or a back-off; past `maxAge` a verdict",
  "retry-after-earlier": "sent once more when those have settled; past `maxAge` a verdict",
  verdict: "**verdict**: compared as it is",
};

function lineOf({ happened, when, next }: RetryRow): string {
  const facts = [
    ...(when.harmless === true ? ["harmless"] : []),
    ...(when.earlierUnknown === true ? ["unknown before"] : []),
    ...(when.earlierUnsettled === true ? ["earlier unsettled"] : []),
  ];
  const follows = next.step === "repair" ? `**repair**: \`${next.reason}\`` : STEP_WORDS[next.step];
  return `| ${HAPPENING_WORDS[happened]} | ${facts.join(", ")} | ${follows} |`;
}

test("the page shows this table, row by row", () => {
  const page = readFileSync(join(import.meta.dirname, "../../../docs/delivery.md"), "utf8");
  const [, after = ""] = page.split("<!-- the retry table: proxy/mirror/retry-table.ts -->\n\n");
  const lines = after.slice(0, after.indexOf("\n\n")).split("\n").slice(2);
  assert.deepEqual(lines, RETRY_TABLE.map(lineOf));
});
