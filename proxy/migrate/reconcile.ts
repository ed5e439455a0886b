/**
 * Compares two tables. Where both databases can compute digests of the rows, only key ranges whose digests differ are read.
 * Ranges that are read are compared whatever orders their keys: the source's rows, page by page, with the target's of the same
 * keys, and then the target's keys, page by page, with the source's. A merge of two ordered streams would take one pass less,
 * and be wrong where two databases sort texts in two ways. What differs is looked at again at the end: a row that was being
 * written is no difference.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { Findings } from "../compare/findings.ts";
import { diffJson } from "../compare/diff-json.ts";
import type { CompareSettings } from "../config/settings.ts";
import type { DifferenceKind } from "../evidence.ts";
import { keyOf, type KeySpan, type Row, type RowDigests, type RowKey, type RowSource, spellKey } from "../rows.ts";
import { type DigestPlan, type DigestSide, planDigests } from "./digest-plan.ts";
import { compareHashes, differingSpans, type DigestCounts, type DigestPair } from "./digest-ranges.ts";
import { type Kinds, rowJson } from "./row-json.ts";
import { AS_THEY_ARE, type Transformer } from "./transformer.ts";

/** A row that is not the same on both sides; `differences` name places, and no values: those are not for a screen. */
export type RowFinding = RowDifference & {
  /** From when it was first seen to differ to when it was looked at last. */
  readonly ageMs: number;
};

type RowDifference =
  | { readonly kind: "missing" | "extra"; readonly key: string }
  | { readonly kind: "mismatched"; readonly key: string; readonly differences: readonly FieldDifference[] }
  /** The source's row cannot be turned into one of the target. */
  | { readonly kind: "unmade"; readonly key: string; readonly why: string };

export interface FieldDifference {
  /** A column, or a place within its JSON: `/meta/tags/0`. */
  readonly at: string;
  readonly kind: DifferenceKind;
}

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

export interface ReconcileParts {
  readonly source: RowSource;
  readonly target: RowSource;
  readonly transformer: Transformer;
  readonly compare: CompareSettings;
  readonly tell: (finding: RowFinding) => void;
  readonly progress: (rows: number, of: number | null) => void;
  /** Epoch ms: rules that are past excuse nothing. */
  readonly now: number;
  /** Of a chunk that has a digest; absent: as many as fit. */
  readonly chunkRows?: number;
}

const PAGE_ROWS = 2_000;
/** Suspects that are kept to be looked at again, by key alone; further ones are told as they were found. */
const MOST_SUSPECTS = 100_000;
const RECHECKS = 3;
/** Beyond which it is not waited for that suspects become fewer: a table that is always written has always some. */
const MOST_RECHECKS = 10;
const RECHECK_AFTER_MS = 500;

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
  const report = ({ finding, since }: Suspect): void => {
    sums.found[finding.kind] += 1;
    tell({ ...finding, ageMs: Math.round(performance.now() - since) });
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
      note({ key, of: "target", since, finding: { kind: "extra", key: spellKey(key) } });
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
    }
  }
  /** Of a span in which few rows may differ: those alone are read. */
  async function readDiffering(pair: DigestPair, span: KeySpan): Promise<void> {
    const hashed = await compareHashes(pair, span);
    sums.sourceRows += hashed.sourceRows;
    sums.targetRows += hashed.targetRows;
    sums.equal += hashed.equal;
    for (const keys of groupsOf(hashed.differing)) await compareSource(await source.byKeys(keys));
    for (const keys of groupsOf(hashed.extra)) await compareTarget(keys);
    parts.progress(sums.sourceRows, estimate);
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
    for (; next.done !== true; next = await spans.next()) {
      if (next.value.hashesHelp) await readDiffering(pair, next.value);
      else await read(next.value);
    }
    digests = next.value;
  } else {
    await read({ after: null, upTo: null });
  }
  const extraUnknown = keysChange
    ? "the transform makes rows with keys of their own, so that nothing tells which row of the source one belongs to"
    : null;

  let open: readonly Suspect[] = suspects;
  for (
    let again = 0, isSettling = true;
    open.length > 0 && (again < RECHECKS || (isSettling && again < MOST_RECHECKS));
    again += 1
  ) {
    await sleep(RECHECK_AFTER_MS);
    const still = await lookAgain(open, parts, kinds);
    isSettling = still.length < open.length;
    sums.settled += Math.max(0, open.length - still.length);
    open = still;
  }
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

interface Suspect {
  readonly key: RowKey;
  /** Whose key it is. */
  readonly of: "source" | "target";
  readonly finding: RowDifference;
  /** When it was first seen, in ms of a clock that only goes forward. */
  readonly since: number;
}

interface Looked {
  readonly equal: number;
  readonly excused: number;
  readonly suspects: readonly Suspect[];
  /** A row was made whose key is not that of the row that it was made of. */
  readonly keysChange: boolean;
}

