import type { JSX } from "preact";
import type { GateCondition } from "../../moves/gate-evidence.ts";
import { Mark, type Tone } from "./notice.tsx";
import { Told, When } from "./text.tsx";

type State = GateCondition["state"];

interface Condition {
  readonly name: string;
  readonly state: State;
  readonly text: string;
  /** ISO 8601; null or absent: nobody says since when. */
  readonly since?: string | null;
}

/** What stands in the way first. */
const ORDER: readonly State[] = ["missing", "not-asked", "met"];
const TONES: Readonly<Record<State, Tone>> = { met: "good", missing: "bad", "not-asked": "none" };
const WORDS: Readonly<Record<State, string>> = { met: "met", missing: "missing", "not-asked": "not asked" };

export function Conditions({ of }: { readonly of: readonly Condition[] }): JSX.Element {
  return (
    <ul class="plain checks">
      {of
        .toSorted((a, b) => ORDER.indexOf(a.state) - ORDER.indexOf(b.state))
        .map(({ name, state, text, since = null }) => (
          <li key={name}>
            <Mark tone={TONES[state]} />
            <span>
              <span class="check-name">
                {name}, {WORDS[state]}:
              </span>{" "}
              <Told text={text.replace(/^not asked: /, "")} />
              {since !== null && (
                <span class="quiet">
                  , since <When at={since} />
                </span>
              )}
            </span>
          </li>
        ))}
    </ul>
  );
}
