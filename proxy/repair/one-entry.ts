/** One entry, from the list and back: made ready, mended in its key's turn, and what came of it kept by revision. */
import { setTimeout as sleep } from "node:timers/promises";
import type { RepairEnd, RepairEvidence, RepairWork } from "../evidence/evidence.ts";
import { whyNoWrites } from "../config/own-writes.ts";
import type { Snapshot } from "../exchange.ts";
import { makeUlid } from "../identity.ts";
import type { QuietKey } from "../members/turns.ts";
import type { ChangeLog } from "../mirror/change-log.ts";
import type { Freezes } from "../mirror/freezes.ts";
import type { Taints } from "../mirror/taints.ts";
import type { OpenWrites } from "../phase/open-writes.ts";
import type { WriteHold } from "../phase/write-hold.ts";
import type { Store, Telemetry } from "../ports.ts";
import type { Redactor } from "../record/redaction.ts";
import type { RepairFinding, RepairResult } from "../repair-job.ts";
import type { Sealer } from "../sealed.ts";
import type { TouchWatches } from "../life/touch-watch.ts";
import { asItWas, endOf, impossibleEnd } from "./after.ts";
import { keepAfterAnswer, keepBeforeWriting } from "./before-writing.ts";
import { bothSides, type BothSidesParts, type Entity } from "./both-sides.ts";
import { prepareEntry, type ReadyEntry } from "./entry.ts";
import { mend, type Mended } from "./mend.ts";
import { showAttempt } from "./shown.ts";

export interface OneEntryParts extends BothSidesParts {
  readonly snapshot: () => Snapshot;
  readonly store: Pick<Store, "endRepair" | "repairWork">;
  readonly visit: <T>(key: string, patienceMs: number, work: (turn: QuietKey) => Promise<T>) => Promise<T | null>;
  readonly taints: Taints;
  /** For backfills beside it. */
  readonly changes: Pick<ChangeLog, "began" | "ended">;
  readonly freezes: Pick<Freezes, "held">;
  readonly touching: Pick<TouchWatches, "begin">;
  readonly hold: Pick<WriteHold, "holds">;
  readonly openWrites: Pick<OpenWrites, "enter" | "leave">;
  readonly sealer: Pick<Sealer, "open">;
  readonly redactor: Pick<Redactor, "redact">;
  readonly telemetry: BothSidesParts["telemetry"] & Pick<Telemetry, "repaired">;
}

/** dry-run: nothing is kept of it. verify: reads, and takes what is equal off the list. */
export type RepairMode = "repair" | "verify" | "dry-run";

/** For a key that is written all the time. */
const QUIET_PATIENCE_MS = 2_000;
/** Copies of the key wait meanwhile; half of what they may wait is left to them. */
const TURN_MAX_MS = 10_000;

/** `isLast`: nothing else of this run comes after it, so that nothing is waited for. */
export async function repairOne(
  parts: OneEntryParts,
  work: RepairWork,
  mode: RepairMode,
  isLast = false,
): Promise<RepairFinding> {
  // Which side is right must not change while it is carried over to the other.
  if (parts.hold.holds(work.route)) return finding(work, "busy", { why: "its source of truth is being changed" });
  const id = `repair ${work.id}`;
  parts.openWrites.enter(id, work.route);
  try {
    return await repairNow(parts, work, mode, isLast);
  } finally {
    parts.openWrites.leave(id);
  }
}

async function repairNow(
  parts: OneEntryParts,
  work: RepairWork,
  mode: RepairMode,
  isLast: boolean,
): Promise<RepairFinding> {
  const snapshot = parts.snapshot();
  const now = parts.clock.now();
  const begunAt = parts.clock.monotonic();
  const entry = prepareEntry(work, snapshot, parts.sealer);
  if (!entry.ready) {
    if (mode !== "dry-run") await keep(parts, work, impossibleEnd(work, entry.why, now));
    return finding(work, "impossible", { why: entry.why });
  }
  if (work.notBefore !== null && Date.parse(work.notBefore) > now) {
    const why = `a request of before may land until ${work.notBefore}`;
    return finding(work, "not-before", { why });
  }
  const forbidden = mode === "repair" ? whyNoWrites(entry.route, entry.shadow) : null;
  const mayWrite = mode === "repair" && forbidden === null;
  const announced: { until: number | null } = { until: null };
  const announce = async (landsUntil: number): Promise<boolean> => {
    const isKept = await keepBeforeWriting(parts.store, work, landsUntil);
    if (isKept) announced.until = landsUntil;
    return isKept;
  };
  const mended = await takeTurn(parts, entry, snapshot, mayWrite ? { work, announce } : null, {
    mayLearn: mode !== "dry-run",
    leavesOut: isLast,
  });
  if (mended === null) return finding(work, "busy", { why: "the key was written all the time" });
  const seen = "seen" in mended ? mended.seen : null;
  const shown = showAttempt(parts.redactor, snapshot, entry, seen, whyOf(mended, forbidden));
  const evidence: RepairEvidence = {
    at: new Date(now).toISOString(),
    path: shown.path,
    wrote: seen?.wrote ?? null,
    answered: seen?.answered ?? null,
    primary: seen?.primary ?? null,
    shadow: seen?.shadow ?? null,
    differences: shown.differences.map(({ at, kind }) => ({ at, kind })),
  };
  const kept = endOf(work, mended, {
    now: parts.clock.now(),
    maxWorkMs: entry.shadow.asShadow.maxWorkMs,
    attempts: entry.route.repair.attempts,
    lastError: shown.why ?? "",
    evidence,
  });
  // What was announced is answered: nothing of it lands any more, but what it may have made is there.
  const isOver = announced.until !== null && !(mended.end === "busy" && mended.made === true);
  const end = kept ?? (isOver ? asItWas(work) : null);
  const would = mended.end === "differs" ? mended.would : null;
  const told = { why: shown.why, would, differences: shown.differences };
  if (mode === "dry-run") return finding(work, resultOf(mended, end), told);
  if (end !== null && (await keep(parts, work, end)) === "changed") {
    const latest = parts.clock.now() + Math.max(entry.shadow.asShadow.maxWorkMs, entry.primary.asPrimary.maxWorkMs);
    if (isOver && announced.until !== null) await keepAfterAnswer(parts.store, work, announced.until, latest);
    return finding(work, "busy", { why: "the key was marked again meanwhile" });
  }
  if (mended.end === "equal") parts.taints.lift([entry.place.key], begunAt);
  const result = resultOf(mended, end);
  parts.telemetry.repaired(work.route, result, mended.end === "equal" ? now - Date.parse(work.since) : null);
  return finding(work, result, told);
}

