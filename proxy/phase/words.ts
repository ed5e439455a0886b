/** Numbers and times in the gate's sentences. Pure. */

const MINUTE = 60 * 1000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** `29,956` */
export function spellCount(count: number): string {
  return Math.round(count).toLocaleString("en-US");
}

/** `1 distinct key`, `2,410 distinct keys` */
export function plural(count: number, one: string): string {
  return `${spellCount(count)} ${one}${count === 1 ? "" : "s"}`;
}

/** Of a share of 0 to 1: `0.01 %` */
export function spellPercent(share: number): string {
  return `${Number((share * 100).toPrecision(5))} %`;
}

/** About: `11 days`, `3 hours`, `40 minutes`, `12 seconds`. */
export function spellTime(ms: number): string {
  if (ms >= 2 * DAY) return plural(Math.round(ms / DAY), "day");
  if (ms >= 2 * HOUR) return plural(Math.round(ms / HOUR), "hour");
  if (ms >= 2 * MINUTE) return plural(Math.round(ms / MINUTE), "minute");
  return plural(Math.ceil(ms / 1000), "second");
}
