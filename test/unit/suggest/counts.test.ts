/** What counts beside the divergences change: what is suggested on their word, and what is not in spite of its looks. */
import assert from "node:assert/strict";
import { hash } from "node:crypto";
import { describe, test } from "node:test";
import type { DivergenceRecord } from "../../../proxy/evidence/evidence.ts";
import type { PlaceRecord } from "../../../proxy/evidence/places.ts";
import { type Advice, suggestRules } from "../../../proxy/suggest/suggest.ts";
import { spellRule } from "../../../proxy/suggest/yaml.ts";
import { makeRecord, NOON } from "../../support/evidence.ts";

const DIVERGENT = 30;

function uuid(seed: string): string {
  const h = hash("sha256", seed, "hex");
  return `${h.slice(0, 8)}-${h.slice(8, 12)}-4${h.slice(13, 16)}-a${h.slice(17, 20)}-${h.slice(20, 32)}`;
}

function random(seed: string): string {
  return `1a2b3c${hash("sha256", seed, "base64url").slice(0, 12)}`;
}

/** Divergences at one place, 30 of 200 compared exchanges. */
function records(
  at: string,
  value: (side: string, n: number) => unknown,
  given: Partial<DivergenceRecord> = {},
): readonly DivergenceRecord[] {
  return Array.from({ length: DIVERGENT }, (_, n) =>
    makeRecord({
      time: new Date(NOON + n * 1000).toISOString(),
      method: "PUT",
      path: `/things/${n}`,
      differences: [
        { at, kind: "value", primary: JSON.stringify(value("a", n)), shadow: JSON.stringify(value("b", n)) },
      ],
      ...given,
    }),
  );
}

function place(given: Partial<PlaceRecord>): PlaceRecord {
  return {
    route: "users",
    method: "PUT",
    path: "/things/*",
    at: "/ref",
    askedTwice: 0,
    differedWithItself: 0,
    compared: 0,
    onBothSides: given.compared ?? 0,
    differed: 0,
    values: 0,
    distinct: 0,
    classes: [],
    since: new Date(NOON).toISOString(),
    lastSeen: new Date(NOON).toISOString(),
    ...given,
  };
}

function advise(found: readonly DivergenceRecord[], places: readonly PlaceRecord[]): Advice {
  return suggestRules({
    route: "users",
    compared: 200,
    divergent: found.length,
    mustMatch: [],
    rules: [],
    records: found,
    samples: [],
    places,
  });
}

function told({ suggestions, doubts }: Advice): readonly string[] {
  return [
    ...suggestions.map(({ rule }) => `${rule.kind} ${spellRule(rule, null)}`),
    ...doubts.map(({ why }) => `doubt: ${why}`),
  ];
}

const REFS = records("/ref", (side, n) => uuid(`${side}${n}`));
const LOADS = records("/load", (side, n) => n + (side === "a" ? 0.25 : 0.75), { method: "GET" });
const CODES = records("/code", (side, n) => random(`${side}${n}`), { method: "GET" });
const load = (given: Partial<PlaceRecord>): PlaceRecord => place({ method: "GET", at: "/load", ...given });

