import assert from "node:assert/strict";
import { test } from "node:test";
import { Backlog, DEFAULT_BACKLOG, Room } from "../../../adapters/store/backlog.ts";
import type { Batch } from "../../../adapters/store/rows.ts";
import type { StoreWrite } from "../../../proxy/ports.ts";
import { makeRecord, NOON, recordWrite } from "../../support/evidence.ts";
import { makePair, pairWrite } from "../../support/pairs.ts";

const eligible: StoreWrite = { type: "eligible", route: "users" };
const match: StoreWrite = { type: "count", route: "users", outcome: "match", reason: null };
const repair = (key: string | null, at: string): StoreWrite => {
  return { type: "repair", route: "users", key, reason: "dropped", exchangeId: at, at, notBefore: null, place: null };
};

function addAll(backlog: Backlog, writes: readonly StoreWrite[]): void {
  for (const write of writes) backlog.add(write);
}

const countsOf = ({ essentials }: Batch): [number, number] => [
  essentials.totals.reduce((sum, row) => sum + row.eligible, 0),
  essentials.outcomes.reduce((sum, row) => sum + row.count, 0),
];

test("counts take no more room than their names, however many there are", () => {
  const backlog = new Backlog(new Room(DEFAULT_BACKLOG));
  for (let i = 0; i < 10_000; i++) addAll(backlog, [eligible, match]);
  assert.equal(backlog.pendingWrites, 20_000);
  const batch = backlog.seal(NOON);
  assert.equal(batch.essentials.outcomes.length, 1);
  assert.deepEqual(countsOf(batch), [10_000, 10_000]);
  backlog.settle();
  assert.equal(backlog.pendingWrites, 0);
});

test("a batch is bounded in records and in bytes, and holds at least one record", () => {
  const backlog = new Backlog(new Room(DEFAULT_BACKLOG));
  addAll(
    backlog,
    Array.from({ length: 1200 }, () => recordWrite(makeRecord())),
  );
  assert.equal(backlog.seal(NOON).evidence.length, 500);
  backlog.settle();
  const large = new Backlog(new Room(DEFAULT_BACKLOG));
  addAll(
    large,
    Array.from({ length: 3 }, () => recordWrite(makeRecord({ error: "x".repeat(1024 * 1024) }))),
  );
  assert.equal(large.seal(NOON).evidence.length, 1);
});

test("beyond its bounds records are lost and counted, and counts, repairs and gaps never", () => {
  const backlog = new Backlog(new Room({ ...DEFAULT_BACKLOG, maxRecords: 10, maxBytes: 1024 * 1024 }));
  addAll(
    backlog,
    Array.from({ length: 15 }, () => recordWrite(makeRecord())),
  );
  assert.equal(backlog.lostWrites, 5);
  addAll(backlog, [eligible, match, repair("users/1", "A")]);
  assert.equal(backlog.lostWrites, 5);
  const bytes = new Backlog(new Room({ ...DEFAULT_BACKLOG, maxRecords: 1000, maxBytes: 100_000 }));
  addAll(
    bytes,
    Array.from({ length: 15 }, () => recordWrite(makeRecord({ error: "x".repeat(20_000) }))),
  );
  assert.equal(bytes.pendingWrites + bytes.lostWrites, 15);
  assert.ok(bytes.pendingWrites < 5);
});

