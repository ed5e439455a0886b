import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import Database from "better-sqlite3";
import { APPLICATION_ID, MIGRATIONS, OLDEST_READER } from "../../../adapters/store/sqlite/schema.ts";
import { openSqliteStore } from "../../../adapters/store/sqlite/store.ts";
import { evidenceFolder, handClock, makeRecord, NOON, recordWrite } from "../../support/evidence.ts";
import { makePair, pairWrite } from "../../support/pairs.ts";

test("a file of the first schema is brought forward with its groups, counts and records", async (t) => {
  const file = join(evidenceFolder(t), "crossfade.db");
  const record = makeRecord();
  const old = new Database(file);
  old.exec(MIGRATIONS[0] as string);
  old.pragma("user_version = 1");
  old.pragma(`application_id = ${APPLICATION_ID}`);
  old.exec(`
    INSERT INTO life VALUES (1, 4, 'before', 9, ${NOON}, 1);
    INSERT INTO route_total VALUES ('users', 5000, 5000, 7, ${NOON});
    INSERT INTO outcome_total VALUES ('users', 'match', '', 4999), ('users', 'divergent', '', 1);
    INSERT INTO divergence_group VALUES
      ('${record.group}', 'users', 'PUT', '[{"at":"/total","kind":"value"}]', 1, ${NOON}, ${NOON}, '9f3c', 'new');
  `);
  old
    .prepare("INSERT INTO divergence VALUES (1, ?, ?, 'users', 'divergent', ?, ',value,', 100, 1, ?)")
    .run(record.id, NOON, record.group, JSON.stringify(record));
  old.close();

  const store = await openSqliteStore({ file, clock: handClock() });
  t.after(() => store.close());
  assert.equal(store.opened.previousEnd, "clean");
  const found = await store.group(record.group as string);
  assert.deepEqual(found?.samples, [record]);
  // Quiet begins with the update: what was compared before it is no proof that the cause is gone.
  assert.deepEqual(
    [found?.group.state, found?.group.count, found?.group.tainted, found?.group.firstBuild, found?.group.decision],
    ["new", 1, 0, "9f3c", null],
  );
  store.append([recordWrite(makeRecord({ build: "a001" }))]);
  await store.flush();
  const again = (await store.group(record.group as string))?.group;
  assert.deepEqual([again?.count, again?.firstBuild, again?.lastBuild, again?.share], [2, "9f3c", "a001", 2 / 5007]);
});

test("each schema before this one is brought forward, and has room for places", async (t) => {
  for (let version = 1; version < MIGRATIONS.length; version += 1) {
    const file = join(evidenceFolder(t), "crossfade.db");
    const old = new Database(file);
    for (const migration of MIGRATIONS.slice(0, version)) old.exec(migration);
    old.pragma(`user_version = ${version}`);
    old.pragma(`application_id = ${APPLICATION_ID}`);
    old.exec(`INSERT INTO life VALUES (1, 4, 'before', 9, ${NOON}, 1)`);
    old.close();
    const store = await openSqliteStore({ file, clock: handClock() });
    t.after(() => store.close());
    assert.deepEqual([store.opened.previousEnd, store.opened.setAside, await store.places()], ["clean", null, []]);
  }
});

test("a file of the schema before pairs is brought forward, and takes them", async (t) => {
  const file = join(evidenceFolder(t), "crossfade.db");
  const record = makeRecord();
  const old = new Database(file);
  for (const migration of MIGRATIONS.slice(0, 2)) old.exec(migration);
  old.pragma("user_version = 2");
  old.pragma(`application_id = ${APPLICATION_ID}`);
  old.exec(`INSERT INTO life VALUES (1, 4, 'before', 9, ${NOON}, 1)`);
  old
    .prepare("INSERT INTO divergence VALUES (1, ?, ?, 'users', 'divergent', NULL, ',value,', 100, 0, ?)")
    .run(record.id, NOON, JSON.stringify(record));
  old.close();

  const store = await openSqliteStore({ file, clock: handClock() });
  t.after(() => store.close());
  assert.equal(store.opened.previousEnd, "clean");
  assert.deepEqual(await store.divergence(record.id), record);
  assert.deepEqual(await store.pairs({ limit: 10 }), { items: [], next: null });
  const pair = makePair();
  store.append([pairWrite(pair)]);
  await store.flush();
  assert.deepEqual(await store.pair(pair.id), pair);
});

