/** A route's phase, and what became of a move, for people. Pure. */
import type { RouteView } from "../admin/route-view.ts";
import { CHECK_NAMES, type MoveReport } from "../moves/phase-move.ts";
import { pad, wrap } from "./columns.ts";
import type { Paint } from "./terminal.ts";
import { printable } from "../controls.ts";

export function formatMove(report: MoveReport, width: number, paint: Paint): readonly string[] {
  const { sentence, end, checks } = report;
  const isWell = end === "moved" || end === "would-move";
  const states = Math.max(...["met", "missing", "forced"].map(({ length }) => length));
  const names = Math.max(...CHECK_NAMES.map(({ length }) => length));
  return [
    ...wrap(printable(sentence), width).map((line) => paint("bold", paint(isWell ? "green" : "red", line))),
    "",
    ...checks.flatMap(({ name, state, text }) => {
      const head = `${pad(state, states)}  ${pad(name, names)}  `;
      const lines = wrap(head + printable(text), width, head.length);
      return lines.map((line) => (state === "met" ? line : paint("yellow", line)));
    }),
  ];
}

/** `users: dual-write (the file says legacy-only)`; with what the way back costs, where there is one. */
export function formatPhase({ name, phase, wanted, rollback }: RouteView): string {
  const file = phase === wanted ? "as the file says" : `the file says ${wanted}`;
  const back = rollback === null ? "" : `; the way back is ${rollback.price}: ${rollback.text}`;
  return `${printable(name)}: ${phase} (${file})${back}`;
}
