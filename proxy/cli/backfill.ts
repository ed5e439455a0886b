/** `crossfade backfill` */
import { setTimeout as sleep } from "node:timers/promises";
import type { RouteView } from "../admin/route-view.ts";
import type { RouteSettings } from "../config/settings.ts";
import { CrossfadeError } from "../errors.ts";
import {
  type BackfillEnd,
  type BackfillProgress,
  fingerprintOf,
  firstCheckpoint,
  runBackfill,
} from "../migrate/backfill.ts";
import { type Checkpoint, readCheckpoint, removeCheckpoint, writeCheckpoint } from "../migrate/checkpoint.ts";
import { withoutWriting } from "../migrate/dry-target.ts";
import { digestOfTransform } from "../migrate/transformer.ts";
import { PHASE_ROLES } from "../phases.ts";
import { keyOf, spellKey } from "../rows.ts";
import { openApi } from "./api.ts";
import { type NamedCollection, findCollection, type OpenCollection, openCollection } from "./collection.ts";
import { EXIT, Exit, type ExitCode } from "./exit.ts";
import { openProgress } from "./progress.ts";
import { rowShown } from "./row-text.ts";
import { openTerminal, type Terminal } from "./terminal.ts";
import { printable } from "../controls.ts";

export interface BackfillFlags {
  readonly config?: string;
  readonly json?: boolean;
  readonly color?: boolean;
  readonly dryRun?: boolean;
  readonly try?: number;
  readonly restart?: boolean;
  readonly checkpoint?: string;
  readonly maxRate?: number;
  readonly chunk?: number;
  readonly maxSetAside: number;
}

/** Set-aside rows that are told one by one; the checkpoint has them all. */
const SHOWN = 20;

export async function runBackfillCommand(name: string, options: BackfillFlags): Promise<ExitCode> {
  const named = findCollection(name, options.config);
  const writes = options.dryRun !== true && options.try === undefined;
  if (writes) await refuseWhileMirrored(named, options.config);
  const open = await openCollection(named.collection, { write: writes });
  try {
    if (options.try !== undefined) return await tryRows(open, named, options.try, options);
    return await backfill(open, named, writes, options);
  } finally {
    await open.close();
  }
}

/**
 * A live write and a row of the backfill would race for one row of the target, and the older could win (G10). Asked of the
 * file, and of the proxy where one answers: a phase may have been moved, or mirroring switched, since the file was written.
 */
async function refuseWhileMirrored({ collection, route }: NamedCollection, config: string | undefined): Promise<void> {
  const acting = await actingRoute(route, config);
  if (PHASE_ROLES[acting.phase].shadow === null || !acting.mirror.writes) return;
  throw new Exit(
    EXIT.no,
    `route ${route.name} is in ${acting.phase} and its writes are mirrored: a row that backfill writes could undo a newer one. ` +
      `Backfill ${collection.name} while the route is legacy-only, or switch its writes off first (mirror: { writes: false })`,
  );
}

async function actingRoute(route: RouteSettings, config: string | undefined): Promise<RouteSettings> {
  try {
    const api = await openApi(config === undefined ? {} : { config });
    const view = await api.get<RouteView>(`/api/v1/routes/${encodeURIComponent(route.name)}`);
    return view === null ? route : { ...route, phase: view.phase, mirror: view.mirror };
  } catch (thrown) {
    // Nothing runs here, or it is another one's: the file is all that there is.
    if (thrown instanceof Exit || thrown instanceof CrossfadeError) return route;
    throw thrown;
  }
}

