/**
 * Counts, repairs and gaps that are not durable yet, folded together so that they stay small however long the store is
 * away: counts by what they count, repairs by key, places by their address, evidence of the gate by route, overrides by what
 * they set, and of the audit as much as a store keeps. Gaps do not come with traffic, so they stay a list.
 */
import { AUDIT_KEPT } from "../../proxy/evidence/audit.ts";
import { bothMissing, type Missing, type OutcomeCount } from "../../proxy/evidence/evidence.ts";
import type { KeptGateEvidence } from "../../proxy/moves/gate-evidence.ts";
import { addLeaning, type Leaning, leaningName, repairLeaning } from "../../proxy/moves/leanings.ts";
import type { KeptPlace } from "../../proxy/evidence/places.ts";
import type { StoreWrite } from "../../proxy/ports.ts";
import type { RowJobEnd } from "../../proxy/rows/row-jobs.ts";
import { laterOf } from "./later-of.ts";
import { newerPlace } from "./newer-place.ts";
import { placeKey } from "./place-key.ts";
import { type ControlRow, type EssentialRows, type GapRow, type RepairRow, rowJobName } from "./rows.ts";

/** Keys of repairs held in memory; past it a further key puts its whole collection on the list instead. */
const MAX_REPAIRS = 50_000;

interface CountedOutcome {
  readonly row: Omit<OutcomeCount, "count">;
  count: number;
}

interface Totals {
  eligible: number;
  comparedReads: number;
}

export class Essentials {
  readonly #outcomes = new Map<string, Map<string, CountedOutcome>>();
  readonly #totals = new Map<string, Totals>();
  readonly #repairs = new Map<string, RepairRow>();
  readonly #gaps: GapRow[] = [];
  #journalMark: number | null = null;
  readonly #settings = new Map<string, ControlRow>();
  readonly #audit: ControlRow[] = [];
  readonly #places = new Map<string, KeptPlace>();
  readonly #gateEvidence = new Map<string, KeptGateEvidence>();
  readonly #shadows = new Map<string, Missing>();
  readonly #leanings = new Map<string, Leaning>();
  readonly #rowJobs = new Map<string, RowJobEnd>();
  #writes = 0;
  #counts = 0;

  /** How many writes were folded in. */
  get writes(): number {
    return this.#writes;
  }

  get hasCountsOnly(): boolean {
    return this.#counts === this.#writes;
  }

  add(write: Exclude<StoreWrite, { type: "divergence" | "pair" }>): void {
    this.#writes += 1;
    switch (write.type) {
      case "count":
        this.#counts += 1;
        this.#addOutcome(write, 1);
        return;
      case "eligible":
        this.#counts += 1;
        this.#totalsOf(write.route).eligible += 1;
        return;
      case "compared-read":
        this.#counts += 1;
        this.#totalsOf(write.route).comparedReads += 1;
        return;
      case "repair": {
        const { type: _, at, misses = null, times = 1, ...mark } = write;
        this.#addRepair({ ...mark, misses, since: at, times });
        this.#addLeaning(repairLeaning(write));
        return;
      }
      case "gap-opened":
        this.#gaps.push(openedGap(write));
        return;
      case "gap-closed":
        this.#gaps.push({ change: "closed", id: write.id, to: write.to });
        return;
      case "gap-withdrawn":
        this.#gaps.push({ change: "withdrawn", id: write.id });
        return;
      case "journal-mark":
        // It stands for what came before it, and is nothing that could be lost.
        this.#writes -= 1;
        this.#journalMark = write.position;
        return;
      case "pin":
      case "unpin":
      case "audit":
        this.#addControl(write);
        return;
      case "places":
        for (const place of write.places) this.#places.set(placeKey(place), place);
        return;
      case "gate-evidence":
        for (const row of write.rows) this.#gateEvidence.set(row.route, row);
        return;
      case "shadow":
        this.#shadows.set(write.route, write.service);
        return;
      case "leaned":
        this.#addLeaning(write.leaning);
        return;
      case "row-job":
        this.#rowJobs.set(rowJobName(write.end), write.end);
        return;
      default: {
        const never: never = write;
        throw new TypeError(`no such write: ${JSON.stringify(never)}`);
      }
    }
  }

