import assert from "node:assert/strict";
import { test } from "node:test";
import { DEFAULT_ROUTE } from "../../../proxy/config/defaults.ts";
import type { RouteSettings } from "../../../proxy/config/settings.ts";
import { createEvidenceBook, type EvidenceBook } from "../../../proxy/evidence/evidence-book.ts";
import type { KeptGateEvidence } from "../../../proxy/moves/gate-evidence.ts";
import { dropped, MATCH, type Outcome, skipped, UNKNOWN } from "../../../proxy/outcome.ts";
import type { StoreWrite } from "../../../proxy/ports.ts";
import { handClock, makeSettled, NOON, type HandClock, type SettledGiven } from "../../support/evidence.ts";

const HOUR = 3_600_000;

interface Opened {
  readonly book: EvidenceBook;
  readonly clock: HandClock;
  /** Each call of append. */
  readonly appended: (readonly StoreWrite[])[];
  /** Hands over and returns what the store has now. */
  keep(): readonly KeptGateEvidence[];
}

function open(kept: readonly KeptGateEvidence[] = [], clock = handClock()): Opened {
  const appended: (readonly StoreWrite[])[] = [];
  const book = createEvidenceBook({
    store: { append: (writes) => appended.push(writes) },
    clock,
    kept,
    claims: 0,
    seed: 42,
  });
  const keep = (): readonly KeptGateEvidence[] => {
    book.close();
    const last = appended.at(-1)?.[0];
    return last?.type === "gate-evidence" ? last.rows : [];
  };
  return { book, clock, appended, keep };
}

const settle = (book: EvidenceBook, key: string | null, outcome: Outcome = MATCH, given: SettledGiven = {}): void =>
  book.settled(makeSettled({ key, outcome, ...given }));

function routeOf(over: Partial<RouteSettings> = {}): RouteSettings {
  return { ...makeSettled().exchange.route, ...over };
}

/** Settings of that revision, after so many moves over the barrier. */
function at(
  revision: number,
  barrier = 1,
): { readonly revision: number; readonly epochs: ReadonlyMap<string, number> } {
  return { revision, epochs: new Map([["users", barrier]]) };
}

/** Clean, divergent, excused units of closed blocks. */
function unitsOf(book: EvidenceBook, route = routeOf(), revision = 1): readonly (number | undefined)[] {
  const { all } = book.of(route, at(revision)).strata;
  return [all?.clean, all?.divergent, all?.excused];
}

test("units count once their block is over, and a key again in the next block", () => {
  const { book, clock } = open();
  for (let i = 0; i < 10; i++) settle(book, "users/1");
  settle(book, "users/2", { kind: "ignored" });
  settle(book, "users/3", { kind: "divergent" });
  settle(book, "users/4", skipped("not-accepted"));
  assert.deepEqual(unitsOf(book), [undefined, undefined, undefined]);
  assert.deepEqual(book.of(routeOf(), at(1)).tally.methods, { PUT: 12 });
  clock.move(HOUR);
  assert.deepEqual(unitsOf(book), [2, 1, 1]);
  settle(book, "users/1");
  clock.move(HOUR);
  assert.deepEqual(unitsOf(book), [3, 1, 1]);
});

test("what was not compared counts against, by what it was; without a key it is one unit", () => {
  const { book, clock } = open();
  settle(book, null, UNKNOWN, { primary: { status: null, ms: null, bytes: null } });
  settle(book, null, dropped("queue-full"));
  settle(book, null);
  clock.move(HOUR);
  const { strata, tally } = book.of(routeOf(), at(1));
  assert.deepEqual([strata.all?.clean, strata.all?.divergent, strata["2xx"]?.divergent], [0, 1, 1]);
  assert.deepEqual(tally.against, { unknown: 1, "dropped(queue-full)": 1 });
});

test("each key of a batch is a unit", () => {
  const { book, clock } = open();
  settle(book, "users/1", { kind: "divergent" }, { moreKeys: ["users/2", "users/3"] });
  clock.move(HOUR);
  assert.deepEqual(unitsOf(book), [0, 3, 0]);
});

test("however many exchanges there are, the store gets one row a route, and no key", async () => {
  const { appended, keep, book } = open();
  for (let i = 0; i < 10_000; i++) settle(book, `users/secret-${i % 5000}`, MATCH);
  assert.equal(appended.length, 0);
  const rows = keep();
  assert.equal(rows.length, 1);
  const text = JSON.stringify(rows);
  assert.ok(!text.includes("secret") && text.length < 2_000, text);
});

