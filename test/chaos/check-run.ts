/**
 * What a run is judged by (docs/chaos.md). Pure. Every write that the primary applied, whether anybody was told or not, is
 * equal on both sides, or its key is on the repair list, or a gap covers it; everything else here is a violation.
 */
import type { LogLine, RunRecord, SentWrite, ServiceRecord } from "./records.ts";

export const VIOLATIONS = [
  "unaccounted",
  "reordered",
  "doubled",
  "sent-again",
  "leaked",
  "altered",
  "stamped-out-of-order",
  "accounts",
  "harness",
] as const;

export interface Violation {
  readonly kind: (typeof VIOLATIONS)[number];
  readonly words: string;
}

export interface Counts {
  /** Sent by clients. */
  readonly sent: number;
  /** Applied by the primary: each is in one of the next four. */
  readonly applied: number;
  readonly equal: number;
  readonly onRepairList: number;
  readonly inGap: number;
  readonly unaccounted: number;
  /** Pairs of one key whose order is knowable. */
  readonly orderedPairs: number;
  readonly reordered: number;
  readonly doubled: number;
  /** Refused by the primary, and never at the shadow. */
  readonly refused: number;
}

export interface Verdict {
  readonly counts: Counts;
  readonly violations: readonly Violation[];
}

/** The route's entity: keys are `items/ID`. */
export const ENTITY = "items";

interface WriteStory {
  readonly tag: string;
  readonly sent: SentWrite;
  readonly id: string;
  readonly primary: LogLine;
  readonly atShadow: readonly LogLine[];
  readonly inGap: boolean;
}

export function checkRun(run: RunRecord): Verdict {
  const violations: Violation[] = [];
  const found = (kind: Violation["kind"], words: string): void => void violations.push({ kind, words });
  const sent = new Map(run.sent.map((write) => [write.tag, write]));
  const primary = byTag(run.primary);
  const shadow = byTag(run.shadow);
  const gaps = run.gaps.map(({ from, to }) => ({
    from: Date.parse(from),
    to: to === null ? Infinity : Date.parse(to),
  }));

  const stories: WriteStory[] = [];
  for (const [tag, lines] of primary) {
    const applied = lines.filter(({ what }) => what === "applied");
    const [first] = applied;
    if (first === undefined) continue;
    const write = sent.get(tag);
    if (write === undefined || first.id === null) {
      found("harness", `the primary applied ${tag}, which no client sent`);
      continue;
    }
    if (applied.length > 1) found("doubled", `${tell(first)}: applied ${applied.length} times by the primary`);
    const inGap = gaps.some(({ from, to }) => write.beganAt <= to && write.endedAt >= from);
    stories.push({ tag, sent: write, id: first.id, primary: first, atShadow: shadow.get(tag) ?? [], inGap });
  }
  for (const { tag, status } of run.sent) {
    const isAcknowledged = status !== null && status < 300;
    if (isAcknowledged && !primary.get(tag)?.some(({ what }) => what !== "received")) {
      found("harness", `${tag} was acknowledged with ${status} and the primary has not applied it`);
    }
  }
  const refused = checkLeaks(primary, shadow, found);

  const final = { primary: statesOf(run.primary), shadow: statesOf(run.shadow) };
  // It was on the list, and was found equal by what both sides hold.
  const isVerified = (id: string): boolean =>
    final.primary.get(id) === final.shadow.get(id) && lastIsRead(run.primary, id) && lastIsRead(run.shadow, id);
  const listed = listedKeys(run, stories, isVerified);
  const counts = { equal: 0, onRepairList: 0, inGap: 0, unaccounted: 0, orderedPairs: 0, reordered: 0, doubled: 0 };
  for (const [id, ofKey] of Map.groupBy(stories, (story) => story.id)) {
    const [here, there] = [final.primary.get(id), final.shadow.get(id)];
    const isListed = listed(id);
    const isGapped = ofKey.some((story) => story.inGap);
    for (const story of ofKey) {
      const times = story.atShadow.filter(({ what }) => what === "applied").length;
      if (times > 1 && (run.shadow.honours || !(isListed || story.inGap))) {
        counts.doubled++;
        found("doubled", `${tell(story.primary)}: applied ${times} times by the shadow, exchange ${exchangeOf(story)}`);
      }
      if (!run.shadow.honours && isSentAgain(story)) {
        found(
          "sent-again",
          `${tell(story.primary)}: another attempt, ${exchangeOf(story)}, at a shadow that ignores the idempotency key`,
        );
      }
      const changed = story.atShadow.find(({ digest }) => digest !== story.primary.digest);
      if (changed !== undefined)
        found("altered", `${tell(story.primary)}: the copy ${exchangeOf(story)} is another request`);
      if (times > 0 && here === there) counts.equal++;
      else if (isListed) counts.onRepairList++;
      else if (times > 0 ? isGapped : story.inGap) counts.inGap++;
      else {
        counts.unaccounted++;
        const fate =
          times > 0
            ? "applied by the shadow"
            : story.atShadow.length > 0
              ? "refused or left by the shadow"
              : "never at the shadow";
        found(
          "unaccounted",
          `${tell(story.primary)}, answered ${story.sent.status ?? "nothing"}: ${fate}, exchange ${exchangeOf(story)}; ` +
            `the primary has ${here ?? "nothing"}, the shadow ${there ?? "nothing"}; no repair entry, no gap`,
        );
      }
    }
    // A place among other members' writes is waited for within a bound; past it the key is on the list, for its stamp too.
    checkOrder(ofKey, { isListed, mayBeUnplaced: isListed && run.members > 1 }, counts, found);
  }
  checkAccounts(run, stories, found);
  return { counts: { sent: run.sent.length, applied: stories.length, refused, ...counts }, violations };
}

