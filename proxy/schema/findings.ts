/** What is told of a schema: the closed list of changes and hazards. */

/** breaking: what works today stops, or loses values. hazard: works, and is to be looked at. additive: nobody notices. */
export const SEVERITIES = ["breaking", "hazard", "additive"] as const;
export type Severity = (typeof SEVERITIES)[number];

export const FINDING_KINDS = [
  "dropped",
  "renamed",
  "retyped",
  "narrowed",
  "rounded",
  "widened",
  "not-null",
  "nullable",
  "no-default",
  "new-unique",
  "lost-unique",
  "new-check",
  "new-foreign-key",
  "new-trigger",
  "lost-trigger",
  "added",
  "zone",
  "collation",
  "generated",
  "beyond-2^53",
  "near-the-end",
  "float",
] as const;
export type FindingKind = (typeof FINDING_KINDS)[number];

export interface SchemaFinding {
  readonly severity: Severity;
  readonly kind: FindingKind;
  /** Columns that it is about, with commas. */
  readonly column: string;
  readonly text: string;
}