  /** Adds what came after this. */
  absorb(later: Essentials): void {
    this.#writes += later.#writes;
    this.#counts += later.#counts;
    for (const byOutcome of later.#outcomes.values()) {
      for (const { row, count } of byOutcome.values()) this.#addOutcome(row, count);
    }
    for (const [route, more] of later.#totals) {
      const totals = this.#totalsOf(route);
      totals.eligible += more.eligible;
      totals.comparedReads += more.comparedReads;
    }
    for (const repair of later.#repairs.values()) this.#addRepair(repair);
    this.#gaps.push(...later.#gaps);
    this.#journalMark = later.#journalMark ?? this.#journalMark;
    for (const control of later.#controls()) this.#addControl(control);
    for (const [key, place] of later.#places) this.#places.set(key, place);
    for (const [route, row] of later.#gateEvidence) this.#gateEvidence.set(route, row);
    for (const [route, service] of later.#shadows) this.#shadows.set(route, service);
    for (const leaning of later.#leanings.values()) this.#addLeaning(leaning);
    for (const [name, end] of later.#rowJobs) this.#rowJobs.set(name, end);
  }

  rows(): EssentialRows {
    return {
      outcomes: [...this.#outcomes.values()].flatMap((byOutcome) =>
        [...byOutcome.values()].map(({ row, count }) => ({ ...row, count })),
      ),
      totals: [...this.#totals].map(([route, totals]) => ({ route, ...totals })),
      repairs: [...this.#repairs.values()],
      gaps: this.#gaps,
      journalMark: this.#journalMark,
      controls: this.#controls(),
      places: [...this.#places.values()],
      gateEvidence: [...this.#gateEvidence.values()],
      shadows: [...this.#shadows].map(([route, service]) => ({ route, service })),
      leanings: [...this.#leanings.values()],
      rowJobs: [...this.#rowJobs.values()],
    };
  }

  #controls(): readonly ControlRow[] {
    return [...this.#settings.values(), ...this.#audit];
  }

  #addControl(control: ControlRow): void {
    if (control.type === "audit") {
      this.#audit.push(control);
      if (this.#audit.length > AUDIT_KEPT) this.#audit.shift();
      return;
    }
    const { route, setting } = control.type === "pin" ? control.override : control;
    this.#settings.set(JSON.stringify([route, setting]), control);
  }

  #addLeaning(leaning: Leaning): void {
    const name = leaningName(leaning);
    this.#leanings.set(name, addLeaning(this.#leanings.get(name), leaning));
  }

  #addOutcome({ route, outcome, reason }: Omit<OutcomeCount, "count">, count: number): void {
    let byOutcome = this.#outcomes.get(route);
    if (byOutcome === undefined) this.#outcomes.set(route, (byOutcome = new Map<string, CountedOutcome>()));
    const name = reason === null ? outcome : `${outcome}(${reason})`;
    const known = byOutcome.get(name);
    if (known === undefined) byOutcome.set(name, { row: { route, outcome, reason }, count });
    else known.count += count;
  }

  #totalsOf(route: string): Totals {
    let totals = this.#totals.get(route);
    if (totals === undefined) this.#totals.set(route, (totals = { eligible: 0, comparedReads: 0 }));
    return totals;
  }

  #addRepair(repair: RepairRow): void {
    const name = JSON.stringify([repair.route, repair.key]);
    const known = this.#repairs.get(name);
    if (known === undefined && repair.key !== null && this.#repairs.size >= MAX_REPAIRS) {
      this.#addRepair({ ...repair, key: null, place: null });
      return;
    }
    this.#repairs.set(name, known === undefined ? repair : markedAgain(known, repair));
  }
}

function openedGap({
  id,
  route,
  from,
  why,
  misses = null,
}: Extract<StoreWrite, { type: "gap-opened" }>): Extract<GapRow, { change: "opened" }> {
  return { change: "opened", id, route, from, why, misses };
}

function markedAgain(known: RepairRow, later: RepairRow): RepairRow {
  return {
    ...later,
    since: known.since,
    times: known.times + later.times,
    notBefore: laterOf(known.notBefore, later.notBefore),
    misses: bothMissing(known.misses, later.misses),
    place: newerPlace(known.place, later.place),
  };
}
