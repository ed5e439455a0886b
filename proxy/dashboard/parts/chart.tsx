/** A chart over time (uPlot), in the theme's colours, with the same as a table for who does not see it. */
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import type { ChartData } from "../route-lines.ts";

const HEIGHT_REM = 11;

/** `summary` says in a sentence what is to be seen. */
export function Chart({
  data,
  summary,
  spell,
}: {
  readonly data: ChartData;
  readonly summary: string;
  readonly spell: (value: number) => string;
}): JSX.Element {
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const parent = place.current;
    if (parent === null) return undefined;
    let plot: uPlot | null = null;
    const draw = (): void => {
      plot?.destroy();
      plot = new uPlot(optionsOf(parent, data, spell), alignedOf(data), parent);
    };
    draw();
    const resized = new ResizeObserver(() => plot?.setSize(sizeOf(parent)));
    resized.observe(parent);
    const dark = matchMedia("(prefers-color-scheme: dark)");
    dark.addEventListener("change", draw);
    return () => {
      dark.removeEventListener("change", draw);
      resized.disconnect();
      plot?.destroy();
    };
  }, [data, spell]);
  return (
    <>
      <div class="chart" ref={place} role="img" aria-label={summary} />
      <ul class="plain chart-legend" aria-hidden="true">
        {data.lines.map(({ label, color, dash }) => (
          <li key={label}>
            <svg width="28" height="6" viewBox="0 0 28 6">
              <path d="M0 3H28" stroke={`var(${color})`} stroke-width="2" stroke-dasharray={dash?.join(" ")} />
            </svg>{" "}
            {label}
          </li>
        ))}
      </ul>
    </>
  );
}

/** Epoch seconds → `12:03:04`, UTC as everywhere here. */
function spellTick(seconds: number): string {
  return new Date(seconds * 1000).toISOString().slice(11, 19);
}

function alignedOf({ times, lines }: ChartData): uPlot.AlignedData {
  return [[...times], ...lines.map(({ values }) => [...values])];
}

function sizeOf(parent: HTMLElement): { width: number; height: number } {
  return { width: Math.max(120, parent.clientWidth), height: HEIGHT_REM * remOf() };
}

function remOf(): number {
  return Number.parseFloat(getComputedStyle(document.documentElement).fontSize);
}

function optionsOf(parent: HTMLElement, { lines }: ChartData, spell: (value: number) => string): uPlot.Options {
  const rem = remOf();
  const styles = getComputedStyle(parent);
  // Canvas knows no light-dark(): the browser resolves it where it stands for a colour.
  const probe = parent.ownerDocument.createElement("i");
  parent.append(probe);
  const colorOf = (name: string): string => {
    probe.style.color = `var(${name})`;
    return getComputedStyle(probe).color;
  };
  const axis = {
    stroke: colorOf("--quiet"),
    grid: { stroke: colorOf("--line"), width: 1 },
    ticks: { stroke: colorOf("--line"), width: 1 },
    font: `${0.8 * rem}px ${styles.fontFamily}`,
  };
  const options: uPlot.Options = {
    ...sizeOf(parent),
    legend: { show: false },
    cursor: { drag: { x: false, y: false } },
    axes: [
      { ...axis, size: 2.2 * rem, space: 6 * rem, values: (_, ticks) => ticks.map(spellTick) },
      { ...axis, size: 4 * rem, values: (_, ticks) => ticks.map(spell) },
    ],
    scales: { y: { range: (_, __, most) => [0, most > 0 ? most * 1.1 : 1] } },
    series: [
      {},
      ...lines.map(({ label, color, dash }) => ({
        label,
        stroke: colorOf(color),
        width: 2,
        points: { size: 0.3 * rem },
        spanGaps: true,
        ...(dash === undefined ? {} : { dash: [...dash] }),
      })),
    ],
  };
  probe.remove();
  return options;
}