test("what fails is tried again in order: essentials alone first, then a little evidence, then all as usual", () => {
  const backlog = new Backlog(new Room(DEFAULT_BACKLOG));
  const records = Array.from({ length: 700 }, () => makeRecord());
  addAll(backlog, [eligible, match, ...records.map(recordWrite)]);
  backlog.seal(NOON);
  backlog.giveBack({ withoutEvidence: false });
  addAll(backlog, [eligible, match]);

  const careful = backlog.seal(NOON);
  assert.deepEqual(countsOf(careful), [2, 2]);
  assert.equal(careful.evidence.length, 0);
  backlog.settle();
  addAll(backlog, [eligible]);
  const little = backlog.seal(NOON);
  assert.equal(little.evidence.length, 50);
  assert.deepEqual(countsOf(little), [1, 0]);
  backlog.settle();
  const usual = backlog.seal(NOON);
  assert.equal(usual.evidence.length, 500);
  backlog.settle();
  const last = backlog.seal(NOON);
  backlog.settle();
  const ids = [little, usual, last].flatMap(({ evidence }) => evidence.map(({ id }) => id));
  assert.deepEqual(
    ids,
    records.map(({ id }) => id),
  );
  assert.equal(backlog.lostWrites, 0);
  assert.equal(backlog.pendingWrites, 0);
});

test("failing for ever, it neither grows nor forgets a count", () => {
  const backlog = new Backlog(new Room({ ...DEFAULT_BACKLOG, maxRecords: 100, maxBytes: 1024 * 1024 }));
  for (let round = 0; round < 1000; round++) {
    addAll(backlog, [eligible, match, repair(`users/${round % 10}`, "A"), recordWrite(makeRecord())]);
    backlog.seal(NOON);
    backlog.giveBack({ withoutEvidence: false });
  }
  const batch = backlog.seal(NOON);
  assert.deepEqual(countsOf(batch), [1000, 1000]);
  assert.equal(batch.essentials.repairs.length, 10);
  assert.equal(
    batch.essentials.repairs.reduce((sum, { times }) => sum + times, 0),
    1000,
  );
  assert.ok(backlog.lostWrites >= 899 && backlog.lostWrites <= 900);
});

test("repairs fold by key, first time and last reason kept, and past their bound into the collection", () => {
  const backlog = new Backlog(new Room(DEFAULT_BACKLOG));
  addAll(backlog, [repair("users/1", "first"), repair("users/1", "second")]);
  backlog.seal(NOON);
  backlog.giveBack({ withoutEvidence: false });
  addAll(backlog, [repair("users/1", "third")]);
  const [one] = backlog.seal(NOON).essentials.repairs;
  assert.deepEqual(one, {
    route: "users",
    key: "users/1",
    reason: "dropped",
    exchangeId: "third",
    since: "first",
    times: 3,
    notBefore: null,
    place: null,
    misses: null,
  });
  backlog.settle();
  for (let i = 0; i < 50_010; i++) backlog.add(repair(`users/${i}`, "A"));
  const { repairs } = backlog.seal(NOON).essentials;
  assert.equal(repairs.length, 50_001);
  assert.deepEqual(
    repairs.filter(({ key }) => key === null).map(({ times }) => times),
    [10],
  );
});

test("a batch whose records cannot be kept gives them up and keeps its counts", () => {
  const backlog = new Backlog(new Room(DEFAULT_BACKLOG));
  addAll(backlog, [eligible, recordWrite(makeRecord())]);
  const mark = backlog.mark();
  backlog.seal(NOON);
  backlog.giveBack({ withoutEvidence: true });
  assert.equal(backlog.lostWrites, 1);
  assert.equal(backlog.reached(mark), false);
  assert.deepEqual(countsOf(backlog.seal(NOON)), [1, 0]);
  backlog.settle();
  assert.equal(backlog.reached(mark), true);
});

test("a mark is reached when everything before it is durable, not when what came later is", () => {
  const backlog = new Backlog(new Room(DEFAULT_BACKLOG));
  assert.equal(backlog.reached(backlog.mark()), true);
  addAll(backlog, [eligible, ...Array.from({ length: 600 }, () => recordWrite(makeRecord()))]);
  const mark = backlog.mark();
  backlog.seal(NOON);
  addAll(backlog, [recordWrite(makeRecord()), match]);
  const later = backlog.mark();
  backlog.settle();
  assert.equal(backlog.reached(mark), false);
  backlog.seal(NOON);
  backlog.settle();
  assert.equal(backlog.reached(mark), true);
  assert.equal(backlog.reached(later), true);
});

