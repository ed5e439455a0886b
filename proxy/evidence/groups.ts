/** One cause, one group: divergences of one route and method that differ in the same places and in the same ways. */
import { hash } from "node:crypto";
import type { Difference, SignaturePart } from "./evidence.ts";
import { valueClasses } from "../ids/value-classes.ts";

/**
 * The places and kinds of differences, without what changes from one exchange to the next: array indices and ids in
 * pointers become `*`, values become their classes. A status difference keeps its values, since each pair of them has its
 * own cause.
 */
export function groupSignature(differences: readonly Difference[]): SignaturePart[] {
  const parts = new Map<string, SignaturePart>();
  for (const difference of differences) {
    const part = partOf(difference);
    parts.set(idParts(part).join("\n"), part);
  }
  return [...parts.keys()].sort().map((key) => parts.get(key) as SignaturePart);
}

/** The shadow gave no answer that could be compared: one cause for each error, whatever the primary answered. */
export function failureSignature(code: string): SignaturePart[] {
  return [{ at: "", kind: "failure", shadow: code }];
}

export function isFailure(signature: readonly SignaturePart[]): boolean {
  return signature[0]?.kind === "failure";
}

const idsKnown = new Map<string, string>();
/** A flood of divergences is of few groups. */
const MOST_IDS_KEPT = 1_000;

/** 8 hex digits; the same in every process and version that makes the same signature. */
export function groupId(route: string, method: string, signature: readonly SignaturePart[]): string {
  const text = JSON.stringify([route, method, signature.map(idParts)]);
  let id = idsKnown.get(text);
  if (id === undefined) {
    id = hash("sha256", text, "hex").slice(0, 8);
    if (idsKnown.size >= MOST_IDS_KEPT) idsKnown.clear();
    idsKnown.set(text, id);
  }
  return id;
}

/** What tells it from other parts; more than two strings where there are values or classes. */
function idParts({ at, kind, primary, shadow }: SignaturePart): readonly string[] {
  if (shadow === undefined) return [at, kind];
  return primary === undefined ? [at, kind, shadow] : [at, kind, primary, shadow];
}

function partOf(difference: Difference): SignaturePart {
  const { at, kind, primary, shadow } = difference;
  if (kind === "status") return { at: "", kind, primary: primary ?? "none", shadow: shadow ?? "none" };
  return { at: generalPlace(at), kind, ...valueClasses(difference) };
}

/** The place whatever index or id leads to it: of `/items/0/id` the second part is `*`. */
export function generalPlace(at: string): string {
  if (!at.startsWith("/")) return at;
  return at
    .split("/")
    .map((token) => (VARIES.test(token) ? "*" : token))
    .join("/");
}

/** All digits (an index, a serial), a UUID, a ULID, or 16 hex digits and more (ObjectId, digest). */
const VARIES =
  /^(?:\d+|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-7][0-9a-hjkmnp-tv-z]{25}|[0-9a-f]{16,})$/i;
