import type { AuditEntry } from "../../proxy/evidence/audit.ts";
import type {
  DivergenceRecord,
  GapRecord,
  GroupDecision,
  GroupRecord,
  RepairRecord,
} from "../../proxy/evidence/evidence.ts";
import type { DivergenceQuery, Store } from "../../proxy/ports.ts";
import type { StoredPair } from "../../proxy/evidence/stored-pair.ts";
import type { ValuePairRow } from "../../proxy/ids/value-pairs.ts";

export interface FixedEvidence {
  readonly divergences?: readonly DivergenceRecord[];
  readonly groups?: readonly GroupRecord[];
  readonly repairs?: readonly RepairRecord[];
  readonly gaps?: readonly GapRecord[];
  readonly pairs?: readonly StoredPair[];
  readonly values?: readonly ValuePairRow[];
  readonly audit?: readonly AuditEntry[];
}

export interface FixedStore extends Store {
  /** The queries that divergences were asked with, in order. */
  readonly asked: DivergenceQuery[];
  readonly decided: { readonly id: string; readonly decision: GroupDecision }[];
}

/** A store whose evidence is given: it filters nothing and pages by position, so that a test sees what it was asked. */
export function fixedStore(evidence: FixedEvidence = {}): FixedStore {
  const { divergences = [], groups = [], repairs = [], gaps = [], pairs = [], values = [] } = evidence;
  const asked: DivergenceQuery[] = [];
  const decided: FixedStore["decided"] = [];
  function page<T>(items: readonly T[], { limit, cursor = "0" }: { limit: number; cursor?: string }) {
    const from = Number(cursor);
    const end = from + limit;
    return Promise.resolve({ items: items.slice(from, end), next: end < items.length ? String(end) : null });
  }
  return {
    asked,
    decided,
    generation: 1,
    append: () => undefined,
    flush: () => Promise.resolve(),
    health: () => ({ kind: "memory", problem: null, isKeeping: true, lostWrites: 0, pendingWrites: 0 }),
    journalMark: () => 0,
    outcomeCounts: () => Promise.resolve([]),
    phases: () => Promise.resolve([]),
    movePhases: () => Promise.resolve("done"),
    eligibleCounts: () => Promise.resolve([]),
    divergences(query) {
      asked.push(query);
      return page(divergences, query);
    },
    divergence: (id) => Promise.resolve(divergences.find((record) => record.id === id) ?? null),
    groups: (query) =>
      page(
        groups.map((group) => ({
          ...group,
          samples: divergences.filter((record) => record.group === group.id).map(({ id }) => id),
        })),
        query,
      ),
    group(id) {
      const group = groups.find((candidate) => candidate.id === id);
      const samples = divergences.filter((record) => record.group === id);
      return Promise.resolve(group === undefined ? null : { group, samples });
    },
    decideGroup(id, decision) {
      const group = groups.find((candidate) => candidate.id === id);
      decided.push({ id, decision });
      return Promise.resolve(group === undefined ? null : { ...group, state: decision.state, decision });
    },
    overrides: () => Promise.resolve([]),
    rowJobs: () => Promise.resolve([]),
    audit: (query) => page(evidence.audit ?? [], query),
    eraseDivergences: () => Promise.resolve({ records: 0, samples: 0, pairs: 0, setAside: [] }),
    pairs: (query) => page(pairs, query),
    pair: (id) => Promise.resolve(pairs.find((pair) => pair.id === id) ?? null),
    pairsKept: () => ({ kept: pairs.length, bytes: 0, limitBytes: 64 * 1024 * 1024, lost: 0 }),
    onGroupEvent: () => () => undefined,
    repairs: (query) => page(repairs, query),
    repairWork: () => Promise.resolve([]),
    endRepair: () => Promise.resolve("changed"),
    gaps: (query) => page(gaps, query),
    openWork: () => Promise.resolve([]),
    places: () => Promise.resolve([]),
    teachValues: (pairs) => Promise.resolve(pairs.map(() => "kept" as const)),
    findValues: (sought) => Promise.resolve(sought.map(() => null)),
    valuePairs: (query) => page(values, query),
    gateEvidence: () => Promise.resolve([]),
    othersGateEvidence: () => Promise.resolve([]),
    leanings: () => Promise.resolve([]),
    close: () => Promise.resolve(),
  };
}
