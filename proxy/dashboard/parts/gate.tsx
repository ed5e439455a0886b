import type { JSX } from "preact";
import type { RouteStatus } from "../../admin/route-status.ts";
import { plural, spellCount, spellShare, spellSpan } from "../../admin/sentences.ts";
import type { GateAnswer } from "../../moves/gate-evidence.ts";
import { useAsk } from "../state.tsx";
import { Conditions } from "./conditions.tsx";
import { Notice, Problem } from "./notice.tsx";
import { Facts, Section } from "./section.tsx";
import { Told, When } from "./text.tsx";

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
  return (
    <>
      <Notice tone={gate.open ? "good" : "bad"}>
        <strong>
          <Told text={gate.sentence} />
        </strong>
      </Notice>
      <Conditions of={gate.conditions} />
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
