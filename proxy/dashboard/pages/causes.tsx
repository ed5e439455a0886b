import type { JSX } from "preact";
import { plural } from "../../admin/sentences.ts";
import { GROUP_STATES } from "../../evidence/evidence.ts";
import { printable } from "../../controls.ts";
import { spellPlace } from "../address.ts";
import { type Cause, CauseList } from "../parts/cause-list.tsx";
import { useList } from "../parts/more.tsx";
import { Section } from "../parts/section.tsx";
import { useLive } from "../state.tsx";

export function CausesPage({ query }: { readonly query: Readonly<Record<string, string>> }): JSX.Element {
  const { route = "", state = "" } = query;
  const { status } = useLive();
  const asked = new URLSearchParams({
    limit: "50",
    ...(route === "" ? {} : { route }),
    ...(state === "" ? {} : { state }),
  });
  const { items, foot } = useList<Cause>(`/api/v1/groups?${asked.toString()}`);
  const now = status === null ? Date.now() : Date.parse(status.time);
  const put = (change: Readonly<Record<string, string>>): void => {
    location.hash = spellPlace("causes", "", { ...query, ...change });
  };
  return (
    <>
      <h1>What differs, by cause</h1>
      <form class="fields" onSubmit={(event) => event.preventDefault()} aria-label="Only these">
        <div>
          <label for="c-route">route</label>
          <select id="c-route" value={route} onChange={(event) => put({ route: event.currentTarget.value })}>
            <option value="">any</option>
            {status?.routes.map(({ name }) => (
              <option key={name} value={name}>
                {printable(name)}
              </option>
            ))}
          </select>
        </div>
        <div>
          <label for="c-state">state</label>
          <select id="c-state" value={state} onChange={(event) => put({ state: event.currentTarget.value })}>
            <option value="">any</option>
            {GROUP_STATES.map((one) => (
              <option key={one} value={one}>
                {one}
              </option>
            ))}
          </select>
        </div>
      </form>
      <Section id="causes" title={items === null ? "Causes" : plural(items.length, "cause")}>
        {items !== null && (items.length === 0 ? <p>None.</p> : <CauseList causes={items} now={now} />)}
        {foot}
      </Section>
    </>
  );
}
