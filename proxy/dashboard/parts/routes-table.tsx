import type { JSX } from "preact";
import { useState } from "preact/hooks";
import type { RouteStatus } from "../../admin/route-status.ts";
import { spellCount, spellEvidence, spellShare, spellSpan } from "../../admin/sentences.ts";
import { spellPlace } from "../address.ts";
import { useLive } from "../state.tsx";
import { ratePerSecond, spellRate } from "../traffic.ts";
import { Badge, type Tone } from "./notice.tsx";
import { OutcomeBar } from "./outcome-bar.tsx";
import { Cell, HeadCell, Row, Table } from "./section.tsx";
import { Told } from "./text.tsx";

const HEAD = [
  "route",
  "traffic",
  "what became of the copies",
  "divergent",
  "lag",
  "breaker",
  "repairs",
  "gaps",
  "evidence",
];

/** With 500 routes a page still opens at once, and changes without a jerk; the rest is a click away. */
const ROUTES_SHOWN = 100;

export function RoutesTable({ routes }: { readonly routes: readonly RouteStatus[] }): JSX.Element {
  const [all, setAll] = useState(false);
  return (
    <>
      <Rows routes={all ? routes : routes.slice(0, ROUTES_SHOWN)} />
      {routes.length > ROUTES_SHOWN && (
        <button type="button" class="link" aria-expanded={all} onClick={() => setAll(!all)}>
          {all ? "Fewer" : `All ${spellCount(routes.length)} routes`}
        </button>
      )}
    </>
  );
}

function Rows({ routes }: { readonly routes: readonly RouteStatus[] }): JSX.Element {
  const { traffic } = useLive();
  return (
    <Table label="Routes, what is wrong first" head={HEAD} cards>
      {routes.map((route) => {
        const rate = ratePerSecond(traffic, route.name);
        return (
          <Row key={route.name}>
            <HeadCell>
              <a href={spellPlace("route", route.name)}>
                <Told text={route.name} />
              </a>
              <Phase route={route} />
            </HeadCell>
            <Cell label="traffic">{route.shadow === null ? "–" : rate === null ? "…" : spellRate(rate)}</Cell>
            <Cell label="what became of the copies" wide>
              <OutcomeBar route={route} />
            </Cell>
            <Cell label="divergent">
              <Divergence route={route} />
            </Cell>
            <Cell label="lag">{route.lagMs > 0 ? spellSpan(route.lagMs) : "–"}</Cell>
            <Cell label="breaker">
              <Breaker state={route.breaker} />
            </Cell>
            <Cell label="repairs">
              <Count of={route.repairs} href={spellPlace("repairs", "", { route: route.name })} />
            </Cell>
            <Cell label="gaps">
              <Count of={route.gaps} href={spellPlace("repairs", "", { route: route.name })} />
            </Cell>
            <Cell label="evidence">{route.gateEvidence === 0 ? "–" : spellEvidence(route.gateEvidence)}</Cell>
          </Row>
        );
      })}
    </Table>
  );
}

export function Phase({ route }: { readonly route: RouteStatus }): JSX.Element {
  const { phase, wanted, primary, shadow, overrides, heldWrites } = route;
  return (
    <div class="phase">
      <Badge tone="mild">{phase}</Badge>
      {phase !== wanted && <Badge tone="warn">config: {wanted}</Badge>}
      {overrides.length > 0 && <Badge tone="warn">overridden</Badge>}
      {heldWrites !== null && <Badge tone="warn">moving, {spellCount(heldWrites)} held</Badge>}
      <span class="quiet">
        <Told text={primary} />{" "}
        {shadow === null ? (
          "alone"
        ) : (
          <>
            → <Told text={shadow} />
          </>
        )}
      </span>
    </div>
  );
}

/** The share of what was compared, and the one that the gate asks for. */
export function Divergence({ route }: { readonly route: RouteStatus }): JSX.Element {
  const { divergenceRate, divergenceBelow } = route;
  if (divergenceRate === null) return <>–</>;
  const above = divergenceRate >= divergenceBelow;
  return (
    <span class="divergence">
      <strong class={above && divergenceRate > 0 ? "tone-bad" : "tone-good"}>{spellShare(divergenceRate)}</strong>{" "}
      <span class="quiet">asked: below {spellShare(divergenceBelow).replace(" ", "\u00a0")}</span>
    </span>
  );
}

const BREAKER_TONES: Readonly<Record<string, Tone>> = { closed: "good", "half-open": "warn", open: "bad" };

export function Breaker({ state }: { readonly state: RouteStatus["breaker"] }): JSX.Element {
  if (state === null) return <>–</>;
  return <Badge tone={BREAKER_TONES[state] ?? "none"}>{state}</Badge>;
}

function Count({ of, href }: { readonly of: number; readonly href: string }): JSX.Element {
  if (of === 0) return <>0</>;
  return (
    <a class="tone-bad" href={href}>
      {spellCount(of)}
    </a>
  );
}
