/** The table of P3: one line a case, met or missed; the worst of each against its bar. */
import type { ShadowFault } from "../support/faults.ts";
import type { StoreFault } from "../support/sick-threads.ts";
import { type Bar, isMet, type Part, table } from "./report.ts";

export interface Case {
  readonly shadow: ShadowFault;
  readonly store: StoreFault;
}

/** Medians over the rounds; errors are summed. */
export interface Compared extends Case {
  /** Open loop: answered in time, of what was offered. */
  readonly heldShare: number;
  /** Milliseconds, mirroring off and on. */
  readonly p99Off: number;
  readonly p99On: number;
  readonly p99Ratio: number;
  /** Closed loop: req/s sick against healthy. */
  readonly closedRatio: number;
  readonly errors: number;
}

/** Someone under the same open loop with nothing sick; medians over the rounds. */
export interface Reference {
  readonly name: string;
  readonly heldShare: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
}

type Measure = Pick<Bar, "sign" | "bound" | "unit"> & { readonly what: string; readonly of: (of: Compared) => number };

const MEASURES: readonly Measure[] = [
  { what: "P3 offered rate held", of: ({ heldShare }) => heldShare * 100, sign: ">=", bound: 99, unit: "%" },
  { what: "P3 p99 against mirroring off", of: ({ p99Ratio }) => p99Ratio, sign: "<=", bound: 1.1, unit: "x" },
  { what: "P3 client errors", of: ({ errors }) => errors, sign: "<=", bound: 0, unit: "errors" },
  { what: "P3 req/s sick against healthy", of: ({ closedRatio }) => closedRatio, sign: ">=", bound: 0.95, unit: "x" },
];

export function sectionsOf(
  references: readonly Reference[],
  cases: readonly Compared[],
  about: string,
): Pick<Part, "sections" | "bars"> {
  const head = ["shadow", "store", "rate held", "p99 off ms", "p99 on ms", "ratio", "errors", "sick/healthy req/s", ""];
  const rows = cases.map((one) => [
    one.shadow === "none" ? "healthy" : one.shadow,
    one.store === "none" ? "well" : one.store,
    `${(one.heldShare * 100).toFixed(1)} %`,
    one.p99Off.toFixed(2),
    one.p99On.toFixed(2),
    one.p99Ratio.toFixed(2),
    String(one.errors),
    one.closedRatio.toFixed(2),
    MEASURES.every((measure) => isMet(barOf(measure, one))) ? "met" : "**missed**",
  ]);
  return {
    sections: [
      { title: "The same rate, nothing sick", lines: [referenceTable(references)] },
      { title: "Shadow or store sick: what the client sees", lines: [about, "", table(head, rows)] },
    ],
    bars: MEASURES.map((measure) => {
      const bars = cases.map((one) => barOf(measure, one));
      const met = bars.filter(isMet).length;
      const worst = bars.reduce((a, b) =>
        (measure.sign === "<=" ? b.measured > a.measured : b.measured < a.measured) ? b : a,
      );
      return { ...worst, what: `${worst.what} (worst of ${bars.length}; ${met} met)` };
    }),
  };
}

function referenceTable(references: readonly Reference[]): string {
  const rows = references.map(({ name, heldShare, p50, p99 }) => [
    name,
    `${(heldShare * 100).toFixed(1)} %`,
    p50.toFixed(2),
    p99.toFixed(2),
  ]);
  return table(["what", "rate held", "p50 ms", "p99 ms"], rows);
}

function barOf({ what, of, sign, bound, unit }: Measure, one: Compared): Bar {
  return { what, measured: of(one), sign, bound, unit };
}
