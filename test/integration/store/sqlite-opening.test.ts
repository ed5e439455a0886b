import assert from "node:assert/strict";
import Database from "better-sqlite3";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import type { Worker } from "node:worker_threads";
import { DEFAULT_RETENTION } from "../../../adapters/store/retention.ts";
import { openDatabase } from "../../../adapters/store/sqlite/opening.ts";
import { MIGRATIONS } from "../../../adapters/store/sqlite/schema.ts";
import { openSqliteStore, type SqliteStore, type SqliteStoreOptions } from "../../../adapters/store/sqlite/store.ts";
import { CrossfadeError, type ErrorCode } from "../../../proxy/errors.ts";
import type { Clock, StoreWrite } from "../../../proxy/ports.ts";
import { evidenceFolder, handClock, makeRecord, NOON, recordWrite, type HandClock } from "../../support/evidence.ts";

interface Place {
  readonly folder: string;
  readonly file: string;
  readonly clock: HandClock;
  open(options?: Partial<SqliteStoreOptions>): Promise<SqliteStore>;
  /** The file without a store in between. */
  edit(sql: string): void;
}

function place(t: TestContext): Place {
  const folder = evidenceFolder(t);
  const file = join(folder, "crossfade.db");
  const clock = handClock();
  return {
    folder,
    file,
    clock,
    async open(options = {}) {
      const store = await openSqliteStore({ file, clock, ...options });
      t.after(() => store.close());
      return store;
    },
    edit(sql) {
      const db = new Database(file);
      db.exec(sql);
      db.close();
    },
  };
}

const exchange: readonly StoreWrite[] = [
  { type: "eligible", route: "users" },
  { type: "count", route: "users", outcome: "match", reason: null },
];

async function writeAndClose(store: SqliteStore, writes: readonly StoreWrite[] = exchange): Promise<void> {
  store.append(writes);
  await store.flush();
  assert.equal(store.health().problem, null);
  await store.close();
}

function refusal(code: ErrorCode, ...words: readonly (string | RegExp)[]): (thrown: unknown) => boolean {
  return (thrown) => {
    assert.ok(thrown instanceof CrossfadeError);
    assert.equal(thrown.code, code);
    for (const word of words) {
      const found = typeof word === "string" ? thrown.message.includes(word) : word.test(thrown.message);
      assert.ok(found, `${String(word)} in ${thrown.message}`);
    }
    return true;
  };
}

test("each opening counts the generation up, and totals go on where they were", async (t) => {
  const { open } = place(t);
  const first = await open();
  assert.deepEqual([first.generation, first.opened.previousEnd], [1, "none"]);
  await writeAndClose(first);
  const second = await open();
  assert.deepEqual([second.generation, second.opened.previousEnd], [2, "clean"]);
  await writeAndClose(second);
  const third = await open();
  assert.equal(third.generation, 3);
  assert.deepEqual(await third.eligibleCounts(), [{ route: "users", count: 2 }]);
  assert.deepEqual((await third.gaps({ limit: 10 })).items, []);
  assert.deepEqual(third.opened.notes, []);
});

test("the file and its log are the owner's alone, also where others could read it before", async (t) => {
  const { file, open } = place(t);
  writeFileSync(file, "");
  chmodSync(file, 0o644);
  const store = await open();
  store.append(exchange);
  await store.flush();
  for (const name of [file, `${file}-wal`]) assert.equal(statSync(name).mode & 0o777, 0o600, name);
  assert.deepEqual(existsSync(`${file}-shm`), false);
});

test("a file that is no database is set aside unchanged and said, and the configured routes get a gap", async (t) => {
  const { file, folder, open } = place(t);
  writeFileSync(file, "my shopping list\n".repeat(100));
  const store = await open({ routes: ["users", "orders"] });
  const [aside] = readdirSync(folder).filter((name) => name.includes(".corrupt-"));
  assert.equal(store.opened.setAside, join(folder, aside as string));
  assert.equal(readFileSync(join(folder, aside as string), "utf8"), "my shopping list\n".repeat(100));
  assert.match(store.health().problem ?? "", /damaged.*set aside as .*corrupt-2026-11-22T12-00-00/);
  assert.deepEqual(store.opened.notes.join("; "), store.health().problem);
  assert.deepEqual(
    (await store.openWork()).map(({ route, repairs, gaps }) => [route, repairs, gaps]),
    [
      ["orders", 0, 1],
      ["users", 0, 1],
    ],
  );
  assert.equal(store.generation, NOON / 1000);
  assert.equal(statSync(file).mode & 0o777, 0o600);
  store.append(exchange);
  await store.flush();
  assert.deepEqual(await store.eligibleCounts(), [{ route: "users", count: 1 }]);
});

