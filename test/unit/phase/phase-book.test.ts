import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { CrossfadeError } from "../../../proxy/errors.ts";
import { isStill, type KeptPhase, type PhaseMove } from "../../../proxy/kept-phase.ts";
import { openPhaseBook, type PhasesCopy } from "../../../proxy/phase/phase-book.ts";
import type { Settings } from "../../../proxy/config/settings.ts";
import { settingsOf } from "../../support/config-file.ts";

function settings(t: TestContext, phase: string): Settings {
  const urls = 'services:\n  legacy: { url: "http://127.0.0.1:3000" }\n  next: { url: "http://127.0.0.1:4000" }\n';
  return settingsOf(t, `${urls}routes:\n  - { name: users, match: { path: "/users/**" }, phase: ${phase} }\n`).settings;
}

/** What a store keeps, and whether it can be reached. */
function kept() {
  const rows = new Map<string, KeptPhase>();
  const state = { isAway: false, rows };
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
  const over = { ...(book.rowOf("users") as KeptPhase), phase: "next-primary", epoch: 2 } as const;
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
