import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { CrossfadeError } from "../../../proxy/errors.ts";
import { isStill, type KeptPhase, type PhaseMove } from "../../../proxy/moves/kept-phase.ts";
import { openPhaseBook, type PhasesCopy } from "../../../proxy/phase/phase-book.ts";
import type { StoreWrite } from "../../../proxy/ports.ts";
import type { Settings } from "../../../proxy/config/settings.ts";
import { settingsOf } from "../../support/config-file.ts";

function settings(t: TestContext, phase: string): Settings {
  const urls = 'services:\n  legacy: { url: "http://127.0.0.1:3000" }\n  next: { url: "http://127.0.0.1:4000" }\n';
  return settingsOf(t, `${urls}routes:\n  - { name: users, match: { path: "/users/**" }, phase: ${phase} }\n`).settings;
}

/** What a store keeps, and whether it can be reached. */
function kept() {
  const rows = new Map<string, KeptPhase>();
  const appended: StoreWrite[] = [];
  const state = { isAway: false, rows, appended };
  const away = (): CrossfadeError => new CrossfadeError("store-unavailable", "it is away", { source: "store" });
  const store = {
    phases: async () => {
      if (state.isAway) throw away();
      return [...rows.values()];
    },
    movePhases: async (moves: readonly PhaseMove[]) => {
      if (state.isAway) throw away();
      if (!moves.every(({ row, instead }) => isStill(rows.get(row.route), instead))) return "changed" as const;
      for (const { row } of moves) rows.set(row.route, row);
      return "done" as const;
    },
    append: (writes: readonly StoreWrite[]) => void appended.push(...writes),
  };
  return { ...state, state, store };
}

async function open(store: ReturnType<typeof kept>["store"], file: Settings, copy: PhasesCopy | null = null) {
  let now = 0;
  const said: string[] = [];
  const clock = { now: () => (now += 1_000), monotonic: () => now };
  const warn = (line: string): void => void said.push(line);
  const caught = (step: string): void => void said.push(`caught in ${step}`);
  return {
    said,
    book: await openPhaseBook({
      store,
      transitions: null,
      clock,
      settings: file,
      adopt: false,
      copy,
      warn,
      caught,
      lookAgain: assert.fail,
    }),
  };
}

const moved = (row: KeptPhase, phase: KeptPhase["phase"]): KeptPhase => ({ ...row, phase, at: `${row.at}, later` });

test("what files said while the store was away is kept before the next move, which is made from there", async (t) => {
  const { state, store } = kept();
  const { book, said } = await open(store, settings(t, "dual-write"));
  state.isAway = true;
  book.took(settings(t, "legacy-only"));
  book.took(settings(t, "backfilling"));
  await new Promise(setImmediate);
  assert.deepEqual(said, ["caught in phases", "caught in phases"]);
  assert.equal(state.rows.get("users")?.phase, "dual-write");
  const acting = book.rowOf("users") as KeptPhase;
  assert.equal(acting.phase, "backfilling");
  const back = [{ row: moved(acting, "dual-write"), instead: acting }];
  await assert.rejects(book.move(back), /it is away/);
  state.isAway = false;
  assert.equal(await book.move(back), "done");
  assert.equal(state.rows.get("users")?.phase, "dual-write");
});

test("what files said while the store was away is kept once it is back, without a move", async (t) => {
  const { state, store } = kept();
  const { book } = await open(store, settings(t, "dual-write"));
  state.isAway = true;
  book.took(settings(t, "legacy-only"));
  await new Promise(setImmediate);
  const since = book.rowOf("users")?.behindSince;
  state.isAway = false;
  book.keepAgain();
  await new Promise(setImmediate);
  const { phase, behindSince } = state.rows.get("users") ?? {};
  assert.deepEqual([phase, behindSince], ["legacy-only", since]);
  assert.equal(typeof since, "string");
});

test("a move that was decided on another phase than there is by now does not take effect", async (t) => {
  const { state, store } = kept();
  const { book } = await open(store, settings(t, "dual-write"));
  await new Promise(setImmediate);
  const before = book.rowOf("users") as KeptPhase;
  book.took(settings(t, "legacy-only"));
  assert.equal(await book.move([{ row: moved(before, "next-primary"), instead: before }]), "changed");
  assert.equal(state.rows.get("users")?.phase, "legacy-only");
});

