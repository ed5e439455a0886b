/** Counts records in their groups, and moves the groups' states with what is seen. Called inside a commit's transaction. */
import type { Database } from "better-sqlite3";
import type { GroupDecision, GroupEvent, GroupRecord, GroupState } from "../../../proxy/evidence/evidence.ts";
import { stateNow, stateWhenSeen } from "../../../proxy/evidence/group-states.ts";
import { isFailure } from "../../../proxy/evidence/groups.ts";
import { hourOf, TREND_HOURS } from "../../../proxy/evidence/trend.ts";
import { COMPARED_OF_ROUTE } from "./group-queries.ts";
import type { EvidenceRow } from "../rows.ts";

/** A row that counts in its group. */
export type GroupedRow = EvidenceRow & { readonly group: string; readonly signature: string };

export interface Groups {
  /** Whether the group is a new one. */
  add(row: GroupedRow): boolean;
  /** Counts a record that follows from one of the group's. */
  taint(group: string): void;
  /** Writes what was only noted until now; returns what is new about groups, in order. */
  finish(): readonly GroupEvent[];
  /** After a rollback. */
  forget(): void;
}

interface Standing {
  readonly state: GroupState;
  readonly decision: string | null;
  readonly count: number;
  readonly comparedAtFirst: number;
  readonly comparedAtLast: number;
}

/** What one transaction has seen of a group: a flood is of few groups, and each is read and written once. */
interface Seen {
  readonly decision: GroupDecision | null;
  state: GroupState;
  /** In all, and in this transaction. */
  count: number;
  added: number;
  readonly comparedAtFirst: number;
  comparedAtLast: number;
  firstMs: number;
  lastMs: number;
  lastBuild: string | null;
  readonly hours: Map<number, number>;
}

export function prepareGroups(db: Database): Groups {
  const standing = db.prepare<[string], Standing>(
    `SELECT state, decision, count, compared_first AS comparedAtFirst, compared_last AS comparedAtLast
     FROM divergence_group WHERE id = ?`,
  );
  const update = db.prepare(
    `UPDATE divergence_group SET count = count + @added, first_ms = min(first_ms, @firstMs), last_ms = max(last_ms, @lastMs),
       last_build = ifnull(@lastBuild, last_build), compared_last = @comparedAtLast, state = @state
     WHERE id = @group`,
  );
  const insert = db.prepare(
    `INSERT INTO divergence_group
       (id, route, method, signature, failure, count, tainted, first_ms, last_ms, first_build, last_build, compared_first, compared_last, state)
     VALUES (@group, @route, @method, @signature, @failure, 0, 0, @at, @at, @build, @build, @compared, @compared, 'new')`,
  );
  const taint = db.prepare("UPDATE divergence_group SET tainted = tainted + 1 WHERE id = ?");
  const countHour = db.prepare(
    `INSERT INTO group_hour (group_id, hour, count) VALUES (?, ?, ?)
     ON CONFLICT (group_id, hour) DO UPDATE SET count = count + excluded.count`,
  );
  const dropHours = db.prepare("DELETE FROM group_hour WHERE group_id = ? AND hour <= ?");
  const comparedOf = db.prepare<[{ route: string }], number>(`SELECT ${COMPARED_OF_ROUTE("@route")}`).pluck();

  const compared = new Map<string, number>();
  const seen = new Map<string, Seen>();
  let events: GroupEvent[] = [];

  function comparedNow(route: string): number {
    let known = compared.get(route);
    if (known === undefined) compared.set(route, (known = comparedOf.get({ route }) ?? 0));
    return known;
  }

  function open({ group, route, method, signature, at, build }: GroupedRow, now: number): void {
    const failure = isFailure(JSON.parse(signature) as GroupRecord["signature"]) ? 1 : 0;
    insert.run({ group, route, method, signature, failure, at, build, compared: now });
    events.push({ event: "new", group });
  }

  function add(row: GroupedRow): boolean {
    const { group, route, at, build } = row;
    const now = comparedNow(route);
    let known = seen.get(group);
    let isNew = false;
    if (known === undefined) {
      const kept = standing.get(group);
      isNew = kept === undefined;
      if (isNew) open(row, now);
      known = begin(row, kept ?? { ...NEW, comparedAtFirst: now });
      seen.set(group, known);
    }
    if (!isNew) {
      const shown = stateNow(known.state, { ...known, compared: now });
      known.state = stateWhenSeen(shown, known.decision, { at, build });
      if (known.state === "regressed" && shown !== "regressed") events.push({ event: "regressed", group });
    }
    note(known, row, now);
    return isNew;
  }

  function finish(): readonly GroupEvent[] {
    for (const [group, { decision: _decision, count: _count, comparedAtFirst: _first, hours, ...row }] of seen) {
      update.run({ group, ...row });
      for (const [hour, times] of hours) countHour.run(group, hour, times);
      dropHours.run(group, Math.max(...hours.keys()) - TREND_HOURS);
    }
    const told = events;
    forget();
    return told;
  }

  function forget(): void {
    compared.clear();
    seen.clear();
    events = [];
  }

  return { add, taint: (group) => void taint.run(group), finish, forget };
}

const NEW: Omit<Standing, "comparedAtFirst"> = { state: "new", decision: null, count: 0, comparedAtLast: 0 };

function begin({ at }: GroupedRow, standing: Standing): Seen {
  const { decision } = standing;
  return {
    ...standing,
    decision: decision === null ? null : (JSON.parse(decision) as GroupDecision),
    added: 0,
    firstMs: at,
    lastMs: at,
    lastBuild: null,
    hours: new Map(),
  };
}

function note(seen: Seen, { at, build }: GroupedRow, compared: number): void {
  seen.count += 1;
  seen.added += 1;
  seen.comparedAtLast = compared;
  seen.firstMs = Math.min(seen.firstMs, at);
  seen.lastMs = Math.max(seen.lastMs, at);
  seen.lastBuild = build ?? seen.lastBuild;
  const hour = hourOf(at);
  seen.hours.set(hour, (seen.hours.get(hour) ?? 0) + 1);
}
