import type { JSX } from "preact";
import type { RouteView } from "../../admin/route-view.ts";
import { spellEvidence, spellSpan } from "../../admin/sentences.ts";
import type { GapRecord, RepairRecord } from "../../evidence/evidence.ts";
import { PHASE_ROLES } from "../../moves/phases.ts";
import { spellPlace } from "../address.ts";
import { CauseList, useOpenCauses } from "../parts/cause-list.tsx";
import { GateSection } from "../parts/gate.tsx";
import { LeaningsSection } from "../parts/leanings.tsx";
import { MirrorSection } from "../parts/mirror.tsx";
import { Badge, Problem } from "../parts/notice.tsx";
import { OutcomeBar } from "../parts/outcome-bar.tsx";
import { PhaseSection } from "../parts/phase.tsx";
import { RouteCharts } from "../parts/route-charts.tsx";
import { GapsTable, RepairsTable } from "../parts/repairs-table.tsx";
import { Breaker, Divergence } from "../parts/routes-table.tsx";
import { RulesSection } from "../parts/rules.tsx";
import { Facts, Section } from "../parts/section.tsx";
import { Code, Told } from "../parts/text.tsx";
import { useAsk, useLive } from "../state.tsx";
import { ratePerSecond, spellRate } from "../traffic.ts";

export function RoutePage({ name }: { readonly name: string }): JSX.Element {
  const path = `/api/v1/routes/${encodeURIComponent(name)}`;
  const asked = useAsk<RouteView>(path);
  const { status, traffic } = useLive();
  const now = status === null ? Date.now() : Date.parse(status.time);
  // Counts as they come, settings as they were asked for.
  const counted = status?.routes.find((route) => route.name === name);
  const route = asked.value === null ? null : { ...asked.value, ...counted };
  const rate = ratePerSecond(traffic, name);
  return (
    <>
      <header>
        <p class="quiet">
          <a href={spellPlace("overview")}>Overview</a> / route
        </p>
        <h1>
          <Told text={name} /> {route !== null && <Badge tone="mild">{route.phase}</Badge>}
        </h1>
        <Problem of={asked.problem} what="This route is not to be had now" />
        {route !== null && <Matching route={route} />}
      </header>
      {route !== null && (
        <>
          <Section id="outcomes" title="What became of the copies">
            <OutcomeBar route={route} />
            <Facts
              of={[
                ["divergent", <Divergence route={route} />],
                ["traffic", route.shadow === null ? "not mirrored" : rate === null ? "…" : spellRate(rate)],
                ["lag", route.lagMs > 0 ? spellSpan(route.lagMs) : "none"],
                ["breaker", <Breaker state={route.breaker} />],
                ["evidence for a cutover", route.gateEvidence === 0 ? "none yet" : spellEvidence(route.gateEvidence)],
              ]}
            />
            <RouteCharts route={route} />
          </Section>
          <div class="columns even">
            {PHASE_ROLES[route.phase].primary === "legacy" ? (
              <GateSection route={route} />
            ) : (
              <LeaningsSection route={route} />
            )}
            <PhaseSection route={route} onMoved={asked.again} />
          </div>
          <Causes name={name} now={now} />
          <NotEqual name={name} now={now} />
          <div class="columns even">
            <MirrorSection route={route} onChanged={asked.again} />
            <RulesSection route={route} now={now} />
          </div>
        </>
      )}
    </>
  );
}

function Matching({ route }: { readonly route: RouteView }): JSX.Element {
  const { match, entity, key, primary, shadow } = route;
  return (
    <p>
      <Code text={`${match.methods?.join(", ") ?? "every method"} ${match.path}`} />
      {match.host !== null && (
        <>
          {" "}
          on <Code text={match.host} />
        </>
      )}
      {match.headers.length > 0 && (
        <>
          {" "}
          with header <Code text={match.headers.join(", ")} />
        </>
      )}
      ; <Told text={primary} /> answers clients
      {shadow !== null && (
        <>
          , <Told text={shadow} /> gets copies
        </>
      )}
      . Key: <Code text={key.length === 0 ? "none" : key.join(", ")} />
      {entity !== null && (
        <>
          {" "}
          of <Code text={entity} />
        </>
      )}
      .
    </p>
  );
}

function Causes({ name, now }: { readonly name: string; readonly now: number }): JSX.Element {
  const { causes, problem } = useOpenCauses(name);
  return (
    <Section
      id="causes"
      title="Open causes"
      aside={<a href={spellPlace("causes", "", { route: name })}>All causes of this route</a>}
    >
      <Problem of={problem} what="Causes are not to be had now" />
      {causes !== null && (causes.length === 0 ? <p>Nothing is open.</p> : <CauseList causes={causes} now={now} />)}
    </Section>
  );
}

const SHOWN = 10;

function NotEqual({ name, now }: { readonly name: string; readonly now: number }): JSX.Element {
  const of = `?route=${encodeURIComponent(name)}&limit=${SHOWN}`;
  const repairs = useAsk<{ items: readonly RepairRecord[] }>(`/api/v1/repairs${of}`);
  const gaps = useAsk<{ items: readonly GapRecord[] }>(`/api/v1/gaps${of}`);
  return (
    <Section
      id="repairs"
      title="Keys that are not known to be equal, and gaps"
      aside={<a href={spellPlace("repairs", "", { route: name })}>All of them, and repair</a>}
    >
      <Problem of={repairs.problem ?? gaps.problem} what="The lists are not to be had now" />
      {repairs.value !== null && <RepairsTable repairs={repairs.value.items} now={now} />}
      {gaps.value !== null && <GapsTable gaps={gaps.value.items} now={now} />}
    </Section>
  );
}
