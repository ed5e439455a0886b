/** What `crossfade backfill` prints at its end. */
import type { BackfillEnd } from "../migrate/backfill.ts";
import { printable } from "../controls.ts";
import type { BackfillFlags } from "./backfill-flags.ts";
import type { Terminal } from "./terminal.ts";

/** Set-aside rows that are told one by one; the checkpoint has them all. */
const SHOWN = 20;

/** `file` null: nothing was written. */
export function tell(
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
