/**
 * One entry's turn. In the quiet lane of its key both sides are read, the shadow is written where it differs, and both are
 * read again. Whatever a live write may have had a part in proves nothing: then the entry stays.
 *
 *   read shadow, read primary ─ crossed? ─ equal ──────────────────────────────→ equal
 *                                  │       └ differs → write → read both ─ crossed? ─ equal → equal
 *                                busy                              busy ┘        └ differs → failed
 */
import type { RouteSettings } from "../config/settings.ts";
import type { Difference } from "../evidence/evidence.ts";
import type { Answer, Role } from "../exchange.ts";
import type { QuietKey } from "../members/turns.ts";
import {
  type Agreement,
  isTaken,
  otherWay,
  planRepair,
  type Reading,
  type RepairMethod,
  type RepairPaths,
  statusOf,
  type Write,
} from "./plan.ts";

/** What became of a write. */
export type WriteEnd =
  | { readonly end: "answered"; readonly status: number }
  /** It may have been applied, or may yet be. */
  | { readonly end: "unknown"; readonly why: string }
  | { readonly end: "not-sent"; readonly why: string }
  /** It says a value that another write has to make at the shadow first. */
  | { readonly end: "awaited"; readonly why: string }
  /** It says a value that nobody can put into the shadow's own. */
  | { readonly end: "unmapped"; readonly why: string };

/** Both services, asked about one entity. Never rejects. */
export interface Sides {
  read(role: Role): Promise<Reading>;
  /** Looks at the shadow for an entity whose id there nobody knows (`values.find`); `shadow` where it cannot be looked for. */
  seek(primary: Answer, shadow: Extract<Reading, { is: "apart" }>): Promise<Reading>;
  /** `order` as `orderStamp` gave it when `body` was read. */
  write(write: Write, body: Answer | null, order: string): Promise<WriteEnd>;
  agree(primary: Answer, shadow: Answer): Promise<Agreement>;
  orderStamp(): string;
}

export interface MendOrder {
  readonly paths: RepairPaths;
  readonly rule: RouteSettings["repair"]["write"];
  /** false: both sides are read and compared, and no more. */
  readonly mayWrite: boolean;
  /** Before anything is written: a kill must not leave a write that may land and nobody knows of. false: not to be written. */
  readonly announce: () => Promise<boolean>;
}

/** What was seen last, for evidence. */
export interface Seen {
  readonly wrote: RepairMethod | null;
  readonly answered: number | null;
  readonly primary: number | null;
  readonly shadow: number | null;
  readonly differences: readonly Difference[];
  /** The primary's answer: it tells what is secret. */
  readonly entity: Answer | null;
}

export type Mended =
  | { readonly end: "equal"; readonly wrote: RepairMethod | null }
  /** It may not be written. */
  | { readonly end: "differs"; readonly would: RepairMethod; readonly seen: Seen }
  /** The same, of an entity that the shadow has under an id that is not known yet. */
  | { readonly end: "differs"; readonly would: null; readonly why: string; readonly seen: Seen }
  /** A live write of the key came in between. */
  | {
      readonly end: "busy";
      /** A POST was taken, and what it made is there, under an id that is not known. */
      readonly made?: true;
    }
  /** What it names has to reach the shadow first. */
  | { readonly end: "waits"; readonly why: string; readonly seen: Seen }
  | {
      readonly end: "failed";
      readonly why: string;
      readonly seen: Seen;
      /** unreached: nothing was learnt of the entity. late: a write may land later. hopeless: another attempt does harm. */
      readonly kind: "unreached" | "refused" | "late" | "hopeless";
    };

const FAILED_AS = { unknown: "late", "not-sent": "unreached", unmapped: "refused" } as const;

/** Some services show what they took a moment later. */
const LOOKS = [0, 100, 400];