/** Fills the first page of a table with nonsense. */
function damage(file: string, table: string): void {
  const db = new Database(file);
  const found = db.prepare("SELECT rootpage FROM sqlite_schema WHERE name = ?").pluck().get(table);
  const page = table === "sqlite_schema" ? 1 : (found as number);
  const size = db.pragma("page_size", { simple: true }) as number;
  db.close();
  const bytes = readFileSync(file);
  bytes.fill(0xab, (page - 1) * size, page * size);
  writeFileSync(file, bytes);
}

const everything: readonly StoreWrite[] = [
  ...exchange,
  { type: "eligible", route: "users" },
  {
    type: "repair",
    route: "users",
    key: "users/1",
    reason: "dropped",
    exchangeId: "A",
    at: "2026-11-22T12:00:00.000Z",
    notBefore: null,
    place: null,
  },
  { type: "gap-opened", id: "g1", route: "orders", from: "2026-11-22T12:00:00.000Z", why: "disk full" },
  ...Array.from({ length: 50 }, () => recordWrite(makeRecord())),
];

test("of a damaged file all that can be read of totals, repairs and gaps is kept, and the generation goes on", async (t) => {
  const { file, open, clock } = place(t);
  await writeAndClose(await open(), everything);
  damage(file, "repair");
  clock.move(60_000);
  const store = await open();
  assert.equal(store.generation, 2);
  assert.equal(store.opened.previousEnd, "unclean");
  assert.match(
    store.opened.notes.join("; "),
    /is damaged \(.*\) and was set aside as .* all but repair could be kept/s,
  );
  assert.deepEqual(await store.outcomeCounts(), [
    { route: "users", outcome: "match", reason: null, count: 1 },
    { route: "users", outcome: "unknown", reason: null, count: 1 },
  ]);
  assert.deepEqual((await store.repairs({ limit: 10 })).items, []);
  const gaps = (await store.gaps({ limit: 10 })).items;
  assert.deepEqual(
    gaps.map(({ route, to }) => [route, to]),
    [
      ["users", new Date(clock.now()).toISOString()],
      ["orders", new Date(clock.now()).toISOString()],
    ],
  );
  assert.match(gaps[0]?.why ?? "", /^store lost: /);
  assert.deepEqual((await store.divergences({ limit: 10 })).items, []);
});

/** Not by hand: the times of files lie before its own, and have fractions. */
const realClock: Clock = { now: () => Date.now(), monotonic: () => performance.now() };

const damages: Readonly<Record<string, (file: string) => void>> = {
  "junk text": (file) => writeFileSync(file, "my shopping list\n".repeat(100)),
  "a header cut short": (file) => truncateSync(file, 50),
  "a first page cut short": (file) => truncateSync(file, 2_000),
  "a first page overwritten": (file) => damage(file, "sqlite_schema"),
  "a page of the life overwritten": (file) => damage(file, "life"),
  "a page of the gaps overwritten": (file) => damage(file, "gap"),
};

for (const [words, spoil] of Object.entries(damages)) {
  test(`by the real clock, ${words} is set aside and said, and each configured route gets a gap`, async (t) => {
    const { file, open } = place(t);
    const options = { clock: realClock, routes: ["users", "orders"] };
    await writeAndClose(await open(options));
    spoil(file);
    const store = await open(options);
    assert.match(store.health().problem ?? "", /is damaged.*was set aside as /s);
    const gaps = (await store.gaps({ limit: 10 })).items;
    assert.deepEqual(gaps.map(({ route }) => route).sort(), ["orders", "users"]);
    for (const { why } of gaps) assert.match(why, /^store lost: /);
    await store.close();
    const next = await open(options);
    assert.deepEqual(next.opened.notes, []);
    assert.equal((await next.gaps({ limit: 10 })).items.length, 2);
  });
}

