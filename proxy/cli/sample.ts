/** `crossfade reconcile --sample` */
import { CONFIDENCE } from "../migrate/sample-bound.ts";
import { type Sampled, type SampledSide, sampleRows } from "../migrate/sample-rows.ts";
import { printable } from "../controls.ts";
import { NO_PROGRESS, progressText, type RunningJobEnd } from "../rows/running-job.ts";
import { findTables, openCollection, valuesOf } from "./collection.ts";
import { rowsBar } from "./bars.ts";
import { EXIT, Exit, type ExitCode } from "./exit.ts";
import { openProgress } from "./progress.ts";
import { findingText, mappedTables, mostTold, type ReconcileFlags, reportOf } from "./reconcile.ts";
import { openTerminal } from "./terminal.ts";

export interface SampleFlags extends ReconcileFlags {
  /** Rows that are drawn from either side. */
  readonly sample: number;
}

/** Nobody is told how it ended: the gate, gaps and repairs ask for a comparison of all rows. */
export async function runSample(name: string, options: SampleFlags): Promise<ExitCode> {
  if (options.repair === true || options.dryRun === true || options.keepExtra === true) {
    throw new Exit(EXIT.usage, "--sample looks at some rows alone, and --repair asks for all; write one of them");
  }
  const named = findTables(name, options.config);
  const { collection } = named;
  const terminal = openTerminal(options);
  const values = await valuesOf(named, options);
  const tables = await openCollection(collection, { write: false });
  const progress = openProgress((line) => terminal.complain(`crossfade: ${line}`));
  const report = await reportOf(name, options);
  let howEnded: RunningJobEnd = "failed";
  const beganAt = performance.now();
  let told = 0;
  try {
    const open = values === null ? tables : await mappedTables(tables, collection.values, values);
    const sampled = await sampleRows({
      ...open,
      compare: collection.compare,
      now: Date.now(),
      rows: options.sample,
      random: Math.random,
      progress(rows) {
        const rowsPerSecond = rows / Math.max((performance.now() - beganAt) / 1000, 0.001);
        const now = { ...NO_PROGRESS, rows, rowsPerSecond };
        report.progress(now);
        progress.tell(progressText("reconcile", now), (columns) => rowsBar("reconcile", now, columns));
      },
      tell(finding) {
        told += 1;
        if (told > mostTold(options)) return;
        progress.end();
        terminal.print(
          options.json === true ? JSON.stringify({ collection: name, ...finding }) : printable(findingText(finding)),
        );
      },
    });
    progress.end();
    const differing = sampled.missing + sampled.mismatched + sampled.extra + sampled.unmade;
    report.progress({ differing });
    howEnded = "done";
    if (options.json === true) {
      terminal.print(JSON.stringify({ type: "sample", collection: name, confidence: CONFIDENCE, ...sampled }));
    } else {
      if (told > mostTold(options)) terminal.print(`and ${told - mostTold(options)} more (--limit)`);
      for (const line of sampledText(name, sampled)) terminal.print(line);
    }
    return differing > 0 || sampled.extraUnknown !== null ? EXIT.no : EXIT.done;
  } finally {
    progress.end();
    await report.end(howEnded, null);
    await tables.close();
  }
}

function sampledText(name: string, sampled: Sampled): readonly string[] {
  const { source, target, missing, mismatched, unmade, extra, settled, extraUnknown } = sampled;
  const found = [`${missing} missing`, `${mismatched} mismatched`, ...(unmade > 0 ? [`${unmade} unmade`] : [])];
  const again = settled > 0 ? `; ${settled} differed and no longer did when looked at again` : "";
  return [
    `${name}  legacy: ${drawnText(source)}: ${found.join(", ")}; ${boundText(source)}`,
    target === null
      ? `${name}  next: extra rows not looked for; ${extraUnknown}`
      : `${name}  next: ${drawnText(target)}: ${extra} extra; ${boundText(target)}`,
    `${name}  a sample tells no single row that differs, and is no clean reconcile to the gate${again}`,
  ];
}

function drawnText({ drawn, rows }: SampledSide): string {
  return rows === null ? `${drawn} rows drawn` : `${drawn} of ${rows} rows drawn`;
}

function boundText({ shareAtMost, drawn, rows }: SampledSide): string {
  if (rows !== null && drawn >= rows) return "that is all of them";
  const share = `at most ${percentAtMost(shareAtMost)} % differ (${CONFIDENCE * 100} % confidence)`;
  return rows === null ? share : `${share}: up to ${Math.ceil(shareAtMost * rows)} rows`;
}

/** Two digits, and never less than it is. */
function percentAtMost(share: number): string {
  const percent = share * 100;
  const rounded = Number(percent.toPrecision(2));
  if (rounded >= percent) return String(rounded);
  return String(Number((rounded + 10 ** (Math.floor(Math.log10(percent)) - 1)).toPrecision(2)));
}
