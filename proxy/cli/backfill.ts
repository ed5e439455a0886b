/** `crossfade backfill` */
import { existsSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import {
  type BackfillEnd,
  type BackfillLane,
  type BackfillProgress,
  fingerprintOf,
  firstCheckpoint,
  rangesBetween,
  runBackfill,
} from "../migrate/backfill.ts";
import { type Checkpoint, readCheckpoint, removeCheckpoint, writeCheckpoint } from "../migrate/checkpoint.ts";
import { withoutWriting } from "../migrate/dry-target.ts";
import { mapRows } from "../migrate/mapped-rows.ts";
import { spellRowTypes } from "../migrate/row-types.ts";
import { createThrottle, type Throttle } from "../migrate/throttle.ts";
import { versionConflicts } from "../migrate/version-conflicts.ts";
import { PHASE_ROLES } from "../moves/phases.ts";
import type { JobRecord } from "../repair-job.ts";
import { progressText, type RunningJobProgress } from "../rows/running-job.ts";
import { keyOf, spellKey } from "../rows/rows.ts";
import type { RowValues } from "../rows/row-values.ts";
import { actingRoute } from "./acting-route.ts";
import type { Api, ApiOptions } from "./api.ts";
import { chosenOf, chosenText } from "./chosen-rows.ts";
import {
  digestOfRules,
  findTables,
  type NamedCollection,
  type OpenCollection,
  openCollection,
  valuesOf,
} from "./collection.ts";
import { rowsBar } from "./bars.ts";
import { EXIT, Exit, type ExitCode, Refused } from "./exit.ts";
import { type JobReport, openJobReport } from "./job-report.ts";
import { type LiveBackfill, openLiveBackfill } from "./live-writes.ts";
import type { TimeOrOff } from "./options.ts";
import { openProgress } from "./progress.ts";
import { openRowJob, type RowJobTeller } from "./row-job-ends.ts";
import { watchRun } from "./repair.ts";
import { formatJob, isAllRepaired } from "./repair-text.ts";
import { rowShown } from "./row-text.ts";
import { openTerminal, type Terminal } from "./terminal.ts";
import { printable } from "../controls.ts";

export interface BackfillFlags extends ApiOptions {
  readonly json?: boolean;
  readonly color?: boolean;
  readonly dryRun?: boolean;
  readonly try?: number;
  readonly types?: string;
  /** A file with a key a line, or keys with commas in between. */
  readonly keys?: string;
  /** ISO 8601, UTC. */
  readonly since?: string;
  /** Ranges of keys that are brought over at the same time. */
  readonly ranges?: number;
  readonly restart?: boolean;
  readonly checkpoint?: string;
  readonly maxRate?: number;
  /** ms; null: off. */
  readonly maxLag: TimeOrOff;
  /** ms; null: off. */
  readonly maxLatency: TimeOrOff;
  readonly pauseFile?: string;
  readonly chunk?: number;
  readonly maxSetAside: number;
}

/** Set-aside rows that are told one by one; the checkpoint has them all. */
const SHOWN = 20;

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

/** What tells a backfill of some rows from one of others; null: all are brought over. */
function choiceOf({ keys, since }: BackfillFlags): "keys" | "since" | null {
  return keys !== undefined ? "keys" : since !== undefined ? "since" : null;
}

/** null: several ranges may be brought over at the same time. */
function whyOneRange(beside: Api | null, values: RowValues | null, { source }: OpenCollection): string | null {
  if (beside !== null)
    return "its writes are mirrored, and the windows and freezes of several ranges would stand in each other's way; leave --ranges out";
  if (values !== null)
    return "ids of its rows are others at next (values), and rows may name others of a range that is not there yet; leave --ranges out";
  return source.splits === undefined ? `${source.name} cannot be split by keys; leave --ranges out` : null;
}

/** What was begun goes on in the ranges that it was begun in. */
async function splitInto(ranges: number, from: Checkpoint, source: OpenCollection["source"]): Promise<Checkpoint> {
  if (ranges === 1 || from.read > 0 || from.done || from.ranges !== null) return from;
  return { ...from, ranges: rangesBetween((await source.splits?.(ranges)) ?? []) };
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

interface Noting {
  /** null: nothing is noted. */
  readonly file: string | null;
  readonly beside: boolean;
}

async function beginning(
  { source, target }: OpenCollection,
  collection: NamedCollection["collection"],
  { file, beside }: Noting,
  options: BackfillFlags,
): Promise<Checkpoint> {
  const { name } = collection;
  const { restart } = options;
  const choice = choiceOf(options);
  const fingerprint = await fingerprintOf(source, target, digestOfRules(collection), chosenText(options));
  const first = firstCheckpoint(name, fingerprint, beside);
  if (file === null) return first;
  if (restart === true) removeCheckpoint(file);
  const noted = readCheckpoint(file);
  // Of some rows whoever asks again wants them again.
  if (noted === null || (choice !== null && noted.done)) return first;
  if (noted.fingerprint !== fingerprint || noted.collection !== name) {
    const other = choice === null ? "" : `, or --${choice}`;
    const of = `${file} is of a backfill of ${noted.collection} with other tables, columns or transform${other}`;
    throw new Exit(EXIT.no, `${of}; begin anew with --restart`);
  }
  if (noted.done || noted.beside === beside) return noted;
  const then = noted.beside
    ? "beside live writes that were mirrored, and they no longer are"
    : "while no writes were mirrored";
  throw new Exit(
    EXIT.no,
    `${file} is of a backfill that was begun ${then}: what legacy changed in between is not in what it copied; begin anew with --restart`,
  );
}

async function waitFor(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => "it is to stop");
}

interface ThrottledBy {
  readonly collection: NamedCollection["collection"];
  readonly options: BackfillFlags;
  readonly report: JobReport;
  readonly live: LiveBackfill | null;
  readonly open: OpenCollection;
  readonly waits: (why: string | null) => void;
}

/** While it is held up the proxy hears that it is there: it would forget it otherwise. */
const STILL_HERE_MS = 20_000;

function throttleOf({ collection, options, report, live, open: { source, target }, waits }: ThrottledBy): Throttle {
  const file = options.pauseFile ?? `./crossfade-backfill-${collection.name}.pause`;
  let heardAt = performance.now();
  return createThrottle(
    {
      pausedBy() {
        if (existsSync(file)) return `paused by ${file}; remove it`;
        const wanted = report.wanted();
        return wanted?.state === "paused" ? `paused by ${wanted.by}` : null;
      },
      lagMs: () => report.lagMs(),
      sourceLagMs: async () => (await source.lagMs?.()) ?? null,
      probe: async () => await target.page(null, 1),
      async stillHere() {
        if (performance.now() - heardAt < STILL_HERE_MS) return;
        heardAt = performance.now();
        await live?.writes.mark();
      },
      waits,
      now: () => performance.now(),
      wait: waitFor,
    },
    { lagMs: boundOf(options.maxLag), latencyMs: boundOf(options.maxLatency), rowsPerSecond: options.maxRate ?? null },
  );
}

function boundOf(given: TimeOrOff): number | null {
  return given === "off" ? null : given;
}

function progressOf({ checkpoint, estimate, rowsPerSecond }: BackfillProgress): RunningJobProgress {
  const { read, written, setAside, conflicts } = checkpoint;
  const rows = { rows: read, estimate, rowsPerSecond, written, setAside: setAside.length + conflicts.length };
  return { ...rows, differing: 0, waiting: null };
}

/** `file` null: nothing was written. */
function tell(
  terminal: Terminal,
  { kind, checkpoint }: BackfillEnd,
  file: string | null,
  options: BackfillFlags,
): void {
  const { collection, read, written, kept, leftOut, readAgain, toRepair, setAside, conflicts } = checkpoint;
  if (options.json === true) {
    const set = { setAside: setAside.length, conflicts: conflicts.length };
    const { longestFreezeMs } = checkpoint;
    const counts = { kept, leftOut, readAgain, toRepair, longestFreezeMs, ...set };
    const rows = { read, written: file === null ? 0 : written, ...counts };
    terminal.print(JSON.stringify({ type: "backfill", collection, end: kind, dryRun: file === null, ...rows }));
    for (const each of setAside) terminal.print(JSON.stringify({ type: "set-aside", ...each }));
    for (const key of conflicts) terminal.print(JSON.stringify({ type: "conflict", key }));
    return;
  }
  const did = file === null ? "would be written" : "written";
  const rest = [
    ...(kept === 0 ? [] : [`${kept} kept (the target's version is as new)`]),
    ...(leftOut === 0 ? [] : [`${leftOut} left out by the transform`]),
    ...(readAgain === 0 ? [] : [`${readAgain} read again (written meanwhile)`]),
    ...(toRepair === 0 ? [] : [`${toRepair} left to repair (written too often)`]),
    ...(conflicts.length === 0 ? [] : [`${conflicts.length} in conflict (one version, two contents)`]),
    ...(setAside.length === 0 ? [] : [`${setAside.length} set aside`]),
  ];
  terminal.print(`${collection}  ${read} rows read, ${[`${written} ${did}`, ...rest].join(", ")}`);
  for (const { key, why } of setAside.slice(0, SHOWN)) terminal.print(printable(`  ${key}  ${why}`));
  for (const key of conflicts.slice(0, SHOWN)) terminal.print(printable(`  ${key}  differs at the same version`));
  if (setAside.length > SHOWN)
    terminal.print(`  and ${setAside.length - SHOWN} more${file === null ? "" : `, in ${file}`}`);
  if (kind === "stopped") terminal.print("Stopped. The same command goes on from here.");
  if (kind === "too-many-set-aside") {
    terminal.print(
      `Stopped: more than ${options.maxSetAside} rows were set aside or in conflict. Mend the transform or the target, then --restart.`,
    );
  }
}

async function tryRows(
  { source, transformer }: OpenCollection,
  { collection, route }: NamedCollection,
  count: number,
  options: BackfillFlags,
): Promise<ExitCode> {
  const terminal = openTerminal(options);
  const { rows } = await source.page(null, count);
  const made = await transformer.make(rows);
  let failed = 0;
  for (const [i, row] of rows.entries()) {
    const of = made[i];
    if (of === undefined) continue;
    if (!of.ok) failed += 1;
    const key = spellKey(keyOf(row, source.key));
    const before = rowShown(row, route.redact);
    const after = of.ok ? of.rows.map((each) => rowShown(each, route.redact)) : [];
    const why = of.ok ? null : of.why;
    if (options.json === true) {
      terminal.print(JSON.stringify({ type: "tried", collection: collection.name, key, before, after, why }));
      continue;
    }
    terminal.print(printable(`${key}  ${before}`));
    for (const each of after) terminal.print(printable(`  → ${each}`));
    if (why !== null) terminal.print(printable(`  ! ${why}`));
    else if (after.length === 0) terminal.print("  → left out");
  }
  return failed > 0 ? EXIT.no : EXIT.done;
}

/** No transform is loaded: it may be the one that is to be written. */
async function writeTypes({ collection }: NamedCollection, file: string, options: BackfillFlags): Promise<ExitCode> {
  const open = await openCollection({ ...collection, transform: null }, { write: false });
  try {
    const typed = async (table: OpenCollection["source"]) => ({
      name: table.name,
      key: table.key,
      shape: await table.describe(),
    });
    const text = spellRowTypes(collection.name, await typed(open.source), await typed(open.target));
    try {
      writeFileSync(file, text);
    } catch (thrown) {
      throw new Exit(EXIT.failed, `${file} cannot be written: ${(thrown as Error).message}; name another with --types`);
    }
    openTerminal(options).complain(`crossfade: the types of the rows of ${collection.name} are in ${file}`);
    return EXIT.done;
  } finally {
    await open.close();
  }
}