test("what the store is found to have kept after all is in the copy beside it too", async (t) => {
  const { state, store } = kept();
  let beside: readonly KeptPhase[] = [];
  const copy = { file: "beside", read: () => beside, write: (rows: readonly KeptPhase[]) => void (beside = rows) };
  const { book } = await open(store, settings(t, "dual-write"), copy);
  await new Promise(setImmediate);
  const over = { ...(book.rowOf("users") as KeptPhase), phase: "next-primary", epoch: 2, at: "later" } as const;
  // It was committed, and nobody heard of it.
  state.rows.set("users", over);
  await book.reread();
  assert.deepEqual(beside, [over]);
  // A store that is lost takes it from there.
  const empty = kept();
  const { book: again, said } = await open(empty.store, settings(t, "dual-write"), copy);
  assert.equal(again.applied(settings(t, "dual-write")).routes[0]?.phase, "next-primary");
  assert.match(said.join(), /the store has lost the phases of users \(next-primary\); they are taken from beside/);
  assert.deepEqual(empty.state.rows.get("users"), over);
});

const gapsOf = (appended: readonly StoreWrite[]) =>
  appended.flatMap((write) => (write.type === "gap-opened" ? [[write.from, write.misses]] : []));

test("what was set last is never taken back by a store that has lost it, of the same epoch too: it is told again", async (t) => {
  const { state, store } = kept();
  const { book } = await open(store, settings(t, "dual-write"));
  await new Promise(setImmediate);
  const before = book.rowOf("users") as KeptPhase;
  const off = { ...before, phase: "legacy-only", changes: 2, at: "later", behindSince: "then", by: "ops" } as const;
  assert.deepEqual(book.follow([off]), { lost: [], changed: true });
  // A failover to a replica that was behind: writes since are not mirrored, and in no gap of a route that says it mirrors.
  assert.deepEqual(book.follow([before]), { lost: [off], changed: false });
  assert.equal(book.rowOf("users")?.phase, "legacy-only");
  // It mirrors again, by a move whose gap is lost with it.
  const on = { ...off, phase: "dual-write", changes: 3, at: "even later", behindSince: null } as const;
  assert.deepEqual(book.follow([on]), { lost: [], changed: true });
  assert.deepEqual(gapsOf(state.appended), [], "whoever moved it has told of that");
  for (let look = 0; look < 2; look++) assert.deepEqual(book.follow([off]).lost, [on]);
  assert.deepEqual(gapsOf(state.appended), [["then", "next"]]);
});

test("of two that were set in place of one the store's acts; what was not mirrored here meanwhile is a gap", async (t) => {
  const { state, store } = kept();
  const { book } = await open(store, settings(t, "dual-write"));
  await new Promise(setImmediate);
  const before = book.rowOf("users") as KeptPhase;
  const own = { ...before, phase: "legacy-only", changes: 2, at: "b", behindSince: "then", by: "ops" } as const;
  book.follow([own]);
  const theirs = { ...before, phase: "backfilling", changes: 2, at: "a", by: "ops" } as const;
  assert.deepEqual(book.follow([theirs]), { lost: [], changed: true });
  assert.deepEqual([book.rowOf("users"), gapsOf(state.appended)], [theirs, [["then", "next"]]]);
});

test("a file that has a route mirrored again tells what was missed, in each process that mirrored nothing", async (t) => {
  const { state, store } = kept();
  const { book } = await open(store, settings(t, "dual-write"));
  book.took(settings(t, "legacy-only"));
  const since = book.rowOf("users")?.behindSince;
  await new Promise(setImmediate);
  const { book: other } = await open(store, settings(t, "legacy-only"));
  book.took(settings(t, "dual-write"));
  await new Promise(setImmediate);
  assert.deepEqual(gapsOf(state.appended), [[since, "next"]]);
  other.follow([...state.rows.values()]);
  assert.deepEqual(gapsOf(state.appended), [
    [since, "next"],
    [since, "next"],
  ]);
  const ends = state.appended.filter(({ type }) => type === "gap-closed");
  assert.equal(ends.length, 2);
});

test("the copy beside the store says at each start what the store does, and which routes it could not be told of", async (t) => {
  const { state, store } = kept();
  const file = settings(t, "dual-write");
  const first = await open(store, file);
  await new Promise(setImmediate);
  const old = first.book.rowOf("users") as KeptPhase;
  // This member had left, and others moved on.
  const over = { ...old, phase: "next-primary", epoch: 2, changes: 2, at: "later", by: "ops" } as const;
  state.rows.set("users", over);
  let beside: readonly KeptPhase[] = [old];
  let isFull = true;
  const write = (rows: readonly KeptPhase[]): void => {
    if (isFull) throw new Error("ENOSPC");
    beside = rows;
  };
  const { book, said } = await open(store, file, { file: "beside", read: () => beside, write });
  assert.deepEqual([book.uncopied(), said, beside], [["users"], ["caught in phases"], [old]]);
  isFull = false;
  book.follow([over]);
  book.keepCopy();
  assert.deepEqual([book.uncopied(), beside], [[], [over]]);
});