test("a damaged file whose replacement fails is put back, and the next start finds it again", async (t) => {
  const { file, folder, open } = place(t);
  await writeAndClose(await open(), everything);
  damage(file, "repair");
  const before = readFileSync(file);
  const order = { file, run: "run", retention: DEFAULT_RETENTION, routes: [], again: null };
  // A column of the new file refuses this moment, after the totals have been copied.
  assert.throws(() => openDatabase({ ...order, now: NOON + 0.5 }), /cannot store REAL value/);
  assert.ok(readFileSync(file).equals(before));
  assert.deepEqual(readdirSync(folder), ["crossfade.db"]);
  const store = await open();
  assert.match(store.health().problem ?? "", /set aside as .* all but repair could be kept/s);
  assert.deepEqual(await store.eligibleCounts(), [{ route: "users", count: 2 }]);
});

const losses: Readonly<Record<string, (file: string) => void>> = {
  "is not there": (file) => rmSync(file),
  "is empty": (file) => truncateSync(file),
};

for (const [words, lose] of Object.entries(losses)) {
  test(`a store that ${words} though its key is was lost: that is said, and each configured route gets a gap`, async (t) => {
    const { file, open } = place(t);
    const options = { clock: realClock, routes: ["users", "orders"] };
    const first = await open(options);
    assert.deepEqual(first.opened.notes, []);
    await writeAndClose(first);
    writeFileSync(`${file}.key`, "secret");
    const keyed = Date.now() - 3_600_000;
    utimesSync(`${file}.key`, keyed / 1000, (keyed + 0.5) / 1000);
    await (await open(options)).close();

    lose(file);
    const store = await open(options);
    assert.equal(store.opened.previousEnd, "unclean");
    assert.ok(store.generation > 2, String(store.generation));
    assert.match(
      store.opened.notes.join("; "),
      /^store lost: .*crossfade\.db was not there.*gap is recorded for 2 routes/,
    );
    const gaps = (await store.gaps({ limit: 10 })).items;
    assert.deepEqual(gaps.map(({ route }) => route).sort(), ["orders", "users"]);
    for (const { from, to, why } of gaps) {
      assert.equal(from, new Date(keyed).toISOString());
      assert.ok(to !== null && Date.parse(to) > keyed + 3_000_000, String(to));
      assert.ok(why.startsWith(`store lost: ${file} was not there`), why);
    }
    await store.close();
    assert.deepEqual((await open(options)).opened.notes, []);
  });
}

test("evidence that is damaged costs the evidence alone, whether it shows at the opening or in use", async (t) => {
  for (const table of ["divergence", "divergence_evictable", "divergence_samples"]) {
    const { file, open } = place(t);
    await writeAndClose(await open(), everything);
    damage(file, table);
    const store = await open();
    store.append([recordWrite(makeRecord())]);
    await store.flush();
    await store.divergences({ limit: 1000 }).catch(() => undefined);
    while (!(store.health().problem ?? "").includes("set aside")) await store.flush();
    await store.flush();
    assert.match(store.health().problem ?? "", /all could be kept/, table);
    assert.deepEqual(
      (await store.repairs({ limit: 10 })).items.map(({ key }) => key),
      ["users/1"],
      table,
    );
    assert.deepEqual(await store.eligibleCounts(), [{ route: "users", count: 2 }], table);
    assert.ok(store.generation > 1, table);
    assert.equal(store.health().lostWrites, 0);
  }
});

test("a file found damaged while it is in use is set aside, and what comes next is kept in a new one", async (t) => {
  const { file, open } = place(t);
  const filling = await open();
  await writeAndClose(filling, [
    ...exchange,
    ...Array.from({ length: 3000 }, () => recordWrite(makeRecord({ error: "x".repeat(900) }))),
  ]);
  const store = await open();
  const bytes = readFileSync(file);
  bytes.fill(0xab, Math.floor(bytes.length / 2), bytes.length - 8192);
  writeFileSync(file, bytes);
  await assert.rejects(store.divergences({ limit: 1000, at: "/nowhere" }), refusal("store-corrupt", file));
  store.append(exchange);
  await store.flush();
  while (!(store.health().problem ?? "").includes("set aside")) await store.flush();
  await store.flush();
  assert.deepEqual(await store.eligibleCounts(), [{ route: "users", count: 2 }]);
  assert.equal(store.health().lostWrites, 0);
  assert.deepEqual(
    (await store.openWork()).map(({ route, gaps }) => [route, gaps]),
    [["users", 1]],
  );
});