test("a record whose time cannot be read is kept under the time of its batch", () => {
  const backlog = new Backlog(new Room(DEFAULT_BACKLOG));
  backlog.add(recordWrite(makeRecord({ time: "yesterday" })));
  assert.equal(backlog.seal(NOON).evidence[0]?.at, NOON);
});

test("pairs wait within bytes of their own; what does not fit is lost, counted apart, and holds up nothing", () => {
  const backlog = new Backlog(new Room({ ...DEFAULT_BACKLOG, maxPairBytes: 10_000 }));
  const pairs = Array.from({ length: 20 }, () => pairWrite(makePair()));
  addAll(backlog, [...pairs, recordWrite(makeRecord()), eligible]);
  assert.ok(backlog.lostPairs > 0 && backlog.lostPairs < 20, `${backlog.lostPairs} lost`);
  assert.equal(backlog.lostWrites, 0);
  const kept = 20 - backlog.lostPairs;
  assert.equal(backlog.pendingWrites, kept + 2);
  const mark = backlog.mark();
  const batch = backlog.seal(NOON);
  assert.deepEqual([batch.pairs.length, batch.evidence.length], [kept, 1]);
  assert.equal(backlog.reached(mark), false);
  backlog.settle();
  assert.equal(backlog.reached(mark), true);
  addAll(backlog, pairs);
  assert.equal(backlog.pendingWrites, kept, "settled pairs make room");
});

test("pairs of a batch that failed are given up, and its records are not", () => {
  const backlog = new Backlog(new Room(DEFAULT_BACKLOG));
  addAll(backlog, [pairWrite(makePair()), pairWrite(makePair()), recordWrite(makeRecord())]);
  const mark = backlog.mark();
  backlog.seal(NOON);
  backlog.giveBack({ withoutEvidence: false });
  assert.deepEqual([backlog.lostPairs, backlog.lostWrites, backlog.pendingWrites], [2, 0, 1]);
  addAll(backlog, [pairWrite(makePair())]);
  assert.deepEqual(backlog.seal(NOON).pairs, [], "records first after a failure");
  backlog.settle();
  assert.equal(backlog.reached(mark), true);
  assert.equal(backlog.seal(NOON).pairs.length, 1);
  backlog.abandon();
  assert.deepEqual([backlog.lostPairs, backlog.pendingWrites], [3, 0]);
});

test("a batch carries pairs up to a bound of bytes, and the next one the rest", () => {
  const backlog = new Backlog(new Room(DEFAULT_BACKLOG));
  const large = makePair();
  const wide = { ...large, shadow: { ...large.shadow, body: { text: "x".repeat(300_000) } } };
  addAll(backlog, [wide, wide, wide].map(pairWrite));
  assert.equal(backlog.seal(NOON).pairs.length, 1);
  backlog.settle();
  assert.equal(backlog.pendingWrites, 2);
});

test("counts alone are told from what is lost where the process dies, also behind a batch that failed", () => {
  const backlog = new Backlog(new Room(DEFAULT_BACKLOG));
  addAll(backlog, [eligible, match, { type: "compared-read", route: "users" }, { type: "journal-mark", position: 7 }]);
  assert.equal(backlog.hasCountsOnly, true);
  backlog.add(repair("users/1", "A"));
  assert.equal(backlog.hasCountsOnly, false);
  backlog.seal(NOON);
  backlog.add(match);
  assert.equal(backlog.hasCountsOnly, true);
  backlog.giveBack({ withoutEvidence: false });
  assert.equal(backlog.hasCountsOnly, false);
  for (const more of [recordWrite(makeRecord()), pairWrite(makePair())]) {
    const other = new Backlog(new Room(DEFAULT_BACKLOG));
    addAll(other, [match, more]);
    assert.equal(other.hasCountsOnly, false, more.type);
  }
});
