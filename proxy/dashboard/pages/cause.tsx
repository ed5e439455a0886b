import type { JSX } from "preact";
import type { OfGroup } from "../../admin/own-disagreements.ts";
import { spellOwnDisagreements } from "../../admin/own-disagreements.ts";
import { spellCount, spellShare } from "../../admin/sentences.ts";
import { askedFor, type DivergenceRecord, type GroupRecord } from "../../evidence/evidence.ts";
import { spellSignature } from "../../evidence/group-sentence.ts";
import type { StoredPair } from "../../evidence/stored-pair.ts";
import { spellPlace } from "../address.ts";
import { STATE_TONES } from "../parts/cause-list.tsx";
import { DecisionSection } from "../parts/decision.tsx";
import { ExcuseSection } from "../parts/excuse.tsx";
import { Badge, Problem } from "../parts/notice.tsx";
import { Sample } from "../parts/sample.tsx";
import { Facts, Section } from "../parts/section.tsx";
import { Code, Told, When } from "../parts/text.tsx";
import { Trend } from "../parts/trend.tsx";
import { useAsk, useLive } from "../state.tsx";

type Cause = GroupRecord & OfGroup & { readonly samples: readonly DivergenceRecord[] };

export function CausePage({
  id,
  query,
}: {
  readonly id: string;
  readonly query: Readonly<Record<string, string>>;
}): JSX.Element {
  const asked = useAsk<Cause>(`/api/v1/groups/${encodeURIComponent(id)}`);
  const { status } = useLive();
  const now = status === null ? null : Date.parse(status.time);
  const cause = asked.value;
  return (
    <>
      <header>
        <p class="quiet">
          <a href={spellPlace("causes")}>Causes</a> / <Code text={id} />
        </p>
        {cause === null ? (
          <h1>Cause {id}</h1>
        ) : (
          <h1>
            <Told text={`${cause.method} ${cause.route}: ${spellSignature(cause.signature)}`} />{" "}
            <Badge tone={STATE_TONES[cause.state]}>{cause.state}</Badge>
          </h1>
        )}
        <Problem of={asked.problem} what="This cause is not to be had now" />
        {cause !== null && <About cause={cause} now={now} />}
      </header>
      {cause !== null && (
        <>
          <Samples cause={cause} shown={query["sample"] ?? ""} />
          <div class="columns even">
            <DecisionSection cause={cause} onDecided={asked.again} />
            <ExcuseSection cause={cause} />
          </div>
        </>
      )}
    </>
  );
}

function About({ cause, now }: { readonly cause: Cause; readonly now: number | null }): JSX.Element {
  const own = spellOwnDisagreements(cause.ownDisagreements);
  return (
    <>
      <Facts
        of={[
          ["seen", `${spellCount(cause.count)} ×, ${spellShare(cause.share)} of what was compared`],
          ["first", <When at={cause.firstSeen} now={now} />],
          ["last", <When at={cause.lastSeen} now={now} />],
          ["builds", <Told text={`${cause.firstBuild ?? "not named"} → ${cause.lastBuild ?? "not named"}`} />],
          ["follow from it", spellCount(cause.tainted)],
          ["last 24 hours", <Trend of={cause.trend} />],
          ["route", <a href={spellPlace("route", cause.route)}>{cause.route}</a>],
          ["all of it", <a href={spellPlace("live", "", { group: cause.id })}>every divergence</a>],
        ]}
      />
      {own !== null && (
        <p>
          <Told text={own} />.
        </p>
      )}
    </>
  );
}

/** As many pairs as a cause has at most. */
const PAIRS_KEPT = 8;

function Samples({ cause, shown }: { readonly cause: Cause; readonly shown: string }): JSX.Element {
  const pairs = useAsk<{ items: readonly StoredPair[] }>(
    `/api/v1/pairs?group=${encodeURIComponent(cause.id)}&limit=${PAIRS_KEPT}`,
    15_000,
  );
  const { samples } = cause;
  const pairOf = (id: string): StoredPair | null => pairs.value?.items.find((pair) => pair.id === id) ?? null;
  // One that was kept whole tells most.
  const first = samples.find(({ id }) => pairOf(id) !== null) ?? samples[0];
  const record = samples.find(({ id }) => id === shown) ?? first;
  if (record === undefined) {
    return (
      <Section id="samples" title="Samples">
        <p>None is kept any more: evidence goes by age and size.</p>
      </Section>
    );
  }
  return (
    <Section id="samples" title="Samples">
      <nav aria-label="Samples of this cause">
        <ul class="samples">
          {samples.map(({ id, time, ...asked }) => (
            <li key={id}>
              <a
                href={spellPlace("cause", cause.id, { sample: id })}
                aria-current={id === record.id ? "true" : undefined}
                title={time}
              >
                <Told text={askedFor(asked)} />
                {pairOf(id) !== null && <span class="quiet"> whole</span>}
              </a>
            </li>
          ))}
        </ul>
      </nav>
      <Problem of={pairs.problem} what="Whole exchanges are not shown" />
      <Sample key={record.id} record={record} pair={pairs.asked ? undefined : pairOf(record.id)} />
    </Section>
  );
}