test("a repair list of the second schema is brought forward: each entry is open, untried, and can be ended", async (t) => {
  const file = join(evidenceFolder(t), "crossfade.db");
  const old = new Database(file);
  for (const migration of MIGRATIONS.slice(0, 2)) old.exec(migration);
  old.pragma("user_version = 2");
  old.pragma(`application_id = ${APPLICATION_ID}`);
  old.exec(`
    INSERT INTO life VALUES (1, 4, 'before', 9, ${NOON}, 1);
    INSERT INTO repair VALUES
      (3, 'users', 0, 'users/1', 'dropped', 'A', '2026-11-22T12:00:00.000Z', 4),
      (7, 'users', 1, '', 'unknown', 'B', '2026-11-22T12:00:01.000Z', 1);
  `);
  old.close();

  const store = await openSqliteStore({ file, clock: handClock() });
  t.after(() => store.close());
  const work = await store.repairWork({ after: 0, dueAt: NOON, limit: 10 });
  assert.deepEqual(
    work.map(({ id, key, times, revision, state, attempts, place }) => [
      id,
      key,
      times,
      revision,
      state,
      attempts,
      place,
    ]),
    [
      [3, "users/1", 4, 4, "open", 0, null],
      [7, null, 1, 1, "open", 0, null],
    ],
  );
  assert.equal(await store.endRepair({ id: 3, route: "users", revision: 4 }, { kind: "equal" }), "done");
});

test("the version before this one writes into a file of ours what it always did, and what it marks is not said to miss at one side", async (t) => {
  const file = join(evidenceFolder(t), "crossfade.db");
  const at = new Date(NOON).toISOString();
  const mark = {
    type: "repair",
    route: "users",
    reason: "dropped",
    exchangeId: "A",
    at,
    notBefore: null,
    place: null,
  } as const;
  const first = await openSqliteStore({ file, clock: handClock() });
  first.append([
    { ...mark, key: "users/1", misses: "next" },
    { ...mark, key: "users/2", misses: "next" },
  ]);
  await first.close();
  // As the schema before has it.
  const old = new Database(file);
  assert.equal(old.prepare("SELECT oldest FROM reader").pluck().get(), OLDEST_READER);
  old.exec(`
    UPDATE repair SET reason = 'unknown', times = times + 1, revision = revision + 1 WHERE key = 'users/2';
    INSERT INTO repair (route, whole, key, reason, exchange_id, since, times, revision, not_before_ms, place, part)
      VALUES ('users', 0, 'users/3', 'dropped', 'A', '${at}', 1, 1, NULL, NULL, 0);
    INSERT INTO gap (id, route, from_ms, to_ms, why, unclean_end) VALUES ('g', 'users', ${NOON}, ${NOON}, 'x', 0);
  `);
  old.close();
  const store = await openSqliteStore({ file, clock: handClock() });
  t.after(() => store.close());
  const listed = (await store.repairs({ limit: 10 })).items.map(({ key, misses }) => [key, misses]);
  assert.deepEqual(listed, [
    ["users/1", "next"],
    ["users/2", null],
    ["users/3", null],
  ]);
  assert.deepEqual(
    (await store.gaps({ limit: 10 })).items.map(({ misses }) => misses),
    [null],
  );
  assert.deepEqual((await store.openWork())[0]?.legacyMisses, { repairs: 2, gaps: 1 });
});
