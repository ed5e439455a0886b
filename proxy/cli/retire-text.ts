/** What `crossfade retire` says of a route: its sentence, then each condition. Pure. */
import { printable } from "../controls.ts";
import { RETIRE_CONDITIONS, type RetireAnswer } from "../moves/retire.ts";
import { pad, wrap } from "./columns.ts";
import { STATE_WORDS } from "./gate-text.ts";
import type { Paint } from "./terminal.ts";

export function formatRetire(answer: RetireAnswer, width: number, paint: Paint): readonly string[] {
  const { route, sentence, clean, legacyCanGo, conditions } = answer;
  const states = Math.max(...Object.values(STATE_WORDS).map((words) => words.length));
  const names = Math.max(...RETIRE_CONDITIONS.map(({ length }) => length));
  const colour = clean ? "green" : legacyCanGo ? "yellow" : "red";
  return [
    ...wrap(printable(`${route}: ${sentence}`), width).map((line) => paint("bold", paint(colour, line))),
    "",
    ...conditions.flatMap(({ name, state, text, since }) => {
      const head = `${pad(STATE_WORDS[state], states)}  ${pad(name, names)}  `;
      const said = state === "not-asked" ? text.replace(/^not asked: /, "") : text;
      const from = since === null ? "" : ` (since ${since})`;
      const lines = wrap(head + printable(said + from), width, head.length);
      return lines.map((line) => (state === "missing" ? paint("yellow", line) : line));
    }),
  ];
}
