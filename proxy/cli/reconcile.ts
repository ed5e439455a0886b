/** `crossfade reconcile` */
import type { CollectionValues, MarkSettings } from "../config/collection-settings.ts";
import type { CompareSettings } from "../config/compare-settings.ts";
import { kindsOf, lookAgain, type Suspect } from "../migrate/compare-rows.ts";
import { mappingTransformer, type SourceKeys, sourceKeysBy } from "../migrate/mapped-rows.ts";
import { reconcile, type Reconciled, type RowFinding } from "../migrate/reconcile.ts";
import { type Repaired, repairRows } from "../migrate/repair-rows.ts";
import type { ReconcileReport } from "../rows/row-jobs.ts";
import type { RowValues } from "../rows/row-values.ts";
import { whyNotWritten } from "./acting-route.ts";
import { type ApiOptions, openApi } from "./api.ts";
import { findTables, type OpenCollection, openCollection, valuesOf } from "./collection.ts";
import { bar, rowsBar } from "./bars.ts";
import { EXIT, Exit, type ExitCode } from "./exit.ts";
import { NO_PROGRESS, progressText, type RunningJobEnd } from "../rows/running-job.ts";
import { type JobReport, openJobReport } from "./job-report.ts";
import { openProgress, type Progress } from "./progress.ts";
import { spellCount } from "../admin/sentences.ts";
import { openRowJob } from "./row-job-ends.ts";
import { openTerminal, type Terminal } from "./terminal.ts";
import { printable } from "../controls.ts";

export interface ReconcileFlags extends ApiOptions {
  readonly json?: boolean;
  readonly color?: boolean;
  readonly repair?: boolean;
  readonly dryRun?: boolean;
  readonly keepExtra?: boolean;
  readonly limit?: number;
  /** So many rows of each side, drawn at random. */
  readonly sample?: number;
}

/** More rows than these are repaired by the next run. */
const MOST_REPAIRS = 100_000;
/** Places of one row that are told on its line. */
const PLACES = 5;

export async function runReconcile(name: string, options: ReconcileFlags): Promise<ExitCode> {
  const named = findTables(name, options.config);
  const { collection, route } = named;
  if (options.repair !== true && (options.dryRun === true || options.keepExtra === true)) {
    throw new Exit(EXIT.usage, "--dry-run and --keep-extra are of a repair; write --repair too");
  }
  const repairs = options.repair === true && options.dryRun !== true;
  const whyNot = repairs ? await whyNotWritten(route, options.config) : null;
  if (whyNot !== null) throw new Exit(EXIT.no, whyNot);
  const terminal = openTerminal(options);
  const values = await valuesOf(named, options);
  const tables = await openCollection(collection, { write: repairs });
  const progress = openProgress((line) => terminal.complain(`crossfade: ${line}`));
  const report = await reportOf(name, options);
  let howEnded: RunningJobEnd = "failed";
  const limit = mostTold(options);
  const beganAt = performance.now();
  let told = 0;
  const toRepair: Suspect[] = [];
  try {
    const job = await openRowJob(named, options);
    const open = values === null ? tables : await mappedTables(tables, collection.values, values);
    const sums = await reconcile({
      ...open,
      compare: collection.compare,
      now: Date.now(),
      progress(rows, estimate) {
        const rowsPerSecond = rows / Math.max((performance.now() - beganAt) / 1000, 0.001);
        const now = { ...NO_PROGRESS, rows, estimate, rowsPerSecond, differing: told };
        report.progress(now);
        progress.tell(progressText("reconcile", now), (columns) => rowsBar("reconcile", now, columns));
      },
      lookedThrough: (rows) => progress.tell(`${spellCount(rows)} rows of next looked through for extra ones`),
      tell: (finding, suspect) => {
        told += 1;
        if (repairs && toRepair.length < MOST_REPAIRS) toRepair.push(suspect);
        if (told > limit) return;
        progress.end();
        const value = options.repair === true ? stepFor(finding, options) : finding;
        if (options.json === true) terminal.print(JSON.stringify({ collection: name, ...value }));
        else terminal.print(printable(options.repair === true ? stepText(finding, options) : findingText(finding)));
      },
    });
    progress.end();
    report.progress({ rows: sums.sourceRows });
    const differing = sums.missing + sums.mismatched + sums.extra + sums.unmade;
    if (options.json === true) terminal.print(JSON.stringify({ type: "reconcile", collection: name, ...sums }));
    else {
      if (told > limit) terminal.print(`and ${told - limit} more (--limit)`);
      terminal.complain(`crossfade: ${howText(sums)}`);
      terminal.print(sumsText(name, sums));
      if (options.repair === true && !repairs && differing > 0) {
        terminal.print("This is a plan. Nothing was changed: without --dry-run it is done.");
      }
    }
    const { sourceRows, targetRows, missing, mismatched, extra, unmade, extraUnknown } = sums;
    const around = collection.marks === null ? null : await countAround(tables, collection.marks);
    if (around !== null) tellAround(name, around, terminal, options);
    const found = {
      sourceRows,
      targetRows,
      missing,
      mismatched,
      extra: extraUnknown === null ? extra : null,
      unmade,
      around,
    };
    const end = async (report: typeof found): Promise<void> => {
      const words = await job.end({ job: "reconcile", ...report });
      if (words !== null) terminal.complain(`crossfade: ${words}`);
    };
    report.progress({ differing });
    howEnded = "done";
    if (repairs && toRepair.length > 0) {
      const left = await repair(name, toRepair, { open, compare: collection.compare }, { options, progress });
      const isEqual = left === 0 && told <= toRepair.length;
      await end(
        isEqual ? { ...found, missing: 0, mismatched: 0, unmade: 0, extra: found.extra === null ? null : 0 } : found,
      );
      return left > 0 || told > toRepair.length || sums.extraUnknown !== null ? EXIT.no : EXIT.done;
    }
    await end(found);
    // What could not be looked for may be there.
    return differing > 0 || sums.extraUnknown !== null ? EXIT.no : EXIT.done;
  } finally {
    progress.end();
    await report.end(howEnded, null);
    await tables.close();
  }
}