type Found = (kind: Violation["kind"], words: string) => void;

/** What the primary did not apply must not have come to the shadow. Returns how many were refused and kept from it. */
function checkLeaks(primary: Map<string, LogLine[]>, shadow: Map<string, LogLine[]>, found: Found): number {
  const isApplied = (tag: string): boolean => primary.get(tag)?.some(({ what }) => what === "applied") === true;
  for (const [tag, [copy]] of shadow) {
    if (copy === undefined || isApplied(tag)) continue;
    const there = primary.get(tag)?.map(({ what }) => what) ?? ["never came"];
    found(
      "leaked",
      `${tell(copy)}: at the primary ${there.join(", ")}, and yet a copy, exchange ${copy.exchange ?? "?"}`,
    );
  }
  return [...primary].filter(
    ([tag, lines]) => lines.some(({ what }) => what === "refused") && !isApplied(tag) && !shadow.has(tag),
  ).length;
}

/**
 * The later began after the earlier was answered: then the shadow applies them in that order, and their stamps say so.
 * Where the earlier copy went astray, its key is on the repair list and the order is lost with it.
 */
function checkOrder(
  ofKey: readonly WriteStory[],
  { isListed, mayBeUnplaced }: { readonly isListed: boolean; readonly mayBeUnplaced: boolean },
  counts: { orderedPairs: number; reordered: number },
  found: Found,
): void {
  const first = (story: WriteStory): LogLine | undefined => story.atShadow.find(({ what }) => what === "applied");
  const delivered = ofKey.flatMap((story) => {
    const line = first(story);
    return line === undefined ? [] : [{ story, line }];
  });
  for (const earlier of delivered) {
    const { status, ended } = earlier.story.sent;
    if (status === null || status >= 300) continue;
    for (const later of delivered) {
      if (later.story.sent.began < ended || later === earlier) continue;
      counts.orderedPairs++;
      const excused = isListed || earlier.story.inGap || later.story.inGap;
      const pair = `${tell(earlier.story.primary)} was answered before ${tell(later.story.primary)} began`;
      if (earlier.line.seq > later.line.seq && !excused) {
        counts.reordered++;
        found(
          "reordered",
          `${pair}; the shadow applied ${exchangeOf(later.story)} before ${exchangeOf(earlier.story)}`,
        );
      }
      const [low, high] = [earlier.line.order, later.line.order];
      if (
        !(earlier.story.inGap || later.story.inGap || mayBeUnplaced) &&
        low !== null &&
        high !== null &&
        compareStamps(low, high) >= 0
      ) {
        found("stamped-out-of-order", `${pair}; their stamps are ${low} and ${high}`);
      }
    }
  }
}

