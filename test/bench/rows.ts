/** P9 and P10: what bringing rows over costs, and what comparing two tables costs beside the hash of their texts. */
import { runScript } from "./child.ts";
import { type Part, table } from "./report.ts";
import type { RowsCost } from "./rows-cost.ts";

const ROWS = { quick: 1_000_000, full: 10_000_000 };

export async function runRows(quick: boolean): Promise<Part> {
  const rows = quick ? ROWS.quick : ROWS.full;
  const cost = JSON.parse(await runScript("rows-cost.ts", [String(rows)])) as RowsCost;
  const rate = (ms: number): string => Math.round(rows / (ms / 1000)).toLocaleString("en");
  const mib = (bytes: number): string => `${Math.round(bytes / 1024 / 1024)} MiB`;
  const { backfill, again, reconcile } = cost;
  return {
    name: "rows",
    setting: { rows, database: cost.database, settings: "fsync=off, else as they come" },
    data: cost,
    sections: [
      {
        title: `${rows.toLocaleString("en")} rows from PostgreSQL to PostgreSQL, with a transform in JavaScript`,
        lines: [
          table(
            [
              "what",
              "rows/s",
              "first tenth",
              "last tenth",
              "CPU us/row of Crossfade",
              "memory after a tenth, at the end",
            ],
            [
              ["into an empty table", backfill],
              ["over the same rows", again],
            ].map(([what, run]) => {
              const { ms, firstTenthMs, lastTenthMs, cpuMicros, firstBytes, lastBytes } = run as RowsCost["backfill"];
              const [first, last] = [rate(firstTenthMs * 10), rate(lastTenthMs * 10)];
              const held = `${mib(firstBytes)}, ${mib(lastBytes)}`;
              return [String(what), rate(ms), first, last, (cpuMicros / rows).toFixed(1), held];
            }),
          ),
        ],
      },
      {
        title: `Comparing ${rows.toLocaleString("en")} rows with as many by digests`,
        lines: [
          table(
            ["what", "seconds", "chunks read"],
            [
              ["count(*), sum(hashtext(t::text)::bigint) of both tables, at once", (cost.hashMs / 1000).toFixed(1), ""],
              ...reconcile.map(({ planted, ms, differing }) => [
                planted === 0 ? "reconcile of equal rows" : `reconcile with ${planted} rows planted`,
                (ms / 1000).toFixed(1),
                String(differing),
              ]),
            ],
          ),
        ],
      },
    ],
    bars: [
      { what: "P9: backfill", measured: rows / (backfill.ms / 1000), sign: ">=", bound: 50_000, unit: "rows/s" },
      {
        what: "P9: its last tenth against its first",
        measured: backfill.firstTenthMs / backfill.lastTenthMs,
        sign: ">=",
        bound: 0.8,
        unit: "x",
      },
      {
        what: "P10: reconcile of equal rows against the hash of both",
        measured: (reconcile[0]?.ms ?? Number.NaN) / cost.hashMs,
        sign: "<=",
        bound: 2,
        unit: "x",
      },
    ],
  };
}