interface Writes {
  /** The entry that is written for. */
  readonly work: RepairWork;
  /** What is written may land until then (epoch ms). false: it is not to be written. */
  readonly announce: (landsUntil: number) => Promise<boolean>;
}

/** `writes`: null: nothing may be written. */
function takeTurn(
  parts: OneEntryParts,
  entry: ReadyEntry,
  snapshot: Snapshot,
  writes: Writes | null,
  how: Pick<Entity, "mayLearn" | "leavesOut">,
): Promise<Mended | null> {
  const { route, primary, shadow, paths, place, values } = entry;
  const written = writes?.work ?? null;
  return parts.visit(place.key, QUIET_PATIENCE_MS, (turn) => asWrite(parts, entry, written, () => mendWatched(turn)));

  /** The turn keeps writes of the key away, and not those of other keys that change this one too. */
  async function mendWatched(turn: QuietKey): Promise<Mended> {
    const watch = await parts.touching.begin(place.key, changeOf(written));
    if (watch === null) return await mendNow(turn);
    try {
      return await mendNow({ crossed: async () => (await turn.crossed()) || (await watch.crossed()) });
    } finally {
      watch.end();
    }
  }

  function mendNow(turn: QuietKey): Promise<Mended> {
    const turnMs = Math.min(TURN_MAX_MS, shadow.asShadow.maxAgeMs / 2);
    const sides = bothSides(parts, {
      snapshot,
      route,
      primary,
      shadow,
      path: paths.path,
      host: place.host,
      id: makeUlid(parts.clock.now()),
      deadline: parts.clock.monotonic() + turnMs,
      values,
      ...how,
    });
    const { timeoutMs, maxWorkMs } = shadow.asShadow;
    const announce = async (): Promise<boolean> =>
      (await writes?.announce(parts.clock.now() + turnMs + timeoutMs + maxWorkMs)) ?? false;
    const makesIds = values !== null && values.own !== null;
    const order = { paths: { ...paths, makesIds }, rule: route.repair.write, mayWrite: writes !== null, announce };
    return mend(turn, sides, order, (ms) => sleep(ms));
  }
}

/** For a backfill of the same rows a repair is a write like any other, from before it reads. */
async function asWrite(
  parts: OneEntryParts,
  { route, place, shadow }: ReadyEntry,
  work: RepairWork | null,
  repair: () => Promise<Mended>,
): Promise<Mended> {
  if (work === null) return await repair();
  const id = changeOf(work);
  const reach = { keys: [place.key], lateOf: [], anyOf: route.touches.map(({ entity }) => entity) };
  parts.changes.began(id, route.name, reach);
  let landsUntil: number | null = null;
  try {
    await parts.freezes.held(reach);
    const mended = await repair();
    if (mended.end === "failed" && mended.kind === "late") landsUntil = parts.clock.now() + shadow.asShadow.maxWorkMs;
    return mended;
  } finally {
    parts.changes.ended(id, landsUntil);
  }
}

/** What it is called in the log of changes. */
function changeOf(work: RepairWork | null): string {
  return `repair ${work?.id}`;
}

function keep(parts: OneEntryParts, work: RepairWork, end: RepairEnd): Promise<"done" | "changed"> {
  return parts.store.endRepair(work, end);
}

function whyOf(mended: Mended, forbidden: string | null): string | null {
  switch (mended.end) {
    case "equal":
      return null;
    case "busy":
      return "a write of the key came in between";
    case "failed":
    case "waits":
      return mended.why;
    case "differs":
      return mended.would === null ? mended.why : (forbidden ?? "the two sides differ");
    default: {
      const never: never = mended;
      throw new TypeError(`no such end: ${JSON.stringify(never)}`);
    }
  }
}

function resultOf(mended: Mended, end: RepairEnd | null): RepairResult {
  switch (mended.end) {
    case "equal":
      return mended.wrote === null ? "equal" : RESULT_OF_WRITE[mended.wrote];
    case "failed":
      return end?.kind === "failed" && end.state === "parked" ? "parked" : "failed";
    case "busy":
    case "differs":
      return mended.end;
    case "waits":
      return "busy";
    default: {
      const never: never = mended;
      throw new TypeError(`no such end: ${JSON.stringify(never)}`);
    }
  }
}

const RESULT_OF_WRITE = { PUT: "put", POST: "posted", DELETE: "deleted" } as const;

function finding(
  { route, key }: RepairWork,
  result: RepairResult,
  told: Partial<Pick<RepairFinding, "why" | "would" | "differences">>,
): RepairFinding {
  return { route, key, result, would: told.would ?? null, why: told.why ?? null, differences: told.differences ?? [] };
}
