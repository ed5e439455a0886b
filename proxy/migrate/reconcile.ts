/**
 * Compares two tables. Where both databases can compute digests of the rows, only key ranges whose digests differ are read.
 * Ranges that are read are compared whatever orders their keys: the source's rows, page by page, with the target's of the same
 * keys, and then the target's keys, page by page, with the source's. A merge of two ordered streams would take one pass less,
 * and be wrong where two databases sort texts in two ways. What differs is looked at again at the end: a row that was being
 * written is no difference.
 */
import { keyOf, type KeySpan, type Row, type RowDigests, type RowKey, type RowSource, spellKey } from "../rows/rows.ts";
import {
  type ComparedPair,
  groupsOf,
  KEYS_CHANGE,
  kindsOf,
  lookAt,
  PAGE_ROWS,
  type RowDifference,
  type Suspect,
  unclaimed,
} from "./compare-rows.ts";
import { type DigestPlan, type DigestSide, planDigests } from "./digest-plan.ts";
import { compareHashes, differingSpans, type DigestCounts, type DigestPair, type HashedSpan } from "./digest-ranges.ts";
import { settleSuspects } from "./settle-suspects.ts";
import { AS_THEY_ARE } from "./transformer.ts";

/** A row that is not the same on both sides. */
export type RowFinding = RowDifference & {
  /** From when it was first seen to differ to when it was looked at last. */
  readonly ageMs: number;
};

export interface Reconciled {
  readonly sourceRows: number;
  readonly targetRows: number;
  readonly equal: number;
  /** Equal but for what a rule excuses. */
  readonly excused: number;
  readonly missing: number;
  readonly mismatched: number;
  readonly extra: number;
  readonly unmade: number;
  /** Differed, and no longer did when they were looked at again. */
  readonly settled: number;
  /** null: there were none, and `noDigests` says why. */
  readonly digests: DigestCounts | null;
  readonly noDigests: string | null;
  /** null: the target was looked through for rows that the source has not; else why it could not be. */
  readonly extraUnknown: string | null;
}

export interface ReconcileParts extends ComparedPair {
  readonly tell: (finding: RowFinding, suspect: Suspect) => void;
  readonly progress: (rows: number, of: number | null) => void;
  /** Of the target, looked through for those that the source has not. Absent: nobody hears of it. */
  readonly lookedThrough?: (rows: number) => void;
  /** Of a chunk that has a digest; absent: as many as fit. */
  readonly chunkRows?: number;
}

/** Suspects that are kept to be looked at again, by key alone; further ones are told as they were found. */
const MOST_SUSPECTS = 100_000;

interface Tally {
  sourceRows: number;
  targetRows: number;
  equal: number;
  excused: number;
  settled: number;
  readonly found: Record<RowFinding["kind"], number>;
}

