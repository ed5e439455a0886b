import type { JSX } from "preact";
import type { RouteStatus } from "../../admin/route-status.ts";
import { outcomeSum, plural, spellCount } from "../../admin/sentences.ts";
import { outcomeLengths, WHOLE } from "../outcome-shares.ts";

type Counted = Pick<RouteStatus, "eligible" | "unit" | "outcomes" | "reasons" | "pending">;

/** What became of the copies: lengths that sum to the whole, and the same as numbers that sum to it. */
export function OutcomeBar({ route }: { readonly route: Counted }): JSX.Element {
  const parts = outcomeLengths(route);
  if (parts.length === 0) return <span class="quiet">nothing yet</span>;
  return (
    <div class="outcomes">
      <svg class="bar" viewBox={`0 0 ${WHOLE} 10`} preserveAspectRatio="none" role="img" aria-label={outcomeSum(route)}>
        {parts.map(({ words, outcome, from, length }) => (
          <rect key={words} class={`o-${outcome}`} x={from} y="0" width={length} height="10" />
        ))}
      </svg>
      <p class="legend">
        {plural(route.eligible, route.unit.slice(0, -1))} ={" "}
        {parts.map(({ words, outcome, count }, i) => (
          <span key={words} class="legend-part">
            {i > 0 && "+ "}
            <i class={`swatch o-${outcome}`} aria-hidden="true" />
            {spellCount(count)} {words}{" "}
          </span>
        ))}
      </p>
    </div>
  );
}
