/** How fast exchanges come, from counts that were seen one after the other. Pure. */
import type { StatusView } from "../admin/status-view.ts";

interface Note {
  /** Epoch ms, by the server's clock. */
  readonly at: number;
  readonly eligible: ReadonlyMap<string, number>;
}

export interface Traffic {
  /** The oldest first. */
  readonly notes: readonly Note[];
}

/** Long enough to be steady, short enough to be of now. */
const WINDOW_MS = 30_000;
/** Less says nothing yet. */
const LEAST_MS = 1_500;

/** Counts that went back are another process's, or another store's: what was noted before is dropped. */
export function noteTraffic({ notes }: Traffic, status: Pick<StatusView, "time" | "routes">): Traffic {
  const at = Date.parse(status.time);
  const eligible = new Map(status.routes.map((route) => [route.name, route.eligible]));
  const last = notes.at(-1);
  const wentBack =
    last !== undefined &&
    (at < last.at || [...last.eligible].some(([name, count]) => (eligible.get(name) ?? 0) < count));
  const kept = wentBack ? [] : notes.filter((note) => note.at > at - WINDOW_MS);
  return { notes: [...kept, { at, eligible }] };
}

/** Nothing has changed for that long: nothing was heard, on a connection that tells of changes. */
export function repeatNote({ notes }: Traffic, ms: number): Traffic {
  const last = notes.at(-1);
  if (last === undefined) return { notes };
  const at = last.at + ms;
  return { notes: [...notes.filter((note) => note.at > at - WINDOW_MS), { at, eligible: last.eligible }] };
}

/** Exchanges a second over the last half minute; null: not known yet. */
export function ratePerSecond({ notes }: Traffic, route: string): number | null {
  const [first, last] = [notes[0], notes.at(-1)];
  if (first === undefined || last === undefined || last.at - first.at < LEAST_MS) return null;
  const count = (last.eligible.get(route) ?? 0) - (first.eligible.get(route) ?? 0);
  return (1000 * count) / (last.at - first.at);
}

/** `0/s`, `0.3/s`, `12/s`, `1,240/s` */
export function spellRate(rate: number): string {
  if (rate === 0) return "0/s";
  if (rate < 0.1) return "< 0.1/s";
  const text = rate < 10 ? (Math.round(rate * 10) / 10).toString() : Math.round(rate).toString();
  return `${text.replace(/\B(?=(\d{3})+$)/g, ",")}/s`;
}