async function backfill(
  open: OpenCollection,
  { collection }: NamedCollection,
  writes: boolean,
  options: BackfillFlags,
): Promise<ExitCode> {
  const terminal = openTerminal(options);
  const file = options.checkpoint ?? `./crossfade-backfill-${collection.name}.json`;
  const from = await beginning(open, collection.name, collection.transform, writes ? file : null, options);
  if (from.done) {
    tell(terminal, { kind: "done", checkpoint: from }, file, options);
    terminal.complain(`crossfade: it was done before; --restart does it again`);
    return from.setAside.length > 0 ? EXIT.no : EXIT.done;
  }
  if (from.after !== null) terminal.complain(`crossfade: going on after ${from.read} rows (${file})`);
  const progress = openProgress((line) => terminal.complain(`crossfade: ${line}`));
  const stop = new AbortController();
  const onSignal = (): void => stop.abort();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, onSignal);
  try {
    const end = await runBackfill(
      {
        ...open,
        target: writes ? open.target : withoutWriting(open.target),
        note: (checkpoint) => {
          if (writes) writeCheckpoint(file, checkpoint);
        },
        progress: (state) => progress.tell(progressWords(state)),
        now: () => performance.now(),
        wait: async (ms, signal) => {
          await sleep(ms, undefined, { signal }).catch(() => "it is to stop");
        },
      },
      from,
      {
        mostSetAside: options.maxSetAside,
        rowsPerSecond: options.maxRate ?? null,
        chunkRows: options.chunk ?? null,
        signal: stop.signal,
      },
    );
    progress.end();
    tell(terminal, end, writes ? file : null, options);
    return end.kind === "done" && end.checkpoint.setAside.length === 0 ? EXIT.done : EXIT.no;
  } finally {
    progress.end();
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.off(signal, onSignal);
  }
}

/** `file` null: nothing is noted. */
async function beginning(
  { source, target }: OpenCollection,
  name: string,
  transform: string | null,
  file: string | null,
  { restart }: BackfillFlags,
): Promise<Checkpoint> {
  const fingerprint = await fingerprintOf(source, target, digestOfTransform(transform));
  if (file === null) return firstCheckpoint(name, fingerprint);
  if (restart === true) removeCheckpoint(file);
  const noted = readCheckpoint(file);
  if (noted === null) return firstCheckpoint(name, fingerprint);
  if (noted.fingerprint === fingerprint && noted.collection === name) return noted;
  throw new Exit(
    EXIT.no,
    `${file} is of a backfill of ${noted.collection} with other tables, columns or transform; begin anew with --restart`,
  );
}

function progressWords({ checkpoint: { read, setAside }, estimate, rowsPerSecond }: BackfillProgress): string {
  const rate = `${Math.round(rowsPerSecond).toLocaleString("en")} rows/s`;
  const aside = setAside.length === 0 ? "" : `, ${setAside.length} set aside`;
  if (estimate === null || estimate < read) return `${read.toLocaleString("en")} rows, ${rate}${aside}`;
  const seconds = Math.round((estimate - read) / Math.max(rowsPerSecond, 1));
  return `${read.toLocaleString("en")} of about ${estimate.toLocaleString("en")} rows, ${rate}, about ${seconds} s to go${aside}`;
}

/** `file` null: nothing was written. */
function tell(
  terminal: Terminal,
  { kind, checkpoint }: BackfillEnd,
  file: string | null,
  options: BackfillFlags,
): void {
  const { collection, read, written, kept, leftOut, setAside } = checkpoint;
  if (options.json === true) {
    const rows = { read, written: file === null ? 0 : written, kept, leftOut, setAside: setAside.length };
    terminal.print(JSON.stringify({ type: "backfill", collection, end: kind, dryRun: file === null, ...rows }));
    for (const each of setAside) terminal.print(JSON.stringify({ type: "set-aside", ...each }));
    return;
  }
  const did = file === null ? "would be written" : "written";
  const rest = [
    ...(kept === 0 ? [] : [`${kept} kept (the target's version is as new)`]),
    ...(leftOut === 0 ? [] : [`${leftOut} left out by the transform`]),
    ...(setAside.length === 0 ? [] : [`${setAside.length} set aside`]),
  ];
  terminal.print(`${collection}  ${read} rows read, ${[`${written} ${did}`, ...rest].join(", ")}`);
  for (const { key, why } of setAside.slice(0, SHOWN)) terminal.print(printable(`  ${key}  ${why}`));
  if (setAside.length > SHOWN)
    terminal.print(`  and ${setAside.length - SHOWN} more${file === null ? "" : `, in ${file}`}`);
  if (kind === "stopped") terminal.print("Stopped. The same command goes on from here.");
  if (kind === "too-many-set-aside") {
    terminal.print(
      `Stopped: more than ${options.maxSetAside} rows were set aside. Mend the transform or the target, then --restart.`,
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