test("when its thread dies another goes on, and no count is lost or doubled", async (t) => {
  const { open } = place(t);
  const threads: Worker[] = [];
  const onWorker = (worker: Worker): number => threads.push(worker);
  process.on("worker", onWorker);
  t.after(() => process.off("worker", onWorker));
  const store = await open();
  let appended = 0;
  const append = (times: number): void => {
    for (let i = 0; i < times; i++, appended++)
      store.append([...exchange, recordWrite(makeRecord({ outcome: "shadow-error" }))]);
  };
  for (let deaths = 0; deaths < 3; deaths++) {
    append(300);
    // A batch is on its way to the thread, or in its hands.
    await new Promise((resolve) => setImmediate(resolve));
    append(1);
    const ended = threads.at(-1)?.terminate();
    append(300);
    await ended;
    await store.flush();
    while (store.health().pendingWrites > 0) await store.flush();
  }
  assert.equal(threads.length, 4);
  assert.equal(store.health().problem, null);
  assert.equal(store.health().lostWrites, 0);
  assert.deepEqual(await store.eligibleCounts(), [{ route: "users", count: appended }]);
  assert.deepEqual(await store.outcomeCounts(), [{ route: "users", outcome: "match", reason: null, count: appended }]);
  const page = await store.divergences({ limit: 1000 });
  const rest = await store.divergences({ limit: 1000, cursor: page.next as string });
  assert.equal(new Set([...page.items, ...rest.items].map(({ id }) => id)).size, Math.min(appended, 2000));
  assert.deepEqual((await store.gaps({ limit: 10 })).items, []);
});

test("a batch that was committed just before its thread died is not committed twice", async (t) => {
  const { open } = place(t);
  const threads: Worker[] = [];
  const onWorker = (worker: Worker): number => threads.push(worker);
  process.on("worker", onWorker);
  t.after(() => process.off("worker", onWorker));
  const store = await open();
  const [thread] = threads as [Worker];
  // The thread's word that it has committed never arrives: it dies between the commit and saying so.
  const emit = thread.emit.bind(thread) as (event: string | symbol, ...values: unknown[]) => boolean;
  const unheard = Promise.withResolvers<void>();
  thread.emit = (event: string | symbol, ...values: unknown[]) => {
    const [message] = values as [{ readonly type?: string } | undefined];
    if (event !== "message" || message?.type !== "committed") return emit(event, ...values);
    unheard.resolve();
    return true;
  };
  store.append(exchange);
  await unheard.promise;
  store.append(exchange);
  await thread.terminate();
  while (store.health().pendingWrites > 0) await store.flush();
  assert.equal(threads.length, 2);
  assert.deepEqual(await store.eligibleCounts(), [{ route: "users", count: 2 }]);
  assert.deepEqual(await store.outcomeCounts(), [{ route: "users", outcome: "match", reason: null, count: 2 }]);
});

