/** What somebody changed by API or CLI, and why. Never evicted but for its bound; it names no content. */
export interface AuditEntry {
  /** ULID. */
  readonly id: string;
  /** ISO 8601, UTC. */
  readonly at: string;
  /** The token's name, or `loopback` where there are no tokens. */
  readonly by: string;
  readonly action: AuditAction;
  /** A route's name, a group's or a member's id, a stand-in for a key; null: the whole process. */
  readonly subject: string | null;
  /** What it became, in words: `mirror off`, `reads 5%`. */
  readonly what: string;
  readonly reason: string | null;
}

/** One that has no place and time yet. */
export type AuditedChange = Omit<AuditEntry, "id" | "at">;

export const AUDIT_ACTIONS = [
  "override",
  "group",
  "purge",
  "replay",
  "repair",
  "forget",
  "phase",
  "backfill",
  "reconcile",
] as const;
export type AuditAction = (typeof AUDIT_ACTIONS)[number];

/** Entries that a store keeps; the oldest go first. */
export const AUDIT_KEPT = 10_000;