export async function mend(
  turn: QuietKey,
  sides: Sides,
  order: MendOrder,
  pause: (ms: number) => Promise<void>,
): Promise<Mended> {
  const { paths, rule } = order;
  const held: Reading[] = [];
  const read = async (role: Role): Promise<Reading> => {
    const reading = await sides.read(role);
    held.push(reading);
    return reading;
  };
  const agreed = (a: Reading, b: Reading): Promise<Agreement | null> =>
    a.is === "present" && b.is === "present" ? sides.agree(a.answer, b.answer) : Promise.resolve(null);

  try {
    let shadow = await read("shadow");
    const primary = await read("primary");
    if (shadow.is === "apart" && primary.is === "present")
      held.push((shadow = await sides.seek(primary.answer, shadow)));
    // A write that begins from here on is not in what was read, and is delivered after what is written.
    if (await turn.crossed()) return { end: "busy" };
    const stamp = sides.orderStamp();
    const step = planRepair(primary, shadow, await agreed(primary, shadow), paths, rule);
    if (step.step === "none") return { end: "equal", wrote: null };
    const seen = { ...seenOf(primary, shadow), wrote: null, answered: null };
    if (shadow.is === "apart" && shadow.met === true) {
      const why = "the shadow has it under an id that is not known yet, which a repair learns (values.find)";
      return { end: "differs", would: null, why, seen };
    }
    if (step.step === "stuck") return { end: "failed", why: step.why, kind: "hopeless", seen };
    if (step.step === "wait") {
      if (step.because === "awaits") return { end: "waits", why: step.why, seen };
      const isUnasked = step.because === undefined && (primary.is === "unknown" || shadow.is === "unknown");
      const kind = isUnasked ? "unreached" : "refused";
      return { end: "failed", why: step.why, kind, seen };
    }
    if (!order.mayWrite)
      return { end: "differs", would: step.write.method, seen: { ...seen, differences: step.differences } };

    if (!(await order.announce())) return { end: "busy" };
    const body = primary.is === "present" ? primary.answer : null;
    let { write } = step;
    let ended = await sides.write(write, write.method === "DELETE" ? null : body, stamp);
    const other = ended.end === "answered" ? otherWay(write, ended.status, shadow, paths, rule) : null;
    if (other !== null) {
      write = other;
      ended = await sides.write(write, body, stamp);
    }
    const wrote = write.method;
    if (ended.end === "awaited") return { end: "waits", why: ended.why, seen };
    if (ended.end !== "answered") {
      const kind = FAILED_AS[ended.end];
      const why = `${wrote} to the shadow: ${ended.why}`;
      return { end: "failed", why, kind, seen: { ...seen, wrote, differences: step.differences } };
    }
    const answered = ended.status;
    if (!isTaken(write, answered)) {
      const why = `the shadow answered ${answered} to ${wrote}`;
      return { end: "failed", why, kind: "refused", seen: { ...seen, wrote, answered, differences: step.differences } };
    }
    return await verify({ turn, read, agreed, pause, order, wrote, answered });
  } finally {
    for (const reading of held) if (reading.is === "present") reading.discard();
  }
}

interface Verifying {
  readonly turn: QuietKey;
  readonly read: (role: Role) => Promise<Reading>;
  readonly agreed: (primary: Reading, shadow: Reading) => Promise<Agreement | null>;
  readonly pause: (ms: number) => Promise<void>;
  readonly order: MendOrder;
  readonly wrote: RepairMethod;
  readonly answered: number;
}

async function verify(parts: Verifying): Promise<Mended> {
  const { turn, wrote, answered, order } = parts;
  let last: Mended = { end: "busy" };
  for (const waitMs of LOOKS) {
    if (waitMs > 0) await parts.pause(waitMs);
    // Whether what a POST made is known by its id decides when the next attempt may come.
    if (await turn.crossed()) return wrote === "POST" ? busyAfterPost(await parts.read("shadow")) : { end: "busy" };
    const shadow = await parts.read("shadow");
    const primary = await parts.read("primary");
    if (await turn.crossed()) return wrote === "POST" ? busyAfterPost(shadow) : { end: "busy" };
    const step = planRepair(primary, shadow, await parts.agreed(primary, shadow), order.paths, order.rule);
    if (step.step === "none") return { end: "equal", wrote };
    const differences = step.step === "write" ? step.differences : [];
    const seen = { ...seenOf(primary, shadow), wrote, answered, differences };
    if (wrote === "POST" && shadow.is === "apart") {
      const why = "the shadow took the POST, and did not say what id it gave it at a place of values.learn";
      last = { end: "failed", why, kind: "hopeless", seen };
    } else if (step.step === "wait") {
      last = { end: "failed", why: step.why, kind: "unreached", seen };
    } else if (wrote === "POST" && shadow.is === "absent") {
      const why = "the shadow took the POST and has no such entity: it gave it an id of its own";
      last = { end: "failed", why, kind: "hopeless", seen };
    } else {
      last = { end: "failed", why: `the shadow took the ${wrote} and still differs`, kind: "refused", seen };
    }
  }
  return last;
}

function busyAfterPost(shadow: Reading): Mended {
  return shadow.is === "present" ? { end: "busy" } : { end: "busy", made: true };
}

function seenOf(primary: Reading, shadow: Reading): Pick<Seen, "primary" | "shadow" | "differences" | "entity"> {
  return {
    primary: statusOf(primary),
    shadow: statusOf(shadow),
    differences: [],
    entity: primary.is === "present" ? primary.answer : null,
  };
}
