/** `crossfade backfill` */
import { type BackfillEnd, type BackfillLane, type BackfillProgress, runBackfill } from "../migrate/backfill.ts";
import { type Checkpoint, writeCheckpoint } from "../migrate/checkpoint.ts";
import { withoutWriting } from "../migrate/dry-target.ts";
import { mapRows } from "../migrate/mapped-rows.ts";
import { versionConflicts } from "../migrate/version-conflicts.ts";
import { PHASE_ROLES } from "../moves/phases.ts";
import type { JobRecord } from "../repair-job.ts";
import { progressText, type RunningJobProgress } from "../rows/running-job.ts";
import type { RowValues } from "../rows/row-values.ts";
import { actingRoute } from "./acting-route.ts";
import type { Api } from "./api.ts";
import { beginning, splitInto, whyOneRange } from "./backfill-beginning.ts";
import { type BackfillFlags, choiceOf } from "./backfill-flags.ts";
import { tell } from "./backfill-text.ts";
import { throttleOf, waitFor } from "./backfill-throttle.ts";
import { tryRows, writeTypes } from "./backfill-try.ts";
import { chosenOf } from "./chosen-rows.ts";
import { findTables, type NamedCollection, type OpenCollection, openCollection, valuesOf } from "./collection.ts";
import { rowsBar } from "./bars.ts";
import { EXIT, Exit, type ExitCode, Refused } from "./exit.ts";
import { type JobReport, openJobReport } from "./job-report.ts";
import { openLiveBackfill } from "./live-writes.ts";
import { openProgress } from "./progress.ts";
import { openRowJob, type RowJobTeller } from "./row-job-ends.ts";
import { watchRun } from "./repair.ts";
import { formatJob, isAllRepaired } from "./repair-text.ts";
import { openTerminal, type Terminal } from "./terminal.ts";
import { printable } from "../controls.ts";

export async function runBackfillCommand(name: string, options: BackfillFlags): Promise<ExitCode> {
  const named = findTables(name, options.config);
  if (options.types !== undefined) return await writeTypes(named, options.types, options);
  if (options.keys !== undefined && options.since !== undefined)
    throw new Exit(EXIT.usage, "--keys and --since each say which rows are brought over; write one of them");
  if (options.ranges !== undefined && choiceOf(options) !== null)
    throw new Exit(EXIT.usage, "--ranges splits the whole table; write it without --keys and --since");
  const writes = options.dryRun !== true && options.try === undefined;
  const running = await whoRuns(named, options, writes);
  const values = writes ? await valuesOf(named, options) : null;
  const all = await openCollection(named.collection, { write: writes });
  try {
    const open = { ...all, source: await chosenOf(all.source, named.collection, options) };
    if (options.try !== undefined) return await tryRows(open, named, options.try, options);
    return await backfill(open, named, { writes, values, ...running }, options);
  } finally {
    await all.close();
  }
}

interface Running {
  /** The proxy that mirrors live writes of the same rows; null: nobody does, and rows are at rest. */
  readonly beside: Api | null;
  /** The proxy that is told how far it is; null: none answers. */
  readonly proxy: Api | null;
}

/**
 * Asked of the file, and of the proxy where one answers: a phase may have been moved, or mirroring switched, since the file was
 * written. What writes nothing asks nobody before it begins.
 */
async function whoRuns(
  { collection, route }: NamedCollection,
  options: BackfillFlags,
  writes: boolean,
): Promise<Running> {
  const { api, acting, why } = await actingRoute(route, options);
  if (!writes || PHASE_ROLES[acting.phase].shadow === null || !acting.mirror.writes)
    return { beside: null, proxy: api };
  if (api !== null) return { beside: api, proxy: api };
  throw new Exit(
    EXIT.no,
    `route ${route.name} is in ${acting.phase} and its writes are mirrored, and the proxy that mirrors them has to be asked ` +
      `before a row is written beside them: ${why}. Start it, name it with --admin URL, or backfill ${collection.name} while ` +
      "the route is legacy-only, or with its writes switched off (mirror: { writes: false })",
  );
}

interface How extends Running {
  readonly writes: boolean;
  /** null: rows have the same ids at both services. */
  readonly values: RowValues | null;
}

