import type { JSX } from "preact";
import type { OfGroup } from "../../admin/own-disagreements.ts";
import { plural, spellShare } from "../../admin/sentences.ts";
import type { GroupState, ListedGroup } from "../../evidence/evidence.ts";
import { spellPart } from "../../evidence/group-sentence.ts";
import { spellPlace } from "../address.ts";
import type { Refused } from "../client.ts";
import { useAsk } from "../state.tsx";
import { Badge, type Tone } from "./notice.tsx";
import { Told, When } from "./text.tsx";
import { Trend } from "./trend.tsx";

export type Cause = ListedGroup & OfGroup;
interface Page {
  readonly items: readonly Cause[];
  readonly next: string | null;
}

const SHOWN = 10;

/** Causes that nobody has dealt with, the largest first. `route` "": of all. */
export function useOpenCauses(route: string): {
  readonly causes: readonly Cause[] | null;
  readonly problem: Refused | null;
} {
  const of = route === "" ? "" : `&route=${encodeURIComponent(route)}`;
  const fresh = useAsk<Page>(`/api/v1/groups?state=new&limit=${SHOWN}${of}`);
  const back = useAsk<Page>(`/api/v1/groups?state=regressed&limit=${SHOWN}${of}`);
  const problem = fresh.problem ?? back.problem;
  if (fresh.value === null || back.value === null) return { causes: null, problem };
  const causes = [...back.value.items, ...fresh.value.items].sort((a, b) => b.count - a.count).slice(0, SHOWN);
  return { causes, problem };
}

export const STATE_TONES: Readonly<Record<GroupState, Tone>> = {
  new: "bad",
  regressed: "bad",
  acknowledged: "mild",
  fixed: "good",
};

export function CauseList({ causes, now }: { readonly causes: readonly Cause[]; readonly now: number }): JSX.Element {
  return (
    <ul class="plain causes">
      {causes.map((cause) => (
        <li key={cause.id}>
          <a class="cause" href={spellPlace("cause", cause.id)}>
            <span class="cause-name">
              <Told text={`${cause.method} ${cause.route}`} />
            </span>
            <Signature of={cause} />
          </a>
          <p class="quiet">
            <Badge tone={STATE_TONES[cause.state]}>{cause.state}</Badge> {plural(cause.count, "time")},{" "}
            {spellShare(cause.share)} of what was compared, last <When at={cause.lastSeen} now={now} />
            <Trend of={cause.trend} />
          </p>
        </li>
      ))}
    </ul>
  );
}

const PARTS_SHOWN = 6;

export function Signature({ of }: { readonly of: Pick<ListedGroup, "signature"> }): JSX.Element {
  const more = of.signature.length - PARTS_SHOWN;
  return (
    <span class="signature">
      {of.signature.slice(0, PARTS_SHOWN).map((part) => (
        <code key={`${part.at} ${part.kind}`}>
          <Told text={spellPart(part)} />
        </code>
      ))}
      {more > 0 && <span>and {more} more</span>}
    </span>
  );
}
