/** CPU time of a process and its children as Linux accounts for it; NaN where there is no /proc. */
import { readdirSync, readFileSync } from "node:fs";

/** Ticks a second of /proc: USER_HZ, 100 on every Linux. */
const TICKS_PER_SECOND = 100;

interface Stat {
  readonly parent: number;
  readonly ticks: number;
}

/** User and system time of all threads of the process and of its children, dead ones that were waited for included, in microseconds. */
export function treeCpuMicros(root: number | undefined): number {
  if (root === undefined) return Number.NaN;
  const stats = new Map<number, Stat>();
  for (const pid of processes()) {
    const stat = statOf(pid);
    if (stat !== null) stats.set(pid, stat);
  }
  if (!stats.has(root)) return Number.NaN;
  let ticks = 0;
  const wanted = [root];
  for (let pid = wanted.pop(); pid !== undefined; pid = wanted.pop()) {
    ticks += stats.get(pid)?.ticks ?? 0;
    for (const [child, { parent }] of stats) if (parent === pid) wanted.push(child);
  }
  return (ticks * 1e6) / TICKS_PER_SECOND;
}

function processes(): number[] {
  try {
    return readdirSync("/proc").map(Number).filter(Number.isInteger);
  } catch {
    return [];
  }
}

function statOf(pid: number): Stat | null {
  try {
    // The command's name, in brackets, may hold blanks; after it come state, parent and, as 14th to 17th field of the
    // line, the times of the process and of its dead children, user and system each (proc(5)).
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)?.split(" ") ?? [];
    const [, parent, ...rest] = fields;
    return { parent: Number(parent), ticks: rest.slice(9, 13).reduce((sum, field) => sum + Number(field), 0) };
  } catch {
    return null;
  }
}
