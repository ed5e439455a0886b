/** What is around every page: where one is, whether the figures are of now, and the token where one is needed. */
import type { JSX } from "preact";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { type PageName, type Place, spellPlace } from "./address.ts";
import { ConnectionState } from "./parts/connection.tsx";
import { CausePage } from "./pages/cause.tsx";
import { CausesPage } from "./pages/causes.tsx";
import { AuditPage } from "./pages/audit.tsx";
import { LivePage } from "./pages/live.tsx";
import { Overview } from "./pages/overview.tsx";
import { ProcessPage } from "./pages/process.tsx";
import { RepairsPage } from "./pages/repairs.tsx";
import { RoutePage } from "./pages/route.tsx";
import { SignIn } from "./pages/sign-in.tsx";
import { UnseenPage } from "./pages/unseen.tsx";
import { useLive, usePlace } from "./state.tsx";

const NAVIGATION: readonly (readonly [page: PageName, name: string])[] = [
  ["overview", "Overview"],
  ["causes", "Causes"],
  ["live", "Live"],
  ["repairs", "Repairs and gaps"],
  ["process", "Lanes and members"],
  ["unseen", "Not seen"],
  ["audit", "Audit"],
];
/** Pages of one thing belong to the list that leads there. */
const WITHIN: Readonly<Partial<Record<PageName, PageName>>> = { route: "overview", cause: "causes" };

export function App(): JSX.Element {
  const place = usePlace();
  const { connection, status } = useLive();
  const signedOut = connection.state === "signed-out";
  // In a tab that is not looked at, or has lost its connection, the sentence of then would pass for that of now.
  useTitle(place, connection.state === "live" ? (status?.summary ?? "") : "");
  const main = useFocusOnMove(place);
  return (
    <>
      <a class="skip" href="#content" onClick={(event) => focusMain(event, main.current)}>
        Skip to the content
      </a>
      <header class="top">
        <a class="brand" href={spellPlace("overview")}>
          Crossfade
        </a>
        {!signedOut && <Navigation place={place} />}
        <ConnectionState />
      </header>
      <main id="content" tabIndex={-1} ref={main}>
        {signedOut ? <SignIn refused={connection.refused} /> : <Shown place={place} />}
      </main>
    </>
  );
}

function Navigation({ place }: { readonly place: Place }): JSX.Element {
  const current = WITHIN[place.page] ?? place.page;
  const list = useRef<HTMLUListElement>(null);
  // On a phone the list scrolls: where one is has to be seen.
  useLayoutEffect(() => {
    list.current?.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }, [current]);
  return (
    <nav aria-label="Pages">
      <ul ref={list}>
        {NAVIGATION.map(([page, name]) => (
          <li key={page}>
            <a href={spellPlace(page)} aria-current={page === current ? "page" : undefined}>
              {name}
            </a>
          </li>
        ))}
      </ul>
    </nav>
  );
}

function Shown({ place }: { readonly place: Place }): JSX.Element {
  switch (place.page) {
    case "overview":
      return <Overview />;
    case "route":
      return <RoutePage key={place.id} name={place.id} />;
    case "causes":
      return <CausesPage query={place.query} />;
    case "cause":
      return <CausePage key={place.id} id={place.id} query={place.query} />;
    case "live":
      return <LivePage query={place.query} />;
    case "repairs":
      return <RepairsPage query={place.query} />;
    case "process":
      return <ProcessPage />;
    case "unseen":
      return <UnseenPage />;
    case "audit":
      return <AuditPage />;
    case "lost":
      return (
        <>
          <h1>There is no such page</h1>
          <p>
            The address may be of another version. <a href={spellPlace("overview")}>Overview</a>
          </p>
        </>
      );
  }
}

function useTitle(place: Place, summary: string): void {
  const name = place.id === "" ? NAVIGATION.find(([page]) => page === place.page)?.[1] : place.id;
  const title = place.page === "overview" && summary !== "" ? summary : (name ?? "Crossfade");
  useEffect(() => {
    document.title = `${title} · Crossfade`;
  }, [title]);
}

/**
 * Whoever follows a link by keyboard, or hears the page, is at its beginning as soon as it is there: a key pressed between
 * the new page and a later moment would go to what had the focus before.
 */
function useFocusOnMove({ page, id }: Place): { readonly current: HTMLElement | null } {
  const main = useRef<HTMLElement>(null);
  const seen = useRef(`${page}/${id}`);
  useLayoutEffect(() => {
    if (seen.current === `${page}/${id}`) return;
    seen.current = `${page}/${id}`;
    main.current?.focus({ preventScroll: true });
    window.scrollTo(0, 0);
  }, [page, id]);
  return main;
}

/** The address behind `#` is a place of ours. */
function focusMain(event: MouseEvent, main: HTMLElement | null): void {
  event.preventDefault();
  main?.focus();
}
