/** The gate's answer for people: its sentence, each condition, and what the evidence is made of. Pure. */
import { plural, spellCount, spellShare, spellSpan } from "../admin/sentences.ts";
import type { GateAnswer, GateCondition } from "../moves/gate-evidence.ts";
import { pad, wrap } from "./columns.ts";
import type { Paint } from "./terminal.ts";
import { printable } from "../controls.ts";

export const STATE_WORDS: Readonly<Record<GateCondition["state"], string>> = {
  met: "met",
  missing: "missing",
  "not-asked": "not asked",
};

export function formatGate(answer: GateAnswer, width: number, paint: Paint): readonly string[] {
  const { sentence, open, conditions } = answer;
  const states = Math.max(...Object.values(STATE_WORDS).map((words) => words.length));
  const names = Math.max(...conditions.map(({ name }) => name.length));
  return [
    ...wrap(printable(sentence), width).map((line) => paint("bold", paint(open ? "green" : "red", line))),
    "",
    ...conditions.flatMap(({ name, state, text }) => {
      const head = `${pad(STATE_WORDS[state], states)}  ${pad(name, names)}  `;
      const said = state === "not-asked" ? text.replace(/^not asked: /, "") : text;
      const lines = wrap(head + printable(said), width, head.length);
      return lines.map((line) => (state === "missing" ? paint("yellow", line) : line));
    }),
    "",
    ...wrap(madeOf(answer), width).map((line) => paint("dim", line)),
  ];
}

const WHY: Readonly<Record<GateAnswer["why"], string>> = {
  first: "the route was first compared",
  rules: "rules or gate were changed",
  build: "another build of next serves alone",
  rollback: "next was the source of truth meanwhile",
  spent: "the evidence before it was lost for good",
};

/** `Epoch 2 since 2026-11-22T12:00:00.000Z (rules or gate were changed), build 9f3c, in blocks of 1 h. 150 keys excused …` */
function madeOf({ epoch, since, why, build, blockMs, strata, against }: GateAnswer): string {
  const all = strata.find(({ stratum }) => stratum === "all");
  const named = build === null ? "" : `, build ${printable(build)}`;
  const excused = all === undefined || all.units === 0 ? 0 : all.excused / all.units;
  const counted = Object.entries(against).map(([outcome, count]) => `${spellCount(count)} ${outcome}`);
  const what = counted.length === 0 ? "nothing counted against it" : `against it: ${counted.join(", ")}`;
  return (
    `Epoch ${epoch} since ${since} (${WHY[why]})${named}, in blocks of ${spellSpan(blockMs)}. ` +
    `${plural(all?.excused ?? 0, "key")} (${spellShare(excused)}) excused by rules; exchanges: ${what}.`
  );
}
