/** Counts records in their groups, and moves the groups' states with what is seen. Called inside a commit's transaction. */
import type { Database } from "better-sqlite3";
import type { GroupDecision, GroupEvent, GroupState } from "../../../proxy/evidence.ts";
import { stateNow, stateWhenSeen } from "../../../proxy/group-states.ts";
import { isFailure } from "../../../proxy/groups.ts";
import type { GroupRecord } from "../../../proxy/evidence.ts";
import { hourOf, TREND_HOURS } from "../../../proxy/trend.ts";
import { COMPARED_OF_ROUTE } from "./group-queries.ts";
import type { EvidenceRow } from "./messages.ts";

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
  readonly comparedAtLast: number;
}

export function prepareGroups(db: Database): Groups {
  const standing = db.prepare<[string], Standing>(
    "SELECT state, decision, count, compared_at AS comparedAtLast FROM divergence_group WHERE id = ?",
  );
  const count = db.prepare(
    `UPDATE divergence_group SET count = count + 1, first_ms = min(first_ms, @at), last_ms = max(last_ms, @at),
       last_build = ifnull(@build, last_build), compared_at = @compared, state = @state
     WHERE id = @group`,
  );
  const insert = db.prepare(
    `INSERT INTO divergence_group
       (id, route, method, signature, failure, count, tainted, first_ms, last_ms, first_build, last_build, compared_at, state)
     VALUES (@group, @route, @method, @signature, @failure, 1, 0, @at, @at, @build, @build, @compared, 'new')`,
  );
  const taint = db.prepare("UPDATE divergence_group SET tainted = tainted + 1 WHERE id = ?");
  const countHour = db.prepare(
    `INSERT INTO group_hour (group_id, hour, count) VALUES (?, ?, ?)
     ON CONFLICT (group_id, hour) DO UPDATE SET count = count + excluded.count`,
  );
  const dropHours = db.prepare("DELETE FROM group_hour WHERE group_id = ? AND hour <= ?");
  const comparedOf = db.prepare<[{ route: string }], number>(`SELECT ${COMPARED_OF_ROUTE("@route")}`).pluck();

  /** Of one transaction: what a flood repeats is asked and written once. */
  const compared = new Map<string, number>();
  const hours = new Map<string, Map<number, number>>();
  let events: GroupEvent[] = [];

  function comparedNow(route: string): number {
    let known = compared.get(route);
    if (known === undefined) compared.set(route, (known = comparedOf.get({ route }) ?? 0));
    return known;
  }

  function noteHour(group: string, at: number): void {
    let ofGroup = hours.get(group);
    if (ofGroup === undefined) hours.set(group, (ofGroup = new Map()));
    const hour = hourOf(at);
    ofGroup.set(hour, (ofGroup.get(hour) ?? 0) + 1);
  }

  function add({ group, route, method, signature, at, build }: GroupedRow): boolean {
    noteHour(group, at);
    const known = standing.get(group);
    const now = comparedNow(route);
    if (known === undefined) {
      const failure = isFailure(JSON.parse(signature) as GroupRecord["signature"]) ? 1 : 0;
      insert.run({ group, route, method, signature, failure, at, build, compared: now });
      events.push({ event: "new", group });
      return true;
    }
    const shown = stateNow(known.state, { ...known, compared: now });
    const decision = known.decision === null ? null : (JSON.parse(known.decision) as GroupDecision);
    const state = stateWhenSeen(shown, decision, { at, build });
    count.run({ group, at, build, compared: now, state });
    if (state === "regressed" && shown !== "regressed") events.push({ event: "regressed", group });
    return false;
  }

  function finish(): readonly GroupEvent[] {
    for (const [group, ofGroup] of hours) {
      for (const [hour, times] of ofGroup) countHour.run(group, hour, times);
      dropHours.run(group, Math.max(...ofGroup.keys()) - TREND_HOURS);
    }
    const told = events;
    forget();
    return told;
  }

  function forget(): void {
    compared.clear();
    hours.clear();
    events = [];
  }

  return { add, taint: (group) => void taint.run(group), finish, forget };
}
