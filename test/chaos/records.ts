/** What a chaos run leaves behind, and what the checker reads. */
import type { GapRecord, RepairRecord } from "../../proxy/evidence/evidence.ts";
import type { Entity, Write } from "./entities.ts";

/** One write as its client saw it. */
export interface SentWrite {
  readonly tag: string;
  readonly method: Write["method"];
  /** Epoch ms: gaps are told by the clock. */
  readonly beganAt: number;
  readonly endedAt: number;
  /** Monotonic ms: order is told by these. */
  readonly began: number;
  readonly ended: number;
  /** null: no answer, so that nobody can tell whether it was applied. */
  readonly status: number | null;
}

/**
 * One line of a service's own log: a write has come whole (`received`), and what was done with it. Appended before anything
 * is answered.
 */
export interface LogLine {
  readonly seq: number;
  readonly what: "received" | "applied" | "refused" | "repeated";
  readonly write: Write;
  /** SHA-256 of target and body as they came. */
  readonly digest: string;
  /** The entity that was written, once it was. */
  readonly id: string | null;
  /** `x-crossfade-exchange` and `x-crossfade-order`: of copies only. */
  readonly exchange: string | null;
  readonly order: string | null;
}

/** The proxy read an entity for itself: to see whether both sides are equal. */
export interface ReadLine {
  readonly seq: number;
  readonly read: string;
}

export interface ServiceRecord {
  readonly honours: boolean;
  readonly lines: readonly LogLine[];
  readonly reads: readonly ReadLine[];
  /** As they are at the end. */
  readonly entities: readonly Entity[];
}

/** Of the proxy's status, all routes together. */
export interface Accounts {
  readonly eligible: number;
  readonly pending: number;
  readonly outcomes: Readonly<Record<string, number>>;
}

export interface RunRecord {
  readonly members: number;
  readonly sent: readonly SentWrite[];
  readonly primary: ServiceRecord;
  readonly shadow: ServiceRecord;
  readonly accounts: Accounts;
  readonly repairs: readonly Pick<RepairRecord, "key" | "reason" | "times">[];
  readonly gaps: readonly Pick<GapRecord, "from" | "to" | "why">[];
}