/** @throws CrossfadeError where a database or the transform fails */
export async function reconcile(parts: ReconcileParts): Promise<Reconciled> {
  const { source, target, tell } = parts;
  const kinds = await kindsOf(parts);
  const sums: Tally = {
    sourceRows: 0,
    targetRows: 0,
    equal: 0,
    excused: 0,
    settled: 0,
    found: { missing: 0, extra: 0, mismatched: 0, unmade: 0 },
  };
  const suspects: Suspect[] = [];
  let keysChange = false;
  const { estimate } = await source.describe();

  const note = (suspect: Suspect): void => {
    if (suspects.length < MOST_SUSPECTS) suspects.push(suspect);
    else report(suspect);
  };
  const report = (suspect: Suspect): void => {
    const { finding, since } = suspect;
    sums.found[finding.kind] += 1;
    tell({ ...finding, ageMs: Math.round(performance.now() - since) }, suspect);
  };

  async function compareSource(rows: readonly Row[]): Promise<void> {
    const looked = await lookAt(rows, parts, kinds);
    keysChange ||= looked.keysChange;
    sums.equal += looked.equal;
    sums.excused += looked.excused;
    looked.suspects.forEach(note);
  }
  async function compareTarget(keys: readonly RowKey[]): Promise<void> {
    if (keysChange) return;
    const since = performance.now();
    for (const key of await unclaimed(keys, parts)) {
      note({ key, targetKey: key, of: "target", since, finding: { kind: "extra", key: spellKey(key) } });
    }
  }
  async function read(span: KeySpan): Promise<void> {
    for await (const rows of pagesOf(source, span)) {
      await compareSource(rows);
      sums.sourceRows += rows.length;
      parts.progress(sums.sourceRows, estimate);
    }
    for await (const rows of pagesOf(target, span)) {
      sums.targetRows += rows.length;
      await compareTarget(rows.map((row) => keyOf(row, target.key)));
      parts.lookedThrough?.(sums.targetRows);
    }
  }
  /** Of a span in which few rows may differ: those alone are read. */
  async function readDiffering(pair: DigestPair, span: KeySpan): Promise<HashedSpan> {
    const hashed = await compareHashes(pair, span);
    sums.sourceRows += hashed.sourceRows;
    sums.targetRows += hashed.targetRows;
    sums.equal += hashed.equal;
    for (const keys of groupsOf(hashed.differing)) await compareSource(await source.byKeys(keys));
    for (const keys of groupsOf(hashed.extra)) await compareTarget(keys);
    parts.progress(sums.sourceRows, estimate);
    return hashed;
  }

  const plan = await planOf(parts);
  let digests: DigestCounts | null = null;
  if (plan.possible) {
    const equal = (rows: number): void => {
      sums.sourceRows += rows;
      sums.targetRows += rows;
      sums.equal += rows;
      parts.progress(sums.sourceRows, estimate);
    };
    const pair: DigestPair = {
      ...plan,
      equal,
      ...(parts.chunkRows === undefined ? {} : { chunkRows: parts.chunkRows }),
    };
    const spans = differingSpans(pair);
    let next = await spans.next();
    while (next.done !== true) {
      if (next.value.hashesHelp) next = await spans.next(await readDiffering(pair, next.value));
      else {
        await read(next.value);
        next = await spans.next();
      }
    }
    digests = next.value;
  } else {
    await read({ after: null, upTo: null });
  }
  const extraUnknown = keysChange ? KEYS_CHANGE : null;

  const open = await settleSuspects(suspects, parts, kinds);
  sums.settled += Math.max(0, suspects.length - open.length);
  open.forEach(report);
  const { found, ...rest } = sums;
  return { ...rest, ...found, digests, noDigests: plan.possible ? null : plan.why, extraUnknown };
}

type PossibleDigests = Extract<DigestPlan, { possible: true }> & {
  readonly source: RowDigests;
  readonly target: RowDigests;
};

async function planOf({
  source,
  target,
  transformer,
}: ReconcileParts): Promise<PossibleDigests | Extract<DigestPlan, { possible: false }>> {
  const side = async (of: RowSource): Promise<DigestSide> => ({
    digests: of.digests,
    key: of.key,
    keyOrder: (await of.digests?.keyOrder()) ?? null,
    shape: await of.describe(),
  });
  const plan = planDigests(await side(source), await side(target), transformer !== AS_THEY_ARE);
  if (!plan.possible) return plan;
  if (source.digests === null || target.digests === null) throw new TypeError("a plan needs the digests of both");
  return { ...plan, source: source.digests, target: target.digests };
}

async function* pagesOf(table: RowSource, span: KeySpan): AsyncGenerator<readonly Row[]> {
  for (let { after } = span; ;) {
    const { rows, isFull } = await table.page(after, PAGE_ROWS, span.upTo);
    if (rows.length > 0) yield rows;
    const last = rows.at(-1);
    if (!isFull || last === undefined) return;
    after = keyOf(last, table.key);
  }
}
