import type { JSX } from "preact";
import { useMemo } from "preact/hooks";
import type { RouteHistory } from "../../admin/history.ts";
import type { RouteStatus } from "../../admin/route-status.ts";
import { latencyLines, outcomeLines, spellMost, spellNumber } from "../route-lines.ts";
import { useAsk } from "../state.tsx";
import { Chart } from "./chart.tsx";
import { Problem } from "./notice.tsx";
import { Table } from "./section.tsx";
import { spellTime } from "./text.tsx";

/** Fewer are no line. */
const FEWEST = 2;
const TABLE_ROWS = 24;

export function RouteCharts({ route }: { readonly route: RouteStatus }): JSX.Element | null {
  const asked = useAsk<RouteHistory>(`/api/v1/routes/${encodeURIComponent(route.name)}/history`, 5_000);
  const { name, primary, shadow } = route;
  const points = asked.value?.points ?? [];
  const lines = useMemo(
    () => [outcomeLines(points), latencyLines(points, primary, shadow ?? "shadow")] as const,
    [asked.value, primary, shadow],
  );
  if (shadow === null) return null;
  if (points.length < FEWEST) {
    return (
      <>
        <Problem of={asked.problem} what="The history is not to be had now" />
        <p class="quiet">Charts begin with the second look at the counts, some ten seconds after the start.</p>
      </>
    );
  }
  const [outcomes, latency] = lines;
  return (
    <>
      <div class="charts">
        <figure>
          <figcaption>Exchanges a second</figcaption>
          <Chart data={outcomes} summary={spellMost(outcomes, "exchanges a second")} spell={spellNumber} />
        </figure>
        <figure>
          <figcaption>Mean time to answer, ms</figcaption>
          <Chart data={latency} summary={spellMost(latency, "ms")} spell={spellNumber} />
        </figure>
      </div>
      <details>
        <summary>The last {Math.min(TABLE_ROWS, points.length)} intervals as a table</summary>
        <Table
          label={`History of ${name}`}
          head={["until", ...[...outcomes.lines, ...latency.lines].map(({ label }) => label)]}
        >
          {points
            .map((point, i) => (
              <tr key={point.to} role="row">
                <td role="cell">{spellTime(point.to)}</td>
                {[...outcomes.lines, ...latency.lines].map(({ label, values }) => (
                  <td key={label} role="cell">
                    {values[i] === null || values[i] === undefined ? "–" : spellNumber(values[i])}
                  </td>
                ))}
              </tr>
            ))
            .slice(-TABLE_ROWS)
            .toReversed()}
        </Table>
      </details>
    </>
  );
}