async function backfill(
  open: OpenCollection,
  { collection, route, next }: NamedCollection,
  { writes, beside, proxy, values }: How,
  options: BackfillFlags,
): Promise<ExitCode> {
  const terminal = openTerminal(options);
  const choice = choiceOf(options);
  const ownName = choice === null ? collection.name : `${collection.name}.${choice}`;
  const file = options.checkpoint ?? `./crossfade-backfill-${ownName}.json`;
  const whyOne = options.ranges === undefined ? null : whyOneRange(beside, values, open);
  if (whyOne !== null) throw new Exit(EXIT.no, `${collection.name} is brought over as one range: ${whyOne}`);
  const begun = await beginning(open, collection, { file: writes ? file : null, beside: beside !== null }, options);
  const from = await splitInto(options.ranges ?? 1, begun, open.source);
  if (from.done) {
    tell(terminal, { kind: "done", checkpoint: from }, file, options);
    terminal.complain(`crossfade: it was done before; --restart does it again`);
    return codeOf({ kind: "done", checkpoint: from });
  }
  if (from.read > 0) terminal.complain(`crossfade: going on after ${from.read} rows (${file})`);
  const progress = openProgress((line) => terminal.complain(`crossfade: ${line}`));
  const stop = new AbortController();
  let told: JobReport | null = null;
  const waits = (why: string | null): void => {
    told?.progress({ waiting: why });
    if (why !== null) progress.tell(`waiting: ${printable(why)}`);
  };
  const live = beside === null ? null : await openLiveBackfill(beside, { collection, next }, open, waits);
  // Of some rows the gate makes nothing: it asks whether all were brought over.
  const job = writes && choice === null ? await openRowJob({ collection, route, next }, options) : null;
  // From here on: one that is refused has not begun.
  const order = { kind: "backfill", collection: collection.name, dryRun: !writes } as const;
  const report = openJobReport(proxy, order, () => stop.abort());
  told = report;
  await report.asked;
  const { version } = collection.target;
  const lanes: OpenCollection[] = [];
  const laneOf = (tables: OpenCollection): BackfillLane => ({
    ...tables,
    target: writes ? tables.target : withoutWriting(tables.target),
    conflictsOf: async (rows) =>
      version === null
        ? []
        : await versionConflicts(rows, tables.target, { version, compare: collection.compare, now: Date.now() }),
    throttle: throttleOf({ collection, options, report, live, open: tables, waits }),
  });
  let how: "done" | "stopped" | null = null;
  const onSignal = (): void => stop.abort();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, onSignal);
  try {
    while (lanes.length + 1 < Math.min(options.ranges ?? 1, from.ranges?.length ?? 1)) {
      lanes.push(await openCollection(collection, { write: writes }));
    }
    const end = await runBackfill(
      {
        ...laneOf(open),
        more: lanes.map(laneOf),
        mapped: values === null ? null : (rows) => mapRows(rows, collection.values, values, true),
        live,
        note: (checkpoint) => {
          if (writes) writeCheckpoint(file, checkpoint);
        },
        progress: (state) => {
          const now = progressOf(state);
          report.progress(now);
          progress.tell(progressText("backfill", now), (columns) => rowsBar("backfill", now, columns));
        },
        now: () => performance.now(),
        wait: waitFor,
      },
      from,
      {
        mostSetAside: options.maxSetAside,
        chunkRows: options.chunk ?? null,
        signal: stop.signal,
      },
    );
    how = end.kind === "done" ? "done" : "stopped";
    await live?.end(how);
    await report.end(how, null);
    progress.end();
    tell(terminal, end, writes ? file : null, options);
    if (end.kind === "done") await tellGate(job, end.checkpoint, terminal);
    const isRepaired =
      beside === null || end.kind !== "done" || end.checkpoint.toRepair === 0
        ? true
        : await repairRest(beside, route.name, terminal, options);
    return isRepaired ? codeOf(end) : EXIT.no;
  } catch (thrown) {
    if (how === null) await report.end("failed", thrown instanceof Error ? thrown.message : String(thrown));
    throw thrown;
  } finally {
    if (how === null) await live?.end("stopped");
    for (const each of lanes) await each.close();
    progress.end();
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.off(signal, onSignal);
  }
}

async function tellGate(job: RowJobTeller | null, checkpoint: Checkpoint, terminal: Terminal): Promise<void> {
  const { read, written, setAside, conflicts } = checkpoint;
  const counts = { read, written, setAside: setAside.length, conflicts: conflicts.length };
  const words = (await job?.end({ job: "backfill", ...counts })) ?? null;
  if (words !== null) terminal.complain(`crossfade: ${words}`);
}

function codeOf({ kind, checkpoint: { setAside, conflicts } }: BackfillEnd): ExitCode {
  return kind === "done" && setAside.length === 0 && conflicts.length === 0 ? EXIT.done : EXIT.no;
}

/** Rows that were written too often are made equal by state, as all that is on the route's repair list. */
async function repairRest(api: Api, route: string, terminal: Terminal, options: BackfillFlags): Promise<boolean> {
  let started: JobRecord | null;
  try {
    started = await api.post<JobRecord>("/api/v1/repairs/run", { route });
  } catch (thrown) {
    if (!(thrown instanceof Refused)) throw thrown;
    terminal.complain(`crossfade: ${thrown.message}; then: crossfade repair --route ${route}`);
    return false;
  }
  if (started === null) throw api.stranger();
  const job = await watchRun(api, started, terminal, options.json === true);
  if (options.json === true) terminal.print(JSON.stringify({ type: "repair", ...job }));
  else for (const line of formatJob(job, terminal.width, terminal.paint)) terminal.print(line);
  return isAllRepaired(job);
}

function progressOf({ checkpoint, estimate, rowsPerSecond }: BackfillProgress): RunningJobProgress {
  const { read, written, setAside, conflicts } = checkpoint;
  const rows = { rows: read, estimate, rowsPerSecond, written, setAside: setAside.length + conflicts.length };
  return { ...rows, differing: 0, waiting: null };
}
