/** What of a route's traffic says nothing about next, and why. Pure. */
import type { RouteView } from "../admin/route-view.ts";
import { plural, spellCount, spellShare } from "../admin/sentences.ts";

export interface Blind {
  readonly what: string;
  /** How much, as far as it is known. */
  readonly how: string;
}

export function blindSpots(route: RouteView): readonly Blind[] {
  const { shadow, phase, mirror, sharedDatabase, tunnels, reasons, rules, compare, redact } = route;
  const spots: Blind[] = [];
  const add = (what: string, how: string): void => void spots.push({ what, how });
  if (shadow === null) {
    add(`${phase}: nothing is mirrored, so nothing is compared`, "all of it");
  } else {
    if (sharedDatabase) add("Writes are not mirrored: both services use one database", "all writes");
    else if (!mirror.writes) add("Writes are not mirrored", "all writes");
    if (mirror.readShare === 0) {
      add("Reads are not mirrored: what next answers to them is not known", "all reads");
    } else if (mirror.readShare < 1) {
      add("Reads are mirrored in part", `${spellShare(1 - mirror.readShare)} of them not`);
    }
    const large = reasons["body-too-large"] ?? 0;
    if (large > 0)
      add(
        "Requests whose body is above limits.bodyOnDisk were not mirrored; their keys are on the repair list",
        plural(large, "request"),
      );
    for (const [reason, what] of SKIPPED) {
      const count = reasons[reason] ?? 0;
      if (count > 0) add(what, plural(count, "copy", "copies"));
    }
    for (const { rule, excused } of rules) {
      if (excused > 0) add(`Differences that a rule excuses: ${rule}`, `${spellCount(excused)} excused`);
    }
    if (compare.status === "class") add("Statuses of one class are equal (compare.status: class)", "every exchange");
    if (redact.length > 0)
      add("Redacted before it is kept: compared exactly, shown as the same or not the same", redact.join(", "));
  }
  add("Tunnels (WebSocket and the like) pass unseen, whatever goes through them", `${plural(tunnels, "tunnel")} open`);
  return spots;
}

const SKIPPED = [
  ["unmapped-value", "Copies with an id or token that nothing is known of were not sent"],
  ["not-copied", "Answers about rows that are not copied yet were not judged"],
  ["key-written-meanwhile", "Reads that a write of the same key crossed were not judged"],
  ["loop", "Requests that carry our own mark were not mirrored again"],
  ["expired", "Copies that waited for too long were not sent"],
  ["not-accepted", "Requests that the primary refused were not mirrored"],
  ["sampled-out", "Reads that sampling left out"],
] as const;
