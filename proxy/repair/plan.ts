/** What has to be done so that the shadow holds what the primary holds. Pure. */
import type { RouteSettings } from "../config/settings.ts";
import type { Difference } from "../evidence.ts";
import type { Answer } from "../exchange.ts";

/** How one side answers when it is asked for the entity. */
export type Reading =
  | { readonly is: "present"; readonly answer: Answer; readonly discard: () => void }
  | { readonly is: "absent"; readonly status: number }
  /** Nothing can be said of its state. */
  | { readonly is: "unknown"; readonly status: number | null; readonly why: string };

/** What the route's rules say of two answers that are both there. */
export type Agreement =
  | { readonly kind: "equal" }
  | { readonly kind: "differs"; readonly differences: readonly Difference[] }
  | { readonly kind: "undecided"; readonly why: string };

export type RepairMethod = "PUT" | "POST" | "DELETE";

export interface Write {
  readonly method: RepairMethod;
  readonly path: string;
}

export type Step =
  | { readonly step: "none" }
  | { readonly step: "write"; readonly write: Write; readonly differences: readonly Difference[] }
  | { readonly step: "wait"; readonly why: string };

export interface RepairPaths {
  readonly path: string;
  /** Where it is created by POST; null: nowhere. */
  readonly above: string | null;
}

type WriteRule = RouteSettings["repair"]["write"];

/** `agreement` is asked for where both sides have the entity. */
export function planRepair(
  primary: Reading,
  shadow: Reading,
  agreement: Agreement | null,
  { path, above }: RepairPaths,
  rule: WriteRule,
): Step {
  if (primary.is === "unknown") return { step: "wait", why: `the primary ${primary.why}` };
  if (shadow.is === "unknown") return { step: "wait", why: `the shadow ${shadow.why}` };
  if (primary.is === "absent") {
    if (shadow.is === "absent") return { step: "none" };
    return { step: "write", write: { method: "DELETE", path }, differences: [statusDifference(primary, shadow)] };
  }
  if (primary.answer.body.kind === "digest" && agreement?.kind !== "equal")
    return { step: "wait", why: "the entity is larger than limits.bodyOnDisk, and cannot be copied" };
  if (shadow.is === "absent") {
    const differences = [statusDifference(primary, shadow)];
    if (rule !== "post") return { step: "write", write: { method: "PUT", path }, differences };
    if (above === null) return { step: "wait", why: NO_PLACE_ABOVE };
    return { step: "write", write: { method: "POST", path: above }, differences };
  }
  if (agreement === null || agreement.kind === "undecided")
    return { step: "wait", why: agreement?.why ?? "the answers were not compared" };
  if (agreement.kind === "equal") return { step: "none" };
  return { step: "write", write: { method: "PUT", path }, differences: agreement.differences };
}

const NO_PLACE_ABOVE = "the path above the entity is not known, so that it cannot be created by POST (repair.write)";

/** A PUT that was refused because it creates nothing: how else the entity can be created, or null. */
export function otherWay(
  write: Write,
  answered: number,
  shadow: Reading,
  { above }: RepairPaths,
  rule: WriteRule,
): Write | null {
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
  return reading.is === "present" ? reading.answer.status : reading.status;
}
