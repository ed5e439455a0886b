import assert from "node:assert/strict";
import { test } from "node:test";
import { actingPhase, behindAfter, type KeptPhase, rowForFile } from "../../../proxy/moves/kept-phase.ts";
import { PHASES, type Phase, type RouteSettings } from "../../../proxy/config/settings.ts";
import { crossesBarrier, type LegalMove, step, STEPS } from "../../../proxy/moves/phase-steps.ts";
import { PHASE_ROLES } from "../../../proxy/moves/phases.ts";

/** As docs/cutover.md has it. */
const TABLE: Readonly<Record<Phase, readonly [advance: Phase | null, rollback: Phase | null]>> = {
  "legacy-only": ["dual-write", null],
  "dual-write": ["next-primary", "legacy-only"],
  backfilling: ["next-primary", "dual-write"],
  "next-primary": ["next-only", "dual-write"],
  "next-only": [null, "next-primary"],
};

test("every phase and step: where it leads, or why it is none and what is", () => {
  for (const from of PHASES) {
    for (const [n, wanted] of STEPS.entries()) {
      const stepped = step(from, wanted);
      const to = TABLE[from][n] ?? null;
      assert.equal(stepped.legal ? stepped.to : null, to, `${from} ${wanted}`);
      if (!stepped.legal) assert.match(stepped.why, new RegExp(`^${from} is the (first|last) phase.*leads to`));
    }
  }
});

test("a move takes at most one of primary and mirroring away, and the barrier is where the primary changes", () => {
  for (const from of PHASES) {
    for (const wanted of STEPS) {
      const stepped = step(from, wanted);
      if (!stepped.legal) continue;
      const crosses = PHASE_ROLES[from].primary !== PHASE_ROLES[stepped.to].primary;
      assert.equal(crossesBarrier(from, stepped.to), crosses);
      // Over the barrier both sides are written to before and after: else there is no way back without loss.
      if (crosses) assert.ok(PHASE_ROLES[from].shadow !== null && PHASE_ROLES[stepped.to].shadow !== null);
    }
  }
});

test("a move that is none does not type-check", () => {
  const legal: LegalMove = { from: "dual-write", step: "advance", to: "next-primary" };
  // @ts-expect-error: from legacy-only nothing leads over the barrier
  const illegal: LegalMove = { from: "legacy-only", step: "advance", to: "next-primary" };
  // @ts-expect-error: next-only is the last phase
  const beyond: LegalMove = { from: "next-only", step: "advance", to: "next-only" };
  assert.ok(legal.to !== illegal.from && beyond.from === "next-only");
});

const AT = "2026-11-27T00:00:00.000Z";
const LATER = "2026-11-28T00:00:00.000Z";

function kept(phase: Phase, file: Phase, more: Partial<KeptPhase> = {}): KeptPhase {
  return { route: "users", phase, file, epoch: 1, by: "ops", at: AT, reason: null, behindSince: null, ...more };
}

test("what is kept and what the file says, in every combination: the file's new value acts, but never over the barrier", () => {
  for (const acting of PHASES) {
    for (const said of PHASES) {
      for (const now of PHASES) {
        const phase = actingPhase({ phase: now }, kept(acting, said));
        const wanted = now === said || crossesBarrier(acting, now) ? acting : now;
        assert.equal(phase, wanted, `${acting} set while the file said ${said}, which says ${now}`);
        assert.ok(!crossesBarrier(acting, phase));
        const row = rowForFile({ name: "users", phase: now } as RouteSettings, kept(acting, said), LATER);
        // What is kept next leads to the same phase at the next start.
        assert.equal(actingPhase({ phase: now }, row ?? kept(acting, said)), phase);
      }
    }
    assert.equal(actingPhase({ phase: acting }, undefined), acting);
  }
});

test("since when the other side is behind: from the move that ended mirroring, until one begins it", () => {
  assert.equal(behindAfter(kept("dual-write", "dual-write"), "legacy-only", LATER), LATER);
  assert.equal(behindAfter(kept("next-primary", "dual-write"), "next-only", LATER), LATER);
  assert.equal(behindAfter(kept("legacy-only", "dual-write", { behindSince: AT }), "legacy-only", LATER), AT);
  // It was never mirrored: what is missing there is a backfill's to bring.
  assert.equal(behindAfter(kept("legacy-only", "legacy-only"), "legacy-only", LATER), null);
  assert.equal(behindAfter(kept("legacy-only", "dual-write", { behindSince: AT }), "dual-write", LATER), null);
});
