import assert from "node:assert/strict";
import { hash } from "node:crypto";
import { test } from "node:test";
import type { SurveyedPlace } from "../../../proxy/evidence/places.ts";
import { PlaceBook, type SurveyedPair } from "../../../proxy/record/place-book.ts";
import { NOON } from "../../support/evidence.ts";

function place(at: string, given: Partial<SurveyedPlace> = {}): SurveyedPlace {
  return { at, sides: "both", differs: false, valueClass: "text", hash: null, ...given };
}

function pair(places: readonly SurveyedPlace[], given: Partial<SurveyedPair> = {}): SurveyedPair {
  return {
    route: "users",
    method: "PUT",
    path: "/users/*",
    rules: "r1",
    of: "both-services",
    places,
    at: NOON,
    ...given,
  };
}

function hashOf(value: number): number {
  return hash("sha256", `value ${value}`, "buffer").readUIntBE(0, 6);
}

test("pairs of both services and of the primary alone are counted apart", () => {
  const book = new PlaceBook();
  book.add(pair([place("/a", { differs: true }), place("/b", { sides: "first" }), place("/c", { sides: "second" })]));
  book.add(pair([place("/a")]));
  book.add(pair([place("/a", { differs: true })], { of: "primary-twice", at: NOON + 5 }));
  const [a, b, c] = book.list("users");
  assert.deepEqual([a?.askedTwice, a?.differedWithItself, a?.compared, a?.onBothSides, a?.differed], [1, 1, 2, 2, 1]);
  assert.deepEqual([b?.compared, b?.onBothSides, c?.compared, c?.onBothSides], [1, 0, 1, 0]);
  assert.deepEqual([a?.since, a?.lastSeen], [new Date(NOON).toISOString(), new Date(NOON + 5).toISOString()]);
  assert.deepEqual([b?.classes, c?.classes], [[{ class: "text", count: 1 }], []]);
});

test("how many different values there were is exact for few and about right for many", () => {
  const book = new PlaceBook();
  for (let n = 0; n < 3_000; n += 1) {
    const places = [
      place("/few", { hash: hashOf(n % 7) }),
      place("/many", { hash: hashOf(n) }),
      place("/some", { hash: hashOf(n % 500) }),
    ];
    book.add(pair(places));
  }
  const [few, many, some] = book.list();
  assert.deepEqual([few?.values, few?.distinct], [3_000, 7]);
  assert.ok(Math.abs((many?.distinct ?? 0) - 3_000) < 1_000, `${many?.distinct} of 3000`);
  assert.ok(Math.abs((some?.distinct ?? 0) - 500) < 170, `${some?.distinct} of 500`);
});

test("under other rules the counts of a place begin anew", () => {
  const book = new PlaceBook();
  book.add(pair([place("/a", { differs: true }), place("/b")]));
  book.add(pair([place("/a")], { rules: "r2", at: NOON + 60_000 }));
  const [a, b] = book.list();
  assert.deepEqual([a?.compared, a?.differed, a?.since], [1, 0, new Date(NOON + 60_000).toISOString()]);
  assert.equal(b?.compared, 1);
});

test("paths beyond the first eight kinds are one kind, and places beyond 4,000 are left out and counted", () => {
  const book = new PlaceBook();
  for (let n = 0; n < 20; n += 1) book.add(pair([place("/a")], { path: `/slug-${n}` }));
  assert.deepEqual(
    book
      .list()
      .map(({ path, compared }) => [path, compared])
      .toSorted()
      .at(0),
    ["**", 12],
  );
  assert.equal(book.list().length, 9);
  let leftOut = 0;
  for (let n = 0; n < 5_000; n += 1) leftOut += book.add(pair([place(`/m${n}x`)], { route: `r${n}` }));
  assert.equal(book.list().length, 4_000);
  assert.equal(leftOut, 5_000 - (4_000 - 9));
});

test("a book that is full of names which came but once takes others a minute later, and keeps what came again", () => {
  const book = new PlaceBook();
  const kept = Array.from({ length: 10 }, (_, n) => place(`/kept${n}`));
  for (let n = 0; n < 2; n += 1) book.add(pair(kept));
  for (let n = 0; n < 50; n += 1) {
    book.add(pair(Array.from({ length: 100 }, (_, i) => place(`/made/up${n}/x${i}`))));
  }
  assert.equal(book.list().length, 4_000);
  assert.equal(book.add(pair([place("/a")], { at: NOON + 59_000, route: "other" })), 1);
  assert.equal(book.add(pair([place("/a")], { at: NOON + 120_000, route: "other" })), 0);
  assert.deepEqual(
    book
      .list()
      .map(({ at }) => at)
      .toSorted(),
    ["/a", ...kept.map(({ at }) => at)],
  );
});

test("what has changed is taken once, and what was restored is counted on", () => {
  const book = new PlaceBook();
  book.add(pair([place("/a", { hash: 5 }), place("/b")]));
  const kept = book.takeChanged();
  assert.deepEqual([kept.length, book.takeChanged().length], [2, 0]);
  const again = new PlaceBook();
  again.restore(kept);
  assert.deepEqual(again.list(), book.list());
  again.add(pair([place("/a", { hash: 5 })]));
  assert.deepEqual([again.list()[0]?.compared, again.list()[0]?.distinct], [2, 1]);
  assert.deepEqual(
    again.takeChanged().map(({ at }) => at),
    ["/a"],
  );
});

test("how the primary disagrees with itself is told over all kinds of paths, of what is known", () => {
  const book = new PlaceBook();
  const twice = { of: "primary-twice", method: "GET" } as const;
  book.add(pair([place("/a", { differs: true })], twice));
  book.add(pair([place("/a")], { ...twice, path: "/other" }));
  book.add(pair([place("/b")], { method: "GET" }));
  assert.deepEqual(book.ownDisagreements("users", "GET", ["/a", "/b", "/c"]), [
    { at: "/a", askedTwice: 2, differedWithItself: 1 },
  ]);
  assert.deepEqual(book.ownDisagreements("users", "PUT", ["/a"]), []);
});
