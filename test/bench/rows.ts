/** P9 and P10: what bringing rows over costs, and what comparing two tables costs beside the hash of their texts. */
import { runScript } from "./child.ts";
import { type Part, table } from "./report.ts";
import type { RowsCost } from "./rows-cost.ts";

const ROWS = { quick: 1_000_000, full: 10_000_000 };

export async function runRows(quick: boolean): Promise<Part> {
  const rows = quick ? ROWS.quick : ROWS.full;
  const cost = JSON.parse(await runScript("rows-cost.ts", [String(rows)])) as RowsCost;
  const { backfill, again, hash, reconcile } = cost;
  const [equal] = reconcile as [RowsCost["reconcile"][number]];
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
              "CPU us/row: Crossfade",
              "database",
              "memory after a tenth, at the end",
            ],
            [
              backfillLine("into an empty table", backfill, rows),
              backfillLine("over the same rows", again, rows),
              ...cost.ranges.map((each) => backfillLine(`into an empty table, --ranges ${each.count}`, each, rows)),
            ],
          ),
        ],
      },
      {
        title: `Comparing ${rows.toLocaleString("en")} rows with as many by digests`,
        lines: [
          table(
            ["what", "seconds", "CPU s: Crossfade", "database", "chunks read"],
            [
              [
                "count(*), sum(hashtext(t::text)::bigint) of both tables at once",
                seconds(hash.ms),
                "",
                cpuSeconds(hash.databaseMicros),
                "",
              ],
              ...reconcile.map(({ planted, ms, cpuMicros, databaseMicros, differing }) => [
                planted === 0 ? "reconcile, equal rows" : `reconcile, ${planted} rows changed`,
                seconds(ms),
                cpuSeconds(cpuMicros),
                cpuSeconds(databaseMicros),
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
        what: "P9: the rate of its last tenth against its first",
        measured: backfill.firstTenthMs / backfill.lastTenthMs,
        sign: ">=",
        bound: 0.8,
        unit: "x",
      },
      {
        what: "P10: reconcile of equal rows against the hash of both",
        measured: equal.ms / hash.ms,
        sign: "<=",
        bound: 2,
        unit: "x",
      },
      {
        what: "P10: the same, CPU of all processes",
        measured: (equal.cpuMicros + equal.databaseMicros) / hash.databaseMicros,
        sign: "<=",
        bound: 2,
        unit: "x",
      },
    ],
  };
}

function backfillLine(what: string, cost: RowsCost["backfill"], rows: number): readonly string[] {
  const rate = (ms: number, of = rows): string => Math.round(of / (ms / 1000)).toLocaleString("en");
  const mib = (bytes: number): string => `${Math.round(bytes / 1024 / 1024)} MiB`;
  return [
    what,
    rate(cost.ms),
    rate(cost.firstTenthMs, rows / 10),
    rate(cost.lastTenthMs, rows / 10),
    (cost.cpuMicros / rows).toFixed(1),
    (cost.databaseMicros / rows).toFixed(1),
    `${mib(cost.firstBytes)}, ${mib(cost.lastBytes)}`,
  ];
}

const seconds = (ms: number): string => (ms / 1000).toFixed(1);
const cpuSeconds = (micros: number): string => (micros / 1_000_000).toFixed(1);
