import type { JSX } from "preact";
import type { GroupTrend } from "../../evidence/evidence.ts";

const WIDTH = 96;
const HEIGHT = 16;

/** Of each of the last 24 hours one bar, the present hour last; the word says where it goes. */
export function Trend({ of }: { readonly of: GroupTrend }): JSX.Element {
  const most = Math.max(1, ...of.hours);
  const step = WIDTH / of.hours.length;
  return (
    <span class="trend">
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} width={WIDTH} height={HEIGHT} aria-hidden="true">
        {of.hours.map((count, hour) => {
          const height = count === 0 ? 1 : Math.max(2, (HEIGHT * count) / most);
          const kind = count === 0 ? "trend-none" : "trend-some";
          return <rect key={hour} class={kind} x={hour * step} y={HEIGHT - height} width={step - 1} height={height} />;
        })}
      </svg>{" "}
      {of.direction}
    </span>
  );
}