const DEFAULT_LIMIT = 100;

/** Rows that are told one by one. */
export function mostTold({ limit, json }: ReconcileFlags): number {
  return limit ?? (json === true ? Number.POSITIVE_INFINITY : DEFAULT_LIMIT);
}

/** To the proxy that the configuration names, if it answers. */
export async function reportOf(collection: string, options: ReconcileFlags): Promise<JobReport> {
  const api = await openApi(options).catch(() => null);
  const isDry = options.repair === true && options.dryRun === true;
  return openJobReport(api, { kind: "reconcile", collection, dryRun: isDry }, () => undefined);
}

type Around = NonNullable<ReconcileReport["around"]>;

/** @throws Exit where a table cannot tell them */
async function countAround({ source, target }: OpenCollection, marks: MarkSettings): Promise<Around> {
  const asked = { ...marks, since: new Date(marks.since).toISOString() };
  const count = async (table: OpenCollection["source"]): Promise<number> => {
    const { columns } = await table.describe();
    const absent = [marks.column, marks.changedAt].find((column) => !columns.some((each) => each.name === column));
    if (absent !== undefined) throw new Exit(EXIT.no, `marks: ${table.name} has no column ${absent}`);
    if (table.unmarked === undefined)
      throw new Exit(EXIT.no, `marks: ${table.name} cannot count changes by their marks`);
    return await table.unmarked(asked);
  };
  return { legacy: await count(source), next: await count(target) };
}

function tellAround(name: string, around: Around, terminal: Terminal, { json }: ReconcileFlags): void {
  if (json === true) terminal.print(JSON.stringify({ type: "around", collection: name, ...around }));
  else terminal.print(`${name}  changed around the proxy: ${around.legacy} rows of legacy, ${around.next} of next`);
}

interface ComparedTables extends OpenCollection {
  readonly sourceKeys?: SourceKeys | undefined;
}

/** Rows are compared under the ids that next has for them. */
export async function mappedTables(
  tables: OpenCollection,
  values: CollectionValues,
  ask: RowValues,
): Promise<ComparedTables> {
  return {
    ...tables,
    transformer: mappingTransformer(tables.transformer, values, ask),
    sourceKeys: await sourceKeysBy(values, tables, ask),
  };
}

