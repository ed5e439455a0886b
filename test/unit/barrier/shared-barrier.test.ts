/** The one that leads a move, by what the store tells it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createSharedBarrier } from "../../../proxy/barrier/shared-barrier.ts";
import type { KeptPhase } from "../../../proxy/moves/kept-phase.ts";
import type { Announced, TransitionAck, Transitions, TransitionView } from "../../../proxy/moves/transition.ts";
import { systemClock } from "../../../proxy/process/system-clock.ts";

const OLD: KeptPhase = {
  ...{ route: "users", phase: "dual-write", epoch: 1, file: "dual-write", by: "ops" },
  ...{ at: "2026-11-22T12:00:00.000Z", reason: null, behindSince: null },
};
const NEW: KeptPhase = { ...OLD, phase: "next-primary", epoch: 2, at: "2026-11-22T12:00:01.000Z" };
const MEMBERS = ["01LEADS", "01OTHER"];

type Acks = readonly [ofLeader: TransitionAck["state"], ofOther: TransitionAck["state"]];

/** `looks`: what members have said by each look; the last one for good. `prepares`: whether each prepare takes effect. */
function start({ looks, prepares }: { readonly looks: readonly Acks[]; readonly prepares: readonly boolean[] }) {
  const steps: string[] = [];
  const state = { ...{ word: "announced" as "announced" | "prepared" | "committed" | "aborted", now: 0, look: 0 } };
  let announced: Announced | null = null;
  const view = (acks: Acks): TransitionView => ({
    ...{ now: 0, phases: [state.word === "committed" ? NEW : OLD], registered: MEMBERS },
    ...{ isUncertain: false, isSettling: false },
    transition: {
      ...{ id: announced?.id ?? "", state: state.word, coordinator: "01LEADS", drains: true, members: MEMBERS },
      ...{ moves: announced?.moves ?? [], givenUp: [], until: 10_000 },
      why: state.word === "aborted" ? (steps.at(-1) ?? "") : null,
      acks: new Map(
        MEMBERS.map((member, n) => [member, { state: acks[n] as Acks[0], why: "copies are 90 ms behind", tunnels: 0 }]),
      ),
    },
  });
  const now = (): Acks => looks[Math.min(state.look, looks.length - 1)] as Acks;
  const next = (): TransitionView => {
    state.now += 20;
    const seen = view(now());
    state.look++;
    return seen;
  };
  let prepared = 0;
  const transitions: Pick<Transitions, "announce" | "look" | "prepare" | "commit" | "abort"> = {
    announce: async (of) => {
      announced = of;
      return view(["not-ready", "not-ready"]);
    },
    look: async () => next(),
    prepare: async () => {
      steps.push("prepare");
      if (prepares[prepared++] === true) state.word = "prepared";
      return view(now());
    },
    commit: async () => {
      steps.push("commit");
      state.word = "committed";
      return view(now());
    },
    abort: async (_, why) => {
      steps.push(why);
      state.word = "aborted";
      return view(now());
    },
  };
  const barrier = createSharedBarrier({
    transitions: transitions as Transitions,
    part: { took: async () => undefined, nextView: async () => next(), heldMs: () => 7, refused: 0, isHolding: false },
    phases: { rowOf: () => (state.word === "committed" ? NEW : OLD) },
    settings: () => "ours",
    nameOf: async (member) => member,
    clock: { ...systemClock, monotonic: () => state.now },
  });
  const moves = [{ row: NEW, instead: OLD }];
  const cross = () => barrier.cross({ routes: ["users"], moves, drains: true, stillFit: async () => null });
  return { cross, steps };
}

const READY: Acks = ["ready", "ready"];
const DRAINED: Acks = ["drained", "drained"];

test("a member that is not ready any more, once all were, is waited for again: nobody was held back", async () => {
  const { cross, steps } = start({
    looks: [READY, ["ready", "not-ready"], READY, DRAINED],
    prepares: [false, true],
  });
  const { end, why, pauseMs } = await cross();
  assert.deepEqual([end, why, pauseMs, steps], ["moved", null, 7, ["prepare", "prepare", "commit"]]);
});

test("one that is never ready when it counts is not waited for for ever: the move is refused, and says whose fault it is", async () => {
  const { cross, steps } = start({ looks: [READY, ["ready", "not-ready"]], prepares: [] });
  const { end, why, pauseMs } = await cross();
  const said = "member 01OTHER: copies are 90 ms behind";
  assert.deepEqual([end, why, pauseMs, steps], ["refused", said, null, ["prepare", said]]);
});

test("a move that cannot be prepared although all are ready has an end", async () => {
  const { cross, steps } = start({ looks: [READY], prepares: [] });
  const { end, why } = await cross();
  assert.deepEqual([end, why, steps.at(-1)], ["refused", "its members were not ready all at once", why]);
});
