import type { JSX } from "preact";
import type { RouteStatus } from "../../admin/route-status.ts";
import { plural, spellCount, spellShare, spellSpan } from "../../admin/sentences.ts";
import type { GateAnswer, GateCondition } from "../../gate-evidence.ts";
import { useAsk } from "../state.tsx";
import { Mark, Notice, Problem, type Tone } from "./notice.tsx";
import { Facts, Section } from "./section.tsx";
import { Told, When } from "./text.tsx";

const TONES: Readonly<Record<GateCondition["state"], Tone>> = { met: "good", missing: "bad", "not-asked": "none" };
const WORDS: Readonly<Record<GateCondition["state"], string>> = {
  met: "met",
  missing: "missing",
  "not-asked": "not asked",
};

/** Whether next may become the primary: what is missing first, and when that may be. */
export function GateSection({ route }: { readonly route: RouteStatus }): JSX.Element {
  const { value: gate, problem } = useAsk<GateAnswer>(`/api/v1/routes/${encodeURIComponent(route.name)}/gate`, 10_000);
  return (
    <Section id="gate" title="May next become the primary?">
      <Problem of={problem} what="The gate cannot be asked now" />
      {gate !== null && <Answer gate={gate} />}
    </Section>
  );
}

function Answer({ gate }: { readonly gate: GateAnswer }): JSX.Element {
  const order = ["missing", "not-asked", "met"];
  const conditions = gate.conditions.toSorted((a, b) => order.indexOf(a.state) - order.indexOf(b.state));
  return (
    <>
      <Notice tone={gate.open ? "good" : "bad"}>
        <strong>
          <Told text={gate.sentence} />
        </strong>
      </Notice>
      <ul class="plain checks">
        {conditions.map(({ name, state, text }) => (
          <li key={name}>
            <Mark tone={TONES[state]} />
            <span>
              <span class="check-name">
                {name}, {WORDS[state]}:
              </span>{" "}
              <Told text={text} />
            </span>
          </li>
        ))}
      </ul>
      <Facts
        of={[
          ["asked", `below ${spellShare(gate.divergenceBelow)}, ${spellShare(gate.confidence)} sure`],
          ["over at least", spellSpan(gate.spanMs)],
          ["evidence since", <When at={gate.since} />],
          ["still needed", plural(gate.unitsNeeded, "key")],
          ["at", `${spellCount(gate.unitsPerDay)} a day`],
          ["about", gate.etaMs === null ? "never, at this rate" : gate.etaMs === 0 ? "now" : spellSpan(gate.etaMs)],
          ["build of next", gate.build === null ? "not named" : <Told text={gate.build} />],
        ]}
      />
    </>
  );
}