function* groupsOf(keys: readonly RowKey[]): Generator<readonly RowKey[]> {
  for (let from = 0; from < keys.length; from += PAGE_ROWS) yield keys.slice(from, from + PAGE_ROWS);
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

/** What stands at the target against these rows of the source. */
async function lookAt(rows: readonly Row[], parts: ReconcileParts, kinds: BothKinds): Promise<Looked> {
  const { source, target, transformer, compare, now } = parts;
  const made = await transformer.make(rows);
  const since = performance.now();
  const suspects: Suspect[] = [];
  const wanted: { readonly key: RowKey; readonly targetKey: string; readonly row: Row }[] = [];
  const targetKeys: RowKey[] = [];
  let keysChange = false;
  for (const [i, row] of rows.entries()) {
    const key = keyOf(row, source.key);
    const of = made[i];
    if (of === undefined) throw new TypeError("the transform answered fewer rows than it was given");
    const problem = of.ok ? null : of.why;
    if (problem !== null) {
      suspects.push({ key, of: "source", since, finding: { kind: "unmade", key: spellKey(key), why: problem } });
      continue;
    }
    for (const each of of.ok ? of.rows : []) {
      const targetKey = keyOrWhy(each, target.key);
      if (typeof targetKey === "string") {
        suspects.push({ key, of: "source", since, finding: { kind: "unmade", key: spellKey(key), why: targetKey } });
        continue;
      }
      keysChange ||= spellKey(targetKey) !== spellKey(key);
      targetKeys.push(targetKey);
      wanted.push({ key, targetKey: spellKey(targetKey), row: each });
    }
  }
  const there = new Map((await target.byKeys(targetKeys)).map((row) => [spellKey(keyOf(row, target.key)), row]));
  let equal = 0;
  let excused = 0;
  for (const { key, targetKey, row } of wanted) {
    const other = there.get(targetKey);
    if (other === undefined) {
      suspects.push({ key, of: "source", since, finding: { kind: "missing", key: targetKey } });
      continue;
    }
    const findings = new Findings(compare, now);
    // What the row says nothing of is the target's own.
    const columns = Object.keys(row);
    diffJson(rowJson(row, columns, kinds.made), rowJson(other, columns, kinds.target), findings);
    const { outcome, differences } = findings.verdict();
    if (outcome === "match") equal += 1;
    else if (outcome === "ignored") excused += 1;
    else {
      const places = differences.map(({ at, kind }) => ({ at, kind }));
      suspects.push({ key, of: "source", since, finding: { kind: "mismatched", key: targetKey, differences: places } });
    }
  }
  return { equal, excused, suspects, keysChange };
}

function keyOrWhy(row: Row, columns: readonly string[]): RowKey | string {
  try {
    return keyOf(row, columns);
  } catch (thrown) {
    return (thrown as Error).message;
  }
}

/** Of these keys of the target those that no row of the source is turned into; keys are the same on both sides. */
async function unclaimed(keys: readonly RowKey[], { source, transformer, target }: ReconcileParts) {
  const rows = await source.byKeys(keys);
  const made = await transformer.make(rows);
  const claimed = new Set<string>();
  for (const of of made) {
    // A row that cannot be made is told as such, and whatever stands in its place is not extra.
    if (of.ok) for (const row of of.rows) claimed.add(spellKey(keyOf(row, target.key)));
  }
  for (const [i, row] of rows.entries()) if (made[i]?.ok === false) claimed.add(spellKey(keyOf(row, source.key)));
  return keys.filter((key) => !claimed.has(spellKey(key)));
}

async function lookAgain(
  suspects: readonly Suspect[],
  parts: ReconcileParts,
  kinds: BothKinds,
): Promise<readonly Suspect[]> {
  const still: Suspect[] = [];
  const firstSeen = new Map(suspects.map(({ of, finding, since }) => [`${of} ${finding.key}`, since]));
  for (let from = 0; from < suspects.length; from += PAGE_ROWS) {
    const group = suspects.slice(from, from + PAGE_ROWS);
    const keys = new Map(group.filter(({ of }) => of === "source").map(({ key }) => [spellKey(key), key]));
    // A row that has gone from the source meanwhile is not missing any more.
    const rows = await parts.source.byKeys([...keys.values()]);
    still.push(...(await lookAt(rows, parts, kinds)).suspects);
    const extra = group.filter(({ of }) => of === "target");
    const present = await parts.target.byKeys(extra.map(({ key }) => key));
    const keysThere = present.map((row) => keyOf(row, parts.target.key));
    const unclaimedNow = new Set((await unclaimed(keysThere, parts)).map(spellKey));
    still.push(...extra.filter(({ key }) => unclaimedNow.has(spellKey(key))));
  }
  return still.map((each) => ({ ...each, since: firstSeen.get(`${each.of} ${each.finding.key}`) ?? each.since }));
}

interface BothKinds {
  /** Of what the source's rows are turned into. */
  readonly made: Kinds;
  readonly target: Kinds;
}

/**
 * Each side's values are read by its own columns; a decimal that the transform made is a text, and known as one by the column
 * that it is for.
 */
async function kindsOf({ source, target }: ReconcileParts): Promise<BothKinds> {
  const of = (await target.describe()).columns;
  const made = new Map((await source.describe()).columns.map(({ name, kind }) => [name, kind]));
  for (const { name, kind } of of)
    if ((kind === "decimal" && made.get(name) !== "decimal") || !made.has(name)) made.set(name, kind);
  return { made, target: new Map(of.map(({ name, kind }) => [name, kind])) };
}