test("a store that is removed while in use says so", async (t) => {
  t.mock.timers.enable({ apis: ["setInterval"] });
  const { file, open } = place(t);
  const store = await open();
  await store.flush();
  renameSync(file, `${file}.moved`);
  while (store.health().problem === null) {
    t.mock.timers.tick(5_000);
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.match(store.health().problem ?? "", /was removed or replaced while in use.*restart Crossfade/);
});

test("a newer schema is refused, with both versions and the way out", async (t) => {
  const { file, open, edit } = place(t);
  await writeAndClose(await open());
  edit("PRAGMA user_version = 99; UPDATE reader SET oldest = 99");
  await assert.rejects(
    open(),
    refusal(
      "store-unavailable",
      file,
      new RegExp(`newer Crossfade: its schema is 99, this one knows ${MIGRATIONS.length};`),
    ),
  );
  assert.equal(existsSync(file), true);
});

test("a file that a newer version has brought forward is used as long as that version says that it can be", async (t) => {
  const { open, edit } = place(t);
  await writeAndClose(await open());
  edit(
    `ALTER TABLE gap ADD COLUMN later TEXT NOT NULL DEFAULT ''; PRAGMA user_version = ${MIGRATIONS.length + 1};
     UPDATE reader SET oldest = ${MIGRATIONS.length}`,
  );
  const store = await open();
  assert.equal(store.opened.previousEnd, "clean");
  await writeAndClose(store);
  // It is still the newer version's.
  edit("UPDATE reader SET oldest = 99");
  await assert.rejects(open(), new RegExp(`newer Crossfade: .* this one knows ${MIGRATIONS.length}`));
});

test("another program's database is refused and left as it was", async (t) => {
  const { file, folder, open, edit } = place(t);
  edit("CREATE TABLE songs (title TEXT); INSERT INTO songs VALUES ('x')");
  const before = readFileSync(file);
  await assert.rejects(open(), refusal("store-unavailable", file, /of another program/));
  assert.deepEqual(readFileSync(file), before);
  assert.deepEqual(readdirSync(folder), ["crossfade.db"]);
});

test("a place where no store can be is refused, with the path and the way out", async (t) => {
  const { folder, file, clock } = place(t);
  const at = (path: string) => openSqliteStore({ file: path, clock });
  await assert.rejects(
    at(join(folder, "no/such/x.db")),
    refusal("store-unavailable", join(folder, "no/such"), "mkdir -p"),
  );
  writeFileSync(file, "");
  await assert.rejects(at(join(file, "x.db")), refusal("store-unavailable", file));
  mkdirSync(join(folder, "folder.db"));
  await assert.rejects(at(join(folder, "folder.db")), refusal("store-unavailable", "folder.db", "not a regular file"));
  await assert.rejects(at(join(folder, "x.db ")), refusal("store-unavailable", "ends in a space"));
  // Nobody, root included, can create a file there.
  await assert.rejects(at("/proc/crossfade.db"), refusal("store-unavailable", "/proc/crossfade.db"));
});

test("runs that end uncleanly again and again within a minute leave one gap, later ones a gap each", async (t) => {
  const { open, edit, clock } = place(t);
  await writeAndClose(await open());
  for (let run = 0; run < 3; run++) {
    edit("UPDATE life SET clean = 0");
    clock.move(20_000);
    await (await open()).close();
  }
  edit("UPDATE life SET clean = 0");
  clock.move(3_600_000);
  const heartbeat = new Date(clock.now() - 3_600_000).toISOString();
  const store = await open();
  assert.deepEqual(
    (await store.gaps({ limit: 10 })).items.map(({ from, to }) => [from, to]),
    [[new Date(NOON).toISOString(), new Date(clock.now()).toISOString()]],
    `the last heartbeat was at ${heartbeat}, the end of the gap before`,
  );
  await store.close();

  clock.move(3_600_000);
  const later = await open();
  later.append(exchange);
  await later.flush();
  await later.close();
  edit("UPDATE life SET clean = 0");
  clock.move(1_000);
  const last = await open();
  assert.equal((await last.gaps({ limit: 10 })).items.length, 2);
});

test("a write without an outcome puts the gap's beginning back to when there was none", async (t) => {
  const { open, edit, clock } = place(t);
  const store = await open();
  store.append(exchange);
  await store.flush();
  clock.move(1_000);
  const balanced = new Date(NOON).toISOString();
  store.append([{ type: "eligible", route: "users" }]);
  await store.flush();
  clock.move(1_000);
  store.append(exchange);
  await store.flush();
  await store.close();
  edit("UPDATE life SET clean = 0");
  const reopened = await open();
  assert.deepEqual(
    (await reopened.gaps({ limit: 1 })).items.map(({ from }) => from),
    [balanced],
  );
  assert.deepEqual(
    (await reopened.outcomeCounts()).map(({ outcome, count }) => [outcome, count]),
    [
      ["match", 2],
      ["unknown", 1],
    ],
  );
});