const ROWS: readonly (readonly [
  what: string,
  found: readonly DivergenceRecord[],
  places: readonly PlaceRecord[],
  told: readonly string[],
])[] = [
  ["nothing counted", REFS, [], ["doubt: it may be equal in most of the exchanges that agreed"]],
  ["differs in nearly all", REFS, [place({ compared: 40, differed: 39 })], ["shapes { at: /ref, as: uuid }"]],
  [
    "too few counted",
    REFS,
    [place({ compared: 9, differed: 9 })],
    ["doubt: it may be equal in most of the exchanges that agreed"],
  ],
  [
    "just over half may be chance",
    REFS,
    [place({ compared: 40, differed: 24 })],
    ["doubt: it may be equal in most of the exchanges that agreed"],
  ],
  [
    "equal in most, differing in few",
    REFS,
    [place({ compared: 40, differed: 6 })],
    ["doubt: it is equal in most exchanges: 6 of 40 that were counted differ"],
  ],
  [
    "equal at another kind of path",
    REFS,
    [place({ compared: 90, differed: 90 }), place({ path: "/other/*", compared: 10, differed: 1 })],
    ["doubt: it may be equal in most of the exchanges that agreed"],
  ],
  [
    "another method's counts say nothing",
    REFS,
    [place({ method: "POST", compared: 40, differed: 40 })],
    ["doubt: it may be equal in most of the exchanges that agreed"],
  ],
  [
    "an id that is equal in most exchanges is not made by each service",
    records("/id", (side, n) => uuid(`${side}${n}`), { method: "POST", path: "/things" }),
    [place({ method: "POST", at: "/id", path: "/things", compared: 200, differed: 30 })],
    ["doubt: it is equal in most exchanges: 30 of 200 that were counted differ"],
  ],
  [
    "values that come again were chosen by somebody",
    REFS,
    [place({ compared: 40, differed: 39, values: 40, distinct: 3 })],
    ["doubt: the primary's values come again: about 3 different ones in 40 answers"],
  ],
  [
    "a number that the primary never answers twice",
    LOADS,
    [load({ askedTwice: 12, differedWithItself: 12 })],
    ["ignore { at: /load }"],
  ],
  ["a number, and the primary was not asked", LOADS, [], ["doubt: numbers that differ in amount"]],
  [
    "a number that changed once between two reads",
    LOADS,
    [load({ askedTwice: 12, differedWithItself: 1 })],
    ["doubt: numbers that differ in amount"],
  ],
  [
    "asked too seldom",
    LOADS,
    [load({ askedTwice: 6, differedWithItself: 6 })],
    ["doubt: numbers that differ in amount"],
  ],
  [
    "unsteady, but steady at another kind of path",
    LOADS,
    [load({ askedTwice: 40, differedWithItself: 40 }), load({ path: "/o/*", askedTwice: 5 })],
    ["doubt: numbers that differ in amount"],
  ],
  [
    "unsteady in reads says nothing about writes",
    records("/load", (side, n) => n + (side === "a" ? 0.25 : 0.75)),
    [load({ askedTwice: 40, differedWithItself: 40 }), place({ at: "/load", askedTwice: 0 })],
    ["doubt: numbers that differ in amount"],
  ],
  [
    "unsteady, and its name says money",
    records("/price", (side, n) => n + (side === "a" ? 0.25 : 0.75), { method: "GET" }),
    [load({ at: "/price", askedTwice: 40, differedWithItself: 40 })],
    ["doubt: its name says that somebody pays for a difference"],
  ],
  [
    "unsteady, but equal in most compared exchanges",
    LOADS,
    [load({ askedTwice: 12, differedWithItself: 12, compared: 200, differed: 30 })],
    ["doubt: it is equal in most exchanges: 30 of 200 that were counted differ"],
  ],
  [
    "random to look at, but kept: the primary answers the same again",
    CODES,
    [place({ method: "GET", at: "/code", compared: 200, differed: 200, askedTwice: 40 })],
    ["doubt: the primary answers the same each time it is asked: what differs is kept somewhere"],
  ],
  [
    "random, in nearly all that were counted",
    CODES,
    [place({ method: "GET", at: "/code", compared: 200, differed: 200 })],
    ["ignore { at: /code }"],
  ],
];

describe("what counts change", () => {
  for (const [what, found, places, expected] of ROWS) {
    void test(what, () => assert.deepEqual(told(advise(found, places)), expected));
  }
});

test("whatever is counted, nothing that differs in less than two of five counted exchanges is suggested away", () => {
  for (const found of [REFS, LOADS, CODES]) {
    const at = found[0]?.differences[0]?.at ?? "";
    const method = found[0]?.method ?? "";
    for (const compared of [60, 200, 2_000]) {
      for (const share of [0, 0.01, 0.1, 0.3]) {
        for (const askedTwice of [0, 40]) {
          const differed = Math.floor(share * compared);
          const known = place({ at, method, compared, differed, askedTwice, differedWithItself: askedTwice });
          assert.deepEqual(advise(found, [known]).suggestions, [], `${at} ${differed} of ${compared}`);
        }
      }
    }
  }
});

test("a suggestion and a doubt carry what was counted", () => {
  const known = place({
    compared: 40,
    differed: 39,
    values: 40,
    distinct: 40,
    classes: [{ class: "uuid", count: 40 }],
  });
  assert.deepEqual(advise(REFS, [known]).suggestions[0]?.known, {
    compared: 40,
    differed: 39,
    askedTwice: 0,
    differedWithItself: 0,
    values: 40,
    distinct: 40,
    classes: ["uuid"],
  });
  assert.equal(advise(REFS, []).doubts[0]?.known, null);
});
