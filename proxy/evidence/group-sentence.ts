/** Groups in words, for page, terminal and webhook. Pure. */
import type { GroupEvent, GroupRecord, SignaturePart } from "./evidence.ts";

/** `status 200 → 404`, `/total value (number → null)`, `no answer (timeout)` */
export function spellPart({ at, kind, primary, shadow }: SignaturePart): string {
  if (kind === "failure") return `no answer (${shadow ?? "unknown"})`;
  if (kind === "status") return `status ${primary ?? "none"} → ${shadow ?? "none"}`;
  const classes = primary === undefined || shadow === undefined ? "" : ` (${primary} → ${shadow})`;
  return `${at === "" ? "(whole)" : at} ${kind}${classes}`;
}

export function spellSignature(signature: readonly SignaturePart[]): string {
  return signature.map(spellPart).join(", ");
}

const PARTS_NAMED = 3;

/** One sentence for somebody who was not looking. */
export function spellEvent(event: GroupEvent["event"], group: GroupRecord): string {
  const { signature, route, method, decision } = group;
  const named = signature.slice(0, PARTS_NAMED);
  const more = signature.length - named.length;
  const where = `${method} on ${route}: ${spellSignature(named)}${more > 0 ? ` and ${more} more` : ""}`;
  const build = group.lastBuild === null ? "" : `, in build ${group.lastBuild}`;
  if (event === "new") return `A new cause of ${what(signature)}: ${where}${build}.`;
  const before =
    decision === null ? "after it had not been seen for long" : `after ${decision.by} had it ${decision.state}`;
  return `A cause came back ${before}: ${where}${build}.`;
}

function what(signature: readonly SignaturePart[]): string {
  return signature[0]?.kind === "failure" ? "failing copies" : "differences";
}
