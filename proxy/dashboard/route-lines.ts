/** A route's history as lines over time. Pure. */
import type { HistoryPoint } from "../admin/history.ts";
import { spellCount } from "../admin/sentences.ts";
import type { OutcomeKind } from "../outcome.ts";

interface Line {
  readonly label: string;
  /** A custom property of style/base.css: `--good`. */
  readonly color: string;
  readonly values: readonly (number | null)[];
  /** Dashes, so that colour alone does not tell lines apart. */
  readonly dash?: readonly number[];
}

export interface ChartData {
  /** Epoch seconds. */
  readonly times: readonly number[];
  readonly lines: readonly Line[];
}

const KINDS: readonly (readonly [
  name: string,
  color: string,
  kinds: readonly OutcomeKind[],
  dash?: readonly number[],
])[] = [
  ["match", "--good", ["match"]],
  ["excused", "--mild", ["ignored"], [6, 3]],
  ["divergent", "--bad", ["divergent"], [2, 2]],
  ["not compared", "--warn", ["shadow-error", "shadow-timeout", "dropped", "unknown"], [8, 3, 2, 3]],
];

/** Exchanges a second, by what became of them. */
export function outcomeLines(points: readonly HistoryPoint[]): ChartData {
  return {
    times: points.map(({ to }) => Date.parse(to) / 1000),
    lines: KINDS.map(([label, color, kinds, dash]) => ({
      label,
      color,
      values: points.map((point) => kinds.reduce((sum, kind) => sum + point.outcomes[kind], 0) / secondsOf(point)),
      ...(dash === undefined ? {} : { dash }),
    })),
  };
}

/** The mean of both sides, ms. */
export function latencyLines(points: readonly HistoryPoint[], primary: string, shadow: string): ChartData {
  return {
    times: points.map(({ to }) => Date.parse(to) / 1000),
    lines: [
      { label: `${primary} (primary)`, color: "--good", values: points.map(({ primaryMs }) => primaryMs) },
      { label: `${shadow} (shadow)`, color: "--mild", values: points.map(({ shadowMs }) => shadowMs), dash: [6, 3] },
    ],
  };
}

/** `Over 2 h: at most 12.4 match, 0 excused, …` for who hears a chart. */
export function spellMost({ lines }: ChartData, unit: string): string {
  const most = lines.map(({ label, values }) => {
    const numbers = values.filter((value) => value !== null);
    return `${label} ${numbers.length === 0 ? "none" : spellNumber(Math.max(...numbers))}`;
  });
  return `At most, in ${unit}: ${most.join(", ")}`;
}

/** `0`, `0.25`, `12.4`, `1,204` */
export function spellNumber(value: number): string {
  if (value >= 100) return spellCount(value);
  return String(Number(value.toPrecision(3)));
}

function secondsOf({ from, to }: HistoryPoint): number {
  return Math.max(0.001, (Date.parse(to) - Date.parse(from)) / 1000);
}
