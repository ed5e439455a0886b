/** What a soak run is judged by (docs/chaos.md, "Soak"). Pure. */
import { medianOf } from "../bench/statistics.ts";

export const MEASURES = ["rssMib", "heapMib", "files", "diskMib"] as const;
export type Measure = (typeof MEASURES)[number];

export type Sample = Readonly<Record<Measure, number>> & {
  /** Since the load began. */
  readonly seconds: number;
};

export interface Growth {
  readonly measure: Measure;
  /** Of the first and of the second half of what comes after the warm-up: what each held, by `HELD`. */
  readonly early: number;
  readonly late: number;
  /** Least squares over the same samples. */
  readonly perHour: number;
  readonly most: number;
}

/** A third is warm-up: caches, V8's heap, and evidence up to its bounds. */
const WARM_UP_SHARE = 1 / 3;

const least = (values: readonly number[]): number => values.reduce((low, value) => Math.min(low, value), Infinity);

/**
 * Heap in use falls with each collection, and open files with each state of the shadow: what leaks is what they do not fall
 * below any more.
 */
const HELD: Readonly<Record<Measure, (values: readonly number[]) => number>> = {
  rssMib: medianOf,
  heapMib: least,
  files: least,
  diskMib: medianOf,
};

export function growthOf(samples: readonly Sample[], measure: Measure): Growth {
  const last = samples.at(-1)?.seconds ?? 0;
  const warm = samples.filter(({ seconds }) => seconds >= last * WARM_UP_SHARE);
  const middle = (last * (1 + WARM_UP_SHARE)) / 2;
  const halfOf = (isLate: boolean): number =>
    HELD[measure](warm.filter(({ seconds }) => seconds >= middle === isLate).map((sample) => sample[measure]));
  return {
    measure,
    early: halfOf(false),
    late: halfOf(true),
    perHour: slopeOf(warm.map((sample) => [sample.seconds / 3600, sample[measure]])),
    most: samples.reduce((most, sample) => Math.max(most, sample[measure]), 0),
  };
}

function slopeOf(points: readonly (readonly [number, number])[]): number {
  const mean = (at: 0 | 1): number => points.reduce((sum, point) => sum + point[at], 0) / points.length;
  const [meanX, meanY] = [mean(0), mean(1)];
  const [over, under] = points.reduce(
    ([up, down], [x, y]) => [up + (x - meanX) * (y - meanY), down + (x - meanX) ** 2],
    [0, 0],
  );
  return under === 0 ? 0 : over / under;
}

export type Bounds = Readonly<Partial<Record<Measure, number>>>;

/** Each that is past its bound, in words. `grows`: from early to late; `most`: at any time. */
export function beyond(
  growths: readonly Growth[],
  bounds: { readonly grows: Bounds; readonly most: Bounds },
): string[] {
  return growths.flatMap(({ measure, early, late, most }) => {
    const words: string[] = [];
    const grows = bounds.grows[measure];
    if (grows !== undefined && late - early > grows)
      words.push(`${measure} grew from ${early.toFixed(1)} to ${late.toFixed(1)}; ${grows} are allowed`);
    const atMost = bounds.most[measure];
    if (atMost !== undefined && most > atMost)
      words.push(`${measure} reached ${most.toFixed(1)}; ${atMost.toFixed(1)} are allowed`);
    return words;
  });
}
