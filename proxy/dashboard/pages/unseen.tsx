import type { JSX } from "preact";
import type { RouteView } from "../../admin/route-view.ts";
import { spellPlace } from "../address.ts";
import { useList } from "../parts/more.tsx";
import { Section } from "../parts/section.tsx";
import { Told } from "../parts/text.tsx";
import { blindSpots } from "../unseen.ts";

export function UnseenPage(): JSX.Element {
  const { items, foot } = useList<RouteView>("/api/v1/routes?limit=100", 10_000);
  return (
    <>
      <header>
        <h1>What Crossfade does not see</h1>
        <p>
          No evidence covers what is listed here: neither a match nor a difference. Above all of it stand writes that go
          around the proxy; only reconciling rows (<code>crossfade reconcile</code>) finds those.
        </p>
      </header>
      {items?.map((route) => (
        <Section
          key={route.name}
          id={`unseen-${route.name}`}
          title={route.name}
          aside={<a href={spellPlace("route", route.name)}>The route</a>}
        >
          <ul class="plain checks">
            {blindSpots(route).map(({ what, how }) => (
              <li key={what}>
                <span>
                  <Told text={what} />{" "}
                  <span class="quiet">
                    (<Told text={how} />)
                  </span>
                </span>
              </li>
            ))}
          </ul>
        </Section>
      ))}
      {foot}
    </>
  );
}
