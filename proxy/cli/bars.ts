/** How far something is, as a bar and what fits behind it. Pure. */
import { progressText, type RunningJobKind, type RunningJobProgress, spellLeft } from "../rows/running-job.ts";
import { widthOf } from "./columns.ts";

const BAR_COLUMNS = 30;
const LEAST_BAR_COLUMNS = 10;

/** `[=======>      ]`; `share`: 0 to 1. */
export function bar(share: number, columns = BAR_COLUMNS): string {
  const full = Math.floor(Math.min(1, Math.max(0, share)) * columns);
  return `[${(full === columns ? "=".repeat(full) : `${"=".repeat(full)}>`).padEnd(columns)}]`;
}

/**
 * A job over rows in one line of so many columns. Where all words do not fit beside the least bar, they are said shorter: rate, time
 * to go and what was set aside stay. Without an estimate there is no bar.
 */
export function rowsBar(kind: RunningJobKind, progress: RunningJobProgress, columns: number): string {
  const { rows, estimate, rowsPerSecond, setAside, differing } = progress;
  const words = progressText(kind, progress);
  if (estimate === null || estimate < rows || estimate === 0) return words;
  const share = rows / estimate;
  const percent = `${Math.floor(share * 100)} %`.padStart(5);
  const room = (text: string): number => columns - widthOf(` ${percent}  ${text}`) - "[]".length;
  // As it will be at its end, so that neither the words nor the bar change their form on the way.
  const least = room(progressText(kind, { ...progress, rows: estimate }) + "  ");
  if (least >= LEAST_BAR_COLUMNS) return `${bar(share, Math.min(BAR_COLUMNS, least))} ${percent}  ${words}`;
  const spell = (count: number): string => Math.round(count).toLocaleString("en");
  const short = [
    ...(rowsPerSecond > 0 ? [`${spellLeft((estimate - rows) / rowsPerSecond)} to go`] : []),
    `${spell(rowsPerSecond)} rows/s`,
    ...(setAside === 0 ? [] : [`${spell(setAside)} set aside`]),
    ...(differing === 0 ? [] : [`${spell(differing)} differ`]),
    `${spell(rows)} rows`,
  ].join(", ");
  return `${bar(share, Math.min(BAR_COLUMNS, Math.max(LEAST_BAR_COLUMNS, room(short))))} ${percent}  ${short}`;
}
