import type { JSX } from "preact";
import { useId, useState } from "preact/hooks";
import type { GroupRecord } from "../../evidence/evidence.ts";
import type { RouteView } from "../../admin/route-view.ts";
import { rulesFor, spellExcuse } from "../excuse.ts";
import { useAsk } from "../state.tsx";
import { CopyButton } from "./copy.tsx";
import { Notice } from "./notice.tsx";
import { Section } from "./section.tsx";
import { Code, Told } from "./text.tsx";

/** Writes the rules for the config; it changes nothing by itself. */
export function ExcuseSection({ cause }: { readonly cause: GroupRecord }): JSX.Element {
  const route = useAsk<RouteView>(`/api/v1/routes/${encodeURIComponent(cause.route)}`, 60_000).value;
  const [because, setBecause] = useState("");
  const [until, setUntil] = useState("");
  const [chosen, setChosen] = useState<Readonly<Record<number, number>>>({});
  const id = useId();
  const choices = cause.signature.map(rulesFor);
  const rules = choices.flatMap((ofPart, i) => ofPart[chosen[i] ?? ofPart.length - 1] ?? []);
  const must = route?.compare.mustMatch.filter((place) => cause.signature.some(({ at }) => at === place)) ?? [];
  if (rules.length === 0) {
    return (
      <Section id="excuse" title="Excuse this">
        <p>No rule can excuse it: these copies have no answer to compare.</p>
      </Section>
    );
  }
  const yaml = spellExcuse(
    cause.route,
    rules.map(({ rule }) => rule),
    because,
    until,
  );
  return (
    <Section id="excuse" title="Excuse this">
      <p>
        Rules for the config, to paste into the route's entry. What they excuse is counted as excused, and{" "}
        <code>crossfade recompare</code> tells beforehand what they do. What <code>crossfade suggest</code> finds is
        narrower.
      </p>
      {must.length > 0 && (
        <Notice tone="bad">
          <Told text={must.join(", ")} /> is in mustMatch of this route: no rule excuses it.
        </Notice>
      )}
      <div class="fields">
        {cause.signature.map((part, i) => {
          const ofPart = choices[i] ?? [];
          if (ofPart.length === 0) return null;
          return (
            <div key={`${part.at} ${part.kind}`}>
              <label for={`${id}-${i}`}>
                <Code text={part.kind === "status" ? "status" : part.at === "" ? "(whole)" : part.at} />
              </label>
              <select
                id={`${id}-${i}`}
                value={chosen[i] ?? ofPart.length - 1}
                onChange={(event) => setChosen({ ...chosen, [i]: Number(event.currentTarget.value) })}
              >
                {ofPart.map(({ name }, n) => (
                  <option key={name} value={n}>
                    {name}
                  </option>
                ))}
              </select>
            </div>
          );
        })}
        <div class="grow">
          <label for={`${id}-because`}>Because</label>
          <input
            id={`${id}-because`}
            type="text"
            maxLength={200}
            value={because}
            onInput={(event) => setBecause(event.currentTarget.value)}
          />
        </div>
        <div>
          <label for={`${id}-until`}>Until (may be left out)</label>
          <input
            id={`${id}-until`}
            type="date"
            value={until}
            onInput={(event) => setUntil(event.currentTarget.value)}
          />
        </div>
      </div>
      <p class="quiet">It hides {rules.map(({ hides }) => hides).join("; ")}.</p>
      <pre class="yaml" tabIndex={0} aria-label="Rules as YAML">
        {yaml}
      </pre>
      <CopyButton name="Copy the YAML" text={`${yaml}\n`} />
    </Section>
  );
}
