/** What has to be done so that the shadow holds what the primary holds. Pure. */
import type { RouteSettings } from "../config/settings.ts";
import type { Difference } from "../evidence/evidence.ts";
import type { Answer } from "../exchange.ts";

/** How one side answers when it is asked for the entity. */
export type Reading =
  | { readonly is: "present"; readonly answer: Answer; readonly discard: () => void }
  | { readonly is: "absent"; readonly status: number }
  /** Nothing can be said of its state. */
  | {
      readonly is: "unknown";
      readonly status: number | null;
      readonly why: string;
      /** Where it was not asked. awaits: another write has to reach it first. unmapped: a value in the path has no partner. */
      readonly because?: "awaits" | "unmapped";
    }
  /** Nobody knows its id there. */
  | {
      readonly is: "apart";
      /** It was never made there: the write that was to make it did not arrive, or it was looked for in vain. */
      readonly uncreated: boolean;
      /** It was found there, and its id was not to be kept. */
      readonly met?: true;
      /** Why it could not be told whether it is there. */
      readonly why?: string;
    };

/** What the route's rules say of two answers that are both there. */
export type Agreement =
  | { readonly kind: "equal" }
  | { readonly kind: "differs"; readonly differences: readonly Difference[] }
  | { readonly kind: "undecided"; readonly why: string };

export type RepairMethod = "PUT" | "POST" | "DELETE";

export interface Write {
  readonly method: RepairMethod;
  readonly path: string;
  /** The shadow gives it an id of its own, which its answer tells. */
  readonly makes?: true;
}

export type Step =
  | { readonly step: "none" }
  | { readonly step: "write"; readonly write: Write; readonly differences: readonly Difference[] }
  | { readonly step: "wait"; readonly why: string; readonly because?: "awaits" | "unmapped" }
  /** Nobody but a person can go on. */
  | { readonly step: "stuck"; readonly why: string };

export interface RepairPaths {
  readonly path: string;
  /** Where it is created by POST; null: nowhere. */
  readonly above: string | null;
  /** The shadow gives what is created by POST an id of its own, so that what has one already cannot be. */
  readonly makesIds?: boolean;
}

type WriteRule = RouteSettings["repair"]["write"];

/** `agreement` is asked for where both sides have the entity. */
export function planRepair(
  primary: Reading,
  shadow: Reading,
  agreement: Agreement | null,
  paths: RepairPaths,
  rule: WriteRule,
): Step {
  const { path, above } = paths;
  if (primary.is === "unknown") return { step: "wait", why: `the primary ${primary.why}` };
  if (primary.is === "apart") throw new TypeError("the primary has no id of its own");
  if (shadow.is === "unknown") {
    const { because, why } = shadow;
    return because === undefined ? { step: "wait", why: `the shadow ${why}` } : { step: "wait", why, because };
  }
  if (shadow.is === "apart") return planApart(primary, shadow, paths, rule);
  if (primary.is === "absent") {
    if (shadow.is === "absent") return { step: "none" };
    return { step: "write", write: { method: "DELETE", path }, differences: [statusDifference(primary, shadow)] };
  }
  if (primary.answer.body.kind === "digest" && agreement?.kind !== "equal") return { step: "wait", why: TOO_LARGE };
  if (shadow.is === "absent") {
    const differences = [statusDifference(primary, shadow)];
    if (rule !== "post") return { step: "write", write: { method: "PUT", path }, differences };
    if (paths.makesIds === true) return { step: "wait", why: HAS_ID };
    if (above === null) return { step: "wait", why: NO_PLACE_ABOVE };
    return { step: "write", write: { method: "POST", path: above }, differences };
  }
  if (agreement === null || agreement.kind === "undecided")
    return { step: "wait", why: agreement?.why ?? "the answers were not compared" };
  if (agreement.kind === "equal") return { step: "none" };
  return { step: "write", write: { method: "PUT", path }, differences: agreement.differences };
}

/** An entity that the shadow has under no id that is known. */
function planApart(
  primary: Extract<Reading, { is: "present" | "absent" }>,
  { uncreated, why = HIDDEN }: Extract<Reading, { is: "apart" }>,
  { above }: RepairPaths,
  rule: WriteRule,
): Step {
  if (primary.is === "absent") return uncreated ? { step: "none" } : { step: "stuck", why: GONE_AND_HIDDEN };
  if (primary.answer.body.kind === "digest") return { step: "wait", why: TOO_LARGE };
  if (!uncreated) return { step: "stuck", why };
  if (rule === "put") return { step: "wait", why: "it can be created by POST alone, and repair.write is put" };
  if (above === null) return { step: "wait", why: NO_PLACE_ABOVE };
  const differences = [{ at: "", kind: "status", primary: String(primary.answer.status), shadow: "404" } as const];
  return { step: "write", write: { method: "POST", path: above, makes: true }, differences };
}

const HIDDEN =
  "the shadow may have it under an id that nobody was told, and creating it would make a second one; write values.find, which looks it up";
const GONE_AND_HIDDEN =
  "the primary has it no more, and the shadow may have it under an id that nobody was told; delete it there, if it is";
const HAS_ID =
  "the shadow has it no more, and a POST would give it another id than the one it is known by; create it there, or write repair: { write: put }";
const TOO_LARGE = "the entity is larger than limits.bodyOnDisk, and cannot be copied";
const NO_PLACE_ABOVE = "the path above the entity is not known, so that it cannot be created by POST (repair.write)";

/** A PUT that was refused because it creates nothing: how else the entity can be created, or null. */
export function otherWay(
  write: Write,
  answered: number,
  shadow: Reading,
  { above, makesIds }: RepairPaths,
  rule: WriteRule,
): Write | null {
  if (makesIds === true) return null;
  const createsNothing = answered === 404 || answered === 405;
  if (rule !== "put-else-post" || write.method !== "PUT" || shadow.is !== "absent" || !createsNothing) return null;
  return above === null ? null : { method: "POST", path: above };
}

export function isTaken({ method }: Write, status: number): boolean {
  // What is gone already need not be deleted.
  if (method === "DELETE" && (status === 404 || status === 410)) return true;
  return status >= 200 && status < 300;
}

function statusDifference(primary: Reading, shadow: Reading): Difference {
  return { at: "", kind: "status", primary: String(statusOf(primary)), shadow: String(statusOf(shadow)) };
}

export function statusOf(reading: Reading): number | null {
  if (reading.is === "apart") return null;
  return reading.is === "present" ? reading.answer.status : reading.status;
}