/** Returns how many rows still differ. */
async function repair(
  name: string,
  suspects: readonly Suspect[],
  { open, compare }: { readonly open: ComparedTables; readonly compare: CompareSettings },
  { options, progress }: { readonly options: ReconcileFlags; readonly progress: Progress },
): Promise<number> {
  const terminal = openTerminal(options);
  const done = await repairRows(suspects, {
    ...open,
    keepExtra: options.keepExtra === true,
    progress(rows, of) {
      const words = `${spellCount(rows)} of ${spellCount(of)} rows repaired`;
      progress.tell(words, () => `${bar(rows / of)} ${words}`);
    },
  });
  await open.target.settleCounters();
  const left = await lookAgain(suspects, { ...open, compare, now: Date.now() }, await kindsOf(open));
  progress.end();
  if (options.json === true) {
    for (const each of done.refused) terminal.print(JSON.stringify({ type: "refused", collection: name, ...each }));
    const counts = { ...done, refused: done.refused.length };
    terminal.print(JSON.stringify({ type: "repair", collection: name, ...counts, stillDiffering: left.length }));
    return left.length;
  }
  for (const { key, why } of done.refused) terminal.print(printable(`refused         ${key}  ${why}`));
  terminal.print(repairText(name, done, left.length));
  return left.length;
}

function repairText(name: string, done: Repaired, left: number): string {
  const parts = [
    `${done.added} added`,
    `${done.replaced} written over`,
    `${done.removed} removed`,
    ...(done.changed > 0 ? [`${done.changed} left, since they had changed meanwhile`] : []),
    ...(done.refused.length > 0 ? [`${done.refused.length} refused`] : []),
  ];
  const verified = left === 0 ? "looked at again, all are equal" : `looked at again, ${left} still differ`;
  return `${name}  ${parts.join(", ")}; ${verified}`;
}

export function findingText(finding: RowFinding): string {
  const { kind, key } = finding;
  if (finding.kind === "unmade") return `${kind.padEnd(10)}  ${key}  ${finding.why}`;
  if (finding.kind !== "mismatched") return `${kind.padEnd(10)}  ${key}`;
  const places = finding.differences.slice(0, PLACES).map((each) => `${each.at} (${each.kind})`);
  const more = finding.differences.length - places.length;
  return `${kind.padEnd(10)}  ${key}  ${places.join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}

type Step = { readonly step: "upsert" | "delete" | "keep" | "mend-transform"; readonly key: string };

function stepFor({ kind, key }: RowFinding, { keepExtra }: ReconcileFlags): Step {
  switch (kind) {
    case "missing":
    case "mismatched":
      return { step: "upsert", key };
    case "extra":
      return { step: keepExtra === true ? "keep" : "delete", key };
    case "unmade":
      return { step: "mend-transform", key };
    default:
      return kind satisfies never;
  }
}

function stepText(finding: RowFinding, options: ReconcileFlags): string {
  const { step, key } = stepFor(finding, options);
  return `${step.padEnd(14)}  ${key}  (${finding.kind})`;
}

function sumsText(name: string, sums: Reconciled): string {
  const { sourceRows, targetRows, equal, excused, missing, mismatched, extra, unmade, settled, extraUnknown } = sums;
  const parts = [
    `${equal} equal`,
    ...(excused > 0 ? [`${excused} excused`] : []),
    `${missing} missing`,
    `${mismatched} mismatched`,
    extraUnknown === null ? `${extra} extra` : "extra rows not looked for",
    ...(unmade > 0 ? [`${unmade} unmade`] : []),
  ];
  const again = settled > 0 ? `; ${settled} differed and no longer did when looked at again` : "";
  const unknown = extraUnknown === null ? "" : `; ${extraUnknown}`;
  return `${name}  ${sourceRows} rows against ${targetRows}: ${parts.join(", ")}${again}${unknown}`;
}

function howText({ digests, noDigests }: Reconciled): string {
  if (digests === null) return `every row was read: ${noDigests ?? "there were no digests"}`;
  const gaveUp = digests.gaveUp ? " (most rows of the first ones did, so all others were read)" : "";
  return `by digests: ${digests.chunks} chunks of rows, of which ${digests.differing} differed and were looked into${gaveUp}`;
}
