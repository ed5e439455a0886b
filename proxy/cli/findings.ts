/** Turns groups of divergences into sentences for people. Pure: everything it says stands in the groups and their samples. */
import { plural } from "../admin/sentences.ts";
import { askedFor, type DivergenceRecord, type GroupRecord } from "../evidence/evidence.ts";
import { spellSignature } from "../evidence/group-sentence.ts";
import { isFailure } from "../evidence/groups.ts";
import { CLAUSE_RANKS, type ClauseRank, describeDifferences, idsMade, sidesOf } from "./finding-clauses.ts";

/** A group with samples, as `GET /api/v1/groups/:id` answers. */
export interface GroupEvidence extends GroupRecord {
  readonly samples: readonly DivergenceRecord[];
}

export interface Finding {
  /** What differs, with one sample: a sentence without its full stop. */
  readonly what: string;
  /** What follows from it, or null where nothing is known to. */
  readonly consequence: string | null;
  /** Exchanges in which it was seen, those of the consequence not among them. */
  readonly count: number;
  /** The groups it tells of. */
  readonly groups: readonly string[];
}

/** How much a finding matters; the first kind comes first. */
const RANKS: readonly FindingRank[] = ["created-id", ...CLAUSE_RANKS];
type FindingRank = "created-id" | ClauseRank;

/** The most serious come first, of equals the most frequent. */
export function describeFindings(groups: readonly GroupEvidence[]): readonly Finding[] {
  const told = new Set<GroupEvidence>();
  const ranked: (Finding & { readonly rank: FindingRank })[] = [];
  for (const created of groups) {
    const finding = describeCreatedId(created, groups, told);
    if (finding !== null) ranked.push({ ...finding, rank: "created-id" });
  }
  // A copy that failed is no difference between the services.
  const differing = groups.filter((group) => !told.has(group) && !isFailure(group.signature));
  for (const sameCause of byCause(differing)) {
    ranked.push(describeCause(sameCause));
  }
  ranked.sort((a, b) => RANKS.indexOf(a.rank) - RANKS.indexOf(b.rank) || b.count - a.count);
  return ranked.map(({ what, consequence, count, groups: ids }) => ({ what, consequence, count, groups: ids }));
}

/** Each side made an id of its own: what the client does to that id next finds nothing in the shadow. */
function describeCreatedId(
  created: GroupEvidence,
  groups: readonly GroupEvidence[],
  told: Set<GroupEvidence>,
): Finding | null {
  if (created.method !== "POST") return null;
  const sample = plainestSample(created);
  const ids = sample === null ? null : idsMade(sample);
  if (sample === null || ids === null) return null;
  const followUps = groups.filter((group) => group.route === created.route && !told.has(group) && isNotFound(group));
  for (const group of [created, ...followUps]) told.add(group);
  const { primary, shadow } = sidesOf(sample);
  const rest = describeDifferences(
    sample.differences.filter((difference) => difference !== ids.difference),
    sidesOf(sample),
  );
  const also = rest.clauses.length === 0 ? "" : `; ${rest.clauses[0] ?? ""}`;
  return {
    what: `POST ${sample.path}: ${primary} made id ${ids.primary}, ${shadow} made ${ids.shadow}${also}`,
    consequence: describeFollowUps(followUps, shadow),
    count: created.count,
    groups: [created, ...followUps].map((group) => group.id),
  };
}

function describeFollowUps(followUps: readonly GroupEvidence[], shadow: string): string {
  const reads = countOf(followUps.filter((group) => isRead(group.method)));
  const writes = countOf(followUps.filter((group) => !isRead(group.method)));
  if (writes === 0 && reads === 0) return `${shadow} does not know such an id: writes to it would be 404`;
  if (writes === 0) return `${plural(reads, "read")} of such ids got 404 from ${shadow}`;
  const readsToo = reads === 0 ? "" : `, and so did ${plural(reads, "read")}`;
  const later = followUps.reduce((sum, { tainted }) => sum + tainted, 0);
  const since =
    later === 0
      ? ""
      : `; ${plural(later, "later request")} for the same ids ${later === 1 ? "differs" : "differ"} as well`;
  return `${plural(writes, "follow-up write")} to such ids got 404 from ${shadow}${readsToo}${since}`;
}

/** The primary found it, the shadow did not. */
function isNotFound(group: GroupEvidence): boolean {
  return group.signature.some(
    ({ kind, primary, shadow }) => kind === "status" && /^2\d\d$/.test(primary ?? "") && shadow === "404",
  );
}

/** Groups of one route that differ in the same way, whatever the method: one cause. */
function byCause(groups: readonly GroupEvidence[]): readonly (readonly [GroupEvidence, ...GroupEvidence[]])[] {
  const causes = new Map<string, [GroupEvidence, ...GroupEvidence[]]>();
  for (const group of groups) {
    const cause = JSON.stringify([group.route, group.signature]);
    const known = causes.get(cause);
    if (known === undefined) causes.set(cause, [group]);
    else known.push(group);
  }
  return [...causes.values()];
}

function describeCause(groups: readonly [GroupEvidence, ...GroupEvidence[]]): Finding & { readonly rank: FindingRank } {
  const methods = [...new Set(groups.map((group) => group.method))].sort().join(", ");
  const common = { consequence: null, count: countOf(groups), groups: groups.map((group) => group.id) };
  const samples = groups.flatMap((group) => plainestSample(group) ?? []);
  const sample = samples[0];
  if (sample === undefined) {
    // Samples are evicted by age; the signature stays.
    return {
      ...common,
      rank: "header",
      what: `${methods} on ${groups[0].route}: ${spellSignature(groups[0].signature)}`,
    };
  }
  const { rank, clauses, more } = describeDifferences(sample.differences, sidesOf(sample));
  const furtherCount = more + sample.moreDifferences;
  const further = furtherCount === 0 ? "" : `, and ${plural(furtherCount, "more difference")}`;
  return {
    ...common,
    rank,
    what: `${methods} ${askedFor(sample)}: ${bothRefuse(sample)}${clauses.join("; ")}${further}`,
  };
}

/** Where both answer with the same error only its body differs, which is worth less to know. */
function bothRefuse({ primary, shadow }: DivergenceRecord): string {
  const same = primary.status !== null && primary.status >= 400 && primary.status === shadow?.status;
  return same ? `both answer ${primary.status}, but ` : "";
}

/** The sample whose path says it in the fewest words. */
function plainestSample(group: GroupEvidence): DivergenceRecord | null {
  let plainest: DivergenceRecord | null = null;
  for (const sample of group.samples) {
    if (sample.differences.length === 0) continue;
    if (plainest === null || askedFor(sample).length < askedFor(plainest).length) plainest = sample;
  }
  return plainest;
}

function isRead(method: string): boolean {
  return method === "GET" || method === "HEAD";
}

function countOf(groups: readonly GroupEvidence[]): number {
  return groups.reduce((sum, group) => sum + group.count, 0);
}
