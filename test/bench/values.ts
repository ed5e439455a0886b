/** What the value map costs a copy, and whether that grows with the pairs that are known. */
import { runScript } from "./child.ts";
import { type Part, table } from "./report.ts";
import type { ValuesCost } from "./values-cost.ts";

const SIZES = [1_000, 100_000, 1_000_000];

export async function runValues(quick: boolean): Promise<Part> {
  const sizes = quick ? SIZES : [...SIZES, 10_000_000];
  const costs = JSON.parse(await runScript("values-cost.ts", sizes.map(String))) as ValuesCost[];
  const [first, last] = [costs[0], costs.at(-1)] as [ValuesCost, ValuesCost];
  const grows = (of: (cost: ValuesCost) => number): number => of(last) / of(first);
  return {
    name: "values",
    setting: { sizes },
    data: { costs },
    sections: [
      {
        title: "Mapping a copy with two values, CPU us of the whole process",
        lines: [
          table(
            ["pairs", "in memory", "in the store alone", "of a client, in memory"],
            costs.map(({ pairs, warmMicros, coldMicros, clientMicros }) => [
              pairs.toLocaleString("en"),
              warmMicros.toFixed(1),
              coldMicros.toFixed(1),
              clientMicros.toFixed(1),
            ]),
          ),
        ],
      },
    ],
    bars: [
      {
        what: `a copy at ${last.pairs} pairs against one at ${first.pairs}, in memory`,
        measured: grows((c) => c.warmMicros),
        sign: "<=",
        bound: 1.5,
        unit: "x",
      },
      { what: "the same, in the store alone", measured: grows((c) => c.coldMicros), sign: "<=", bound: 2, unit: "x" },
    ],
  };
}