/** RFC 9110, 9.2.2: of the methods that clients use here. */
const NOT_IDEMPOTENT: ReadonlySet<string> = new Set(["POST", "PATCH"]);

/** An attempt after one of which nobody knows what became of it. One that was refused did nothing, and may be made again. */
function isSentAgain({ primary, atShadow }: WriteStory): boolean {
  const times = (what: LogLine["what"]): number => atShadow.filter((line) => line.what === what).length;
  return NOT_IDEMPOTENT.has(primary.write.method) && times("received") - times("refused") > 1;
}

/** `generation.position` */
function compareStamps(a: string, b: string): number {
  const [generationA = 0n, positionA = 0n] = a.split(".").map(BigInt);
  const [generationB = 0n, positionB = 0n] = b.split(".").map(BigInt);
  return generationA === generationB ? Number(positionA - positionB) : Number(generationA - generationB);
}

function checkAccounts({ accounts, sent }: RunRecord, stories: readonly WriteStory[], found: Found): void {
  const { eligible, pending, outcomes } = accounts;
  const sum = Object.values(outcomes).reduce((total, count) => total + count, 0);
  const spelt = `${eligible} eligible, ${pending} pending, ${JSON.stringify(outcomes)}`;
  if (pending !== 0) found("accounts", `not settled: ${spelt}`);
  if (sum + pending !== eligible) found("accounts", `the outcomes do not sum to what was eligible: ${spelt}`);
  const acknowledged = stories.filter(
    ({ sent: { status }, inGap }) => status !== null && status < 300 && !inGap,
  ).length;
  if (eligible < acknowledged) found("accounts", `${acknowledged} were acknowledged outside gaps: ${spelt}`);
  if (eligible > sent.length) found("accounts", `${sent.length} were sent: ${spelt}`);
}

/**
 * An entry without a key is about a collection: it stands for creates of which nobody knows what they made, because the answer
 * never came or died with the proxy that had it. It excuses as many creates that never came to the shadow as it was entered
 * times, and nothing else.
 */
function listedKeys(
  run: RunRecord,
  stories: readonly WriteStory[],
  isVerified: (id: string) => boolean,
): (id: string) => boolean {
  const isCollection = (key: string | null): boolean => key === null || key === `${ENTITY}:*`;
  const keys = new Set(run.repairs.map(({ key }) => key));
  const entered = run.repairs.reduce((sum, { key, times }) => (isCollection(key) ? sum + times : sum), 0);
  const missing = new Set(
    stories
      .filter(({ sent, id, inGap, atShadow }) => {
        const isThere = atShadow.some(({ what }) => what === "applied");
        return sent.method === "POST" && !isThere && !inGap && !keys.has(`${ENTITY}/${id}`) && !isVerified(id);
      })
      .map(({ id }) => id),
  );
  return (id) => keys.has(`${ENTITY}/${id}`) || isVerified(id) || (missing.size <= entered && missing.has(id));
}

/** Whether the proxy read the entity after all that was done to it there. */
function lastIsRead({ lines, reads }: ServiceRecord, id: string): boolean {
  const read = reads.findLast((line) => line.read === id)?.seq ?? 0;
  const written = lines.findLast((line) => line.what === "applied" && line.id === id)?.seq ?? 0;
  return read > written;
}

function byTag({ lines }: ServiceRecord): Map<string, LogLine[]> {
  return Map.groupBy(lines, ({ write }) => write.body.tag);
}

function statesOf({ entities }: ServiceRecord): Map<string, string> {
  return new Map(entities.map((entity) => [entity.id, JSON.stringify(entity)]));
}

function tell({ write, id }: LogLine): string {
  return `${write.method} ${ENTITY}/${id ?? write.id ?? "?"} (${write.body.tag})`;
}

function exchangeOf({ atShadow }: WriteStory): string {
  return atShadow[0]?.exchange ?? "unknown";
}