test("a restart loses nothing that speaks against: the open block's divergent units are carried, its clean ones not", () => {
  const before = open();
  settle(before.book, "users/1");
  settle(before.book, "users/2", { kind: "divergent" });
  before.clock.move(HOUR);
  settle(before.book, "users/3");
  settle(before.book, "users/4", { kind: "divergent" });
  const kept = before.keep();
  const after = open(JSON.parse(JSON.stringify(kept)) as KeptGateEvidence[], before.clock);
  assert.deepEqual(unitsOf(after.book), [1, 1, 0]);
  settle(after.book, "users/5");
  after.clock.move(HOUR);
  assert.deepEqual(unitsOf(after.book), [2, 2, 0]);
  assert.equal(after.book.of(routeOf(), at(1)).epoch, 1);
});

test("changed rules, or a changed gate, begin a new epoch; what began under the old ones counts no more", () => {
  const { book, clock } = open();
  settle(book, "users/1");
  clock.move(HOUR);
  const compare = { ...DEFAULT_ROUTE.compare, headers: ["etag"] };
  const changed = routeOf({ compare });
  assert.deepEqual(unitsOf(book, changed, 2), [undefined, undefined, undefined]);
  assert.deepEqual([book.of(changed, at(2)).epoch, book.of(changed, at(2)).why], [2, "rules"]);
  settle(book, "users/9", { kind: "divergent" });
  const now = { route: { compare }, exchange: {} };
  const { snapshot } = makeSettled().exchange;
  settle(book, "users/1", MATCH, { ...now, exchange: { snapshot: { ...snapshot, revision: 2 } } });
  clock.move(HOUR);
  assert.deepEqual(unitsOf(book, changed, 2), [1, 0, 0]);
  const laxer = routeOf({ compare, gate: { ...DEFAULT_ROUTE.gate, divergenceBelow: 0.01 } });
  assert.deepEqual([book.of(laxer, at(3)).epoch, book.of(laxer, at(3)).why], [3, "rules"]);
  const slower = { ...laxer, gate: { ...laxer.gate, latencyRatioBelow: 9 } };
  assert.equal(book.of(slower, at(4)).epoch, 3, "how fast next may be says nothing about how it diverges");
});

test("after a rollback evidence is begun anew, over a restart too; what came in before it counts no more", () => {
  const { book, clock, keep } = open();
  settle(book, "users/1");
  clock.move(HOUR);
  // Next is the source of truth: what led there can still be read.
  const beyond = routeOf({ phase: "next-primary" });
  assert.deepEqual([book.of(beyond, at(2, 2)).epoch, book.of(beyond, at(2, 2)).strata.all?.clean], [1, 1]);
  const kept = JSON.parse(JSON.stringify(keep())) as KeptGateEvidence[];
  for (const { of } of [book, open(kept, clock).book]) {
    const after = of(routeOf(), at(3, 3));
    assert.deepEqual([after.epoch, after.why, after.barrier, after.strata], [2, "rollback", 3, {}]);
  }
  settle(book, "users/2", { kind: "divergent" });
  const { snapshot } = makeSettled().exchange;
  settle(book, "users/1", MATCH, { exchange: { snapshot: { ...snapshot, ...at(3, 3) } } });
  clock.move(HOUR);
  const { strata, epoch } = book.of(routeOf(), at(3, 3));
  assert.deepEqual([strata.all?.clean, strata.all?.divergent, epoch], [1, 0, 2]);
  clock.move(HOUR);
  assert.equal(book.of(routeOf(), at(4, 3)).epoch, 2, "once");
});

test("the present build ends its evidence only when no answer names it any more", () => {
  const { book, clock } = open();
  const answers = (...builds: string[]): void => {
    for (const build of builds) settle(book, `users/${build}`, MATCH, { build });
    clock.move(HOUR);
  };
  const seen = (): unknown[] => [book.of(routeOf(), at(1)).epoch, book.of(routeOf(), at(1)).build, ...unitsOf(book)];
  answers("a");
  assert.deepEqual(seen(), [1, "a", 1, 0, 0]);
  answers("b", "a");
  assert.deepEqual(seen(), [1, "a", 3, 0, 0]);
  answers("b");
  assert.deepEqual(seen(), [2, "b", 1, 0, 0]);
});

test("what next answers as the primary is no evidence for making it the primary", () => {
  const { book, clock } = open();
  const plan = { mirror: true, primary: "next", shadow: "legacy", requestClass: "write" } as const;
  settle(book, "users/1", { kind: "divergent" }, { exchange: { plan } });
  clock.move(HOUR);
  assert.deepEqual(unitsOf(book), [undefined, undefined, undefined]);
});

test("a clock that is set back closes no block twice, and loses nothing", () => {
  const { book, clock } = open();
  settle(book, "users/1");
  clock.move(-3 * HOUR);
  settle(book, "users/2", { kind: "divergent" });
  assert.deepEqual(unitsOf(book), [undefined, undefined, undefined]);
  clock.move(4 * HOUR);
  assert.deepEqual(unitsOf(book), [1, 1, 0]);
  assert.equal(clock.now(), NOON + HOUR);
});
