/** One member's part in transitions, by what it reads: which word it gives, and when it lets go. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createMemberPart } from "../../../proxy/barrier/member-part.ts";
import { OwnStanding } from "../../../proxy/barrier/standing.ts";
import { CrossfadeError } from "../../../proxy/errors.ts";
import type { KeptPhase } from "../../../proxy/moves/kept-phase.ts";
import type { Standing } from "../../../proxy/members/standing.ts";
import type { Transition, Transitions, TransitionView } from "../../../proxy/moves/transition.ts";

const SELF = "01SELF";
const OLD: KeptPhase = {
  ...{ route: "users", phase: "dual-write", epoch: 1, file: "dual-write", by: "ops" },
  ...{ at: "2026-11-22T12:00:00.000Z", reason: null, behindSince: null },
};
const NEW: KeptPhase = { ...OLD, phase: "next-primary", epoch: 2, at: "2026-11-22T12:00:01.000Z" };

const transition = (more: Partial<Transition> = {}): Transition => ({
  ...{ id: "01A", state: "prepared", coordinator: "01OTHER", drains: true, members: [SELF, "01OTHER"], until: 10_000 },
  ...{ moves: [{ row: NEW, instead: OLD }], givenUp: [], why: null, acks: new Map(), ...more },
});
const viewOf = (of: Transition | null, more: Partial<TransitionView> = {}): TransitionView => ({
  ...{ now: 0, phases: [OLD], transition: of, registered: [SELF, "01OTHER"], isUncertain: false, isSettling: false },
  ...more,
});

function start() {
  const said: string[] = [];
  const state = {
    ...{ rows: [OLD] as readonly KeptPhase[], now: 0, view: viewOf(null), isAway: false, drains: true },
    held: false,
    looks: 0,
    notClose: (_waitedMs: number): string | null => null,
    disk: [] as string[],
    lookAgainMs: 3,
    uncopied: [] as readonly string[],
    standing: null as Standing | null,
  };
  const step =
    (word: string) =>
    async (...args: readonly unknown[]): Promise<TransitionView> => {
      if (state.isAway) throw new CrossfadeError("store-unavailable", "it is away", { source: "store" });
      if (word === "look") state.looks++;
      else said.push([word, ...args.filter((arg) => typeof arg === "string").slice(0, 1)].join(" "));
      return state.view;
    };
  const transitions: Transitions = {
    get lookAgainMs() {
      return state.lookAgainMs;
    },
    ...{ look: step("look"), announce: step("announce"), prepare: step("prepare"), commit: step("commit") },
    ...{ abort: step("abort"), deny: step("deny"), witness: step("witness"), tellAgain: step("tellAgain") },
    acknowledge: async (_, { state: word }) => step(`ack:${word}`)(),
  };
  const part = createMemberPart({
    transitions,
    id: SELF,
    own: {
      hold: () => void (state.held = true),
      drained: () => (state.drains ? Promise.resolve(null) : new Promise(() => undefined)),
      release: () => void (state.held = false),
      held: 0,
      refused: 0,
    },
    phases: {
      follow: (rows) => {
        const lost = state.rows.filter(({ epoch }) => (rows[0]?.epoch ?? 0) < epoch);
        const changed = (rows[0]?.epoch ?? 0) > (state.rows[0]?.epoch ?? 0);
        if (changed) state.rows = rows;
        return { lost, changed };
      },
      rowOf: () => state.rows[0],
      keepAgain: () => undefined,
      keepCopy: () => state.disk.push(state.held ? "held" : "let go"),
      uncopied: () => state.uncopied,
    },
    settings: () => "ours",
    moved: () => undefined,
    notClose: (_, waitedMs) => state.notClose(waitedMs),
    tunnels: () => 0,
    standing: new OwnStanding({ read: () => state.standing, write: (next) => void (state.standing = next) }),
    monotonic: () => state.now,
    caught: (_, error) => assert.fail(String(error)),
  });
  const took = async (view: TransitionView): Promise<string> => {
    said.length = 0;
    await part.took(view);
    // The word of having drained comes by itself.
    await new Promise(setImmediate);
    return said.join(", ");
  };
  return { part, state, took, told: () => [...said] };
}

const announced = transition({ state: "announced" });
const uncertain = { isUncertain: true } as const;

test("one that has not agreed knows that there was no commit, and says so of what the store may have lost", async () => {
  const { took, state } = start();
  assert.equal(await took(viewOf(announced)), "ack:ready");
  assert.equal(await took(viewOf(announced, uncertain)), "deny 01A");
  assert.equal(await took(viewOf(transition(), uncertain)), "deny 01A");
  assert.equal(state.held, false);
});

test("one whose writes have not ended yet has not agreed either, and lets go where the store has no word of it", async () => {
  const { took, state } = start();
  state.drains = false;
  await took(viewOf(announced));
  assert.equal(await took(viewOf(transition())), "");
  assert.equal(state.held, true);
  assert.equal(await took(viewOf(announced, uncertain)), "deny 01A");
  assert.equal(state.held, true);
  assert.equal(await took(viewOf(null)), "");
  assert.equal(state.held, false);
});

test("one that has agreed and read no end only bears witness, in whichever state the store has it, and holds on", async () => {
  const { took, state } = start();
  await took(viewOf(announced));
  assert.equal(await took(viewOf(transition())), "ack:drained");
  for (const view of [viewOf(announced, uncertain), viewOf(transition(), uncertain), viewOf(null)]) {
    assert.equal(await took(view), "witness");
    assert.equal(state.held, true);
  }
  await took(viewOf(transition({ state: "aborted" })));
  assert.equal(state.held, false);
});

test("one that has read that it was aborted says so when the store has lost that, and holds nothing back for it again", async () => {
  const { took, state } = start();
  await took(viewOf(announced));
  await took(viewOf(transition()));
  await took(viewOf(transition({ state: "aborted" })));
  assert.equal(await took(viewOf(transition(), uncertain)), "deny 01A");
  assert.equal(state.held, false);
});

test("one that slept over an abort lets go once it finds the next move, and takes part in that", async () => {
  const { took, state } = start();
  await took(viewOf(announced));
  assert.equal(await took(viewOf(transition())), "ack:drained");
  const next = transition({ id: "01B", state: "announced", givenUp: ["01A"] });
  assert.equal(await took(viewOf(next)), "ack:ready");
  assert.equal(state.held, false);
  assert.equal(await took(viewOf({ ...next, state: "prepared" })), "ack:drained");
  assert.equal(state.held, true);
});

test("one that has read the commit tells it again, whatever state the store is back in", async () => {
  const { took, state } = start();
  await took(viewOf(announced));
  await took(viewOf(transition()));
  await took(viewOf(transition({ state: "committed" }), { phases: [NEW] }));
  assert.equal(state.held, false);
  for (const view of [viewOf(announced, uncertain), viewOf(transition(), uncertain), viewOf(null)])
    assert.equal(await took(view), "tellAgain");
  assert.equal(state.held, false);
});

test("writes that were held are let go before the disk is asked, and it has taken the new phase in that same turn", async () => {
  const { part, state } = start();
  await part.took(viewOf(announced));
  await part.took(viewOf(transition()));
  state.disk = [];
  const taken = part.took(viewOf(transition({ state: "committed" }), { phases: [NEW] }));
  assert.deepEqual(state.disk, ["let go"]);
  await taken;
});

test("a pause is as long as writes were held back here, of the move that is asked about", async () => {
  const { part, state, took } = start();
  await took(viewOf(announced));
  state.now = 100;
  await took(viewOf(transition()));
  state.now = 130;
  assert.equal(part.heldMs("01A"), 30);
  state.now = 140;
  await took(viewOf(transition({ state: "committed" }), { phases: [NEW] }));
  state.now = 500;
  assert.deepEqual([part.heldMs("01A"), part.heldMs("01B")], [40, 0]);
});

test("while a move is under way a step that is told is looked at at once, and whoever leads has that look", async () => {
  const { part, state } = start();
  state.lookAgainMs = 60_000;
  state.view = viewOf(transition());
  assert.equal((await part.nextView()).transition?.state, "prepared");
  assert.equal(state.held, true);
  const next = part.nextView();
  await new Promise(setImmediate);
  assert.equal(state.looks, 1, "nothing was told, and it is not time to look again");
  state.view = viewOf(transition({ state: "committed" }), { phases: [NEW] });
  part.wake();
  assert.equal((await next).transition?.state, "committed");
  assert.deepEqual([state.held, state.looks], [false, 2]);
  await new Promise(setImmediate);
  state.isAway = true;
  await assert.rejects(part.nextView(), /it is away/);
});

test("who leads is not left without a look by a process that ends meanwhile", async () => {
  const { part, state } = start();
  state.lookAgainMs = 60_000;
  state.view = viewOf(transition());
  await part.nextView();
  const next = part.nextView();
  part.stop();
  assert.equal((await next).transition?.state, "prepared");
});

test("one that starts while an end may be lost holds back until it is known, and has a say only where it takes part", async () => {
  const taking = start();
  assert.equal(await taking.took(viewOf(transition(), uncertain)), "witness");
  assert.equal(taking.state.held, true);
  const joins = start();
  assert.equal(await joins.took(viewOf(transition({ members: ["01OTHER"] }), uncertain)), "");
  assert.equal(joins.state.held, true);
  await joins.took(viewOf(transition({ state: "committed", members: ["01OTHER"] }), { phases: [NEW] }));
  assert.deepEqual([joins.state.held, joins.state.rows], [false, [NEW]]);
});

test("a store whose clock is set back keeps nobody waiting for one that nobody leads", async () => {
  const { took, state } = start();
  await took(viewOf(announced, { now: 9_000 }));
  await took(viewOf(transition(), { now: 9_000 }));
  state.now = 1_900;
  assert.equal(await took(viewOf(transition(), { now: -3_600_000 })), "");
  state.now = 2_000;
  assert.equal(await took(viewOf(transition(), { now: -3_599_900 })), "abort 01A");
  // One that was begun under such a clock has an end too.
  const later = start();
  await later.took(viewOf(announced, { now: -3_600_000 }));
  later.state.now = 16_000;
  assert.equal(await later.took(viewOf(announced, { now: -3_584_000 })), "abort 01A");
});

test("it serves nobody before it is registered, and before all others may have been heard again", async () => {
  const { part, state } = start();
  state.view = viewOf(null, { registered: ["01OTHER"] });
  let isDone = false;
  const caughtUp = part.catchUp().then(() => (isDone = true));
  await new Promise((resolve) => setTimeout(resolve, 60));
  assert.equal(isDone, false);
  state.view = viewOf(null, { isSettling: true });
  await new Promise((resolve) => setTimeout(resolve, 60));
  assert.equal(isDone, false);
  state.view = viewOf(null, { phases: [NEW] });
  await caughtUp;
  assert.deepEqual(state.rows, [NEW]);
});

test("one that leaves has told what it alone may know; where it cannot it stays", async () => {
  const { part, state, took, told } = start();
  await took(viewOf(transition({ state: "committed" }), { phases: [NEW] }));
  assert.deepEqual(told(), []);
  part.stop();
  assert.equal(await part.mayLeave(), true);
  assert.deepEqual(told(), ["tellAgain"]);
  state.isAway = true;
  assert.equal(await part.mayLeave(), false);
});

test("what its next process may go by is on disk before it agrees, until it has read the end, and no longer than it is registered", async () => {
  const { part, state, took } = start();
  await part.catchUp();
  assert.deepEqual(state.standing, { isRegistered: true, inDoubt: [] });
  await took(viewOf(announced));
  assert.deepEqual(state.standing, { isRegistered: true, inDoubt: ["users"] });
  await took(viewOf(transition()));
  await took(viewOf(transition(), uncertain));
  assert.deepEqual(state.standing.inDoubt, ["users"]);
  await took(viewOf(transition({ state: "committed" }), { phases: [NEW] }));
  assert.deepEqual(state.standing, { isRegistered: true, inDoubt: [] });
  state.view = viewOf(null, { phases: [NEW] });
  await part.mayLeave();
  assert.deepEqual(state.standing, { isRegistered: false, inDoubt: [] });
});

test("a route whose row could not be copied stays in doubt: its next process must not go by an older one", async () => {
  const { part, state, took } = start();
  state.uncopied = ["users"];
  await part.catchUp();
  assert.deepEqual(state.standing, { isRegistered: true, inDoubt: ["users"] });
  await took(viewOf(announced));
  await took(viewOf(transition()));
  await took(viewOf(transition({ state: "committed" }), { phases: [NEW] }));
  assert.deepEqual(state.standing, { isRegistered: true, inDoubt: ["users"] });
  state.uncopied = [];
  await took(viewOf(null, { phases: [NEW] }));
  assert.deepEqual(state.standing, { isRegistered: true, inDoubt: [] });
});

test("the longer a move is announced the less close copies have to be, and who was ready may say that he is not any more", async () => {
  const { took, state } = start();
  const waited: number[] = [];
  state.now = 500;
  state.notClose = (waitedMs) => {
    waited.push(waitedMs);
    return "copies are 30 ms behind";
  };
  assert.equal(await took(viewOf(announced)), "ack:not-ready");
  // Told once, and why it still is from time to time.
  state.now = 540;
  assert.equal(await took(viewOf(announced)), "");
  state.now = 1_500;
  assert.equal(await took(viewOf(announced)), "ack:not-ready");
  state.notClose = () => null;
  assert.equal(await took(viewOf(announced)), "ack:ready");
  state.notClose = () => "copies are 40 ms behind";
  assert.equal(await took(viewOf(announced)), "ack:not-ready");
  assert.deepEqual(waited, [0, 40, 1_000]);
  // Another one waits anew.
  state.now = 9_000;
  state.notClose = (waitedMs) => (waitedMs === 0 ? null : `${waitedMs} ms`);
  assert.equal(await took(viewOf({ ...announced, id: "01B" })), "ack:ready");
});

test("one whose file has other services and routes than the leader's is not ready: it was changed since they were compared", async () => {
  const { took } = start();
  assert.equal(await took(viewOf({ ...announced, settings: "theirs" })), "ack:not-ready");
  assert.equal(await took(viewOf({ ...announced, settings: "ours" })), "ack:ready");
});
