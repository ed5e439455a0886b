import type { JSX } from "preact";
import type { RouteStatus } from "../../admin/route-status.ts";
import { spellSpan } from "../../admin/sentences.ts";
import type { RetireAnswer } from "../../moves/retire.ts";
import { useAsk } from "../state.tsx";
import { Conditions } from "./conditions.tsx";
import { Notice, Problem } from "./notice.tsx";
import { Facts, Section } from "./section.tsx";
import { Told } from "./text.tsx";

/** Once next is the primary: whether legacy can be switched off, and Crossfade taken out. */
export function LeaningsSection({ route }: { readonly route: RouteStatus }): JSX.Element {
  const path = `/api/v1/routes/${encodeURIComponent(route.name)}/retire`;
  const { value: answer, problem } = useAsk<RetireAnswer>(path, 10_000);
  return (
    <Section id="leanings" title="What still leans on legacy, or on Crossfade?">
      <Problem of={problem} what="It cannot be asked now" />
      {answer !== null && <Answer answer={answer} />}
    </Section>
  );
}

function Answer({ answer }: { readonly answer: RetireAnswer }): JSX.Element {
  const { clean, legacyCanGo, sentence, conditions, quietMs, etaMs } = answer;
  return (
    <>
      <Notice tone={clean ? "good" : legacyCanGo ? "warn" : "bad"}>
        <strong>
          <Told text={sentence} />
        </strong>
      </Notice>
      <Conditions of={conditions} />
      <Facts
        of={[
          ["each quiet for", spellSpan(quietMs)],
          ["about", clean ? "now" : etaMs === null ? "not by waiting alone" : `${spellSpan(etaMs)} more`],
        ]}
      />
    </>
  );
}
