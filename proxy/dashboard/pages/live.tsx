/** Divergences as they come, and those before them. */
import type { JSX } from "preact";
import { useCallback, useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { plural, spellCount } from "../../admin/sentences.ts";
import { DIFFERENCE_KINDS, type DivergenceRecord } from "../../evidence/evidence.ts";
import { OUTCOME_KINDS } from "../../outcome.ts";
import { printable } from "../../controls.ts";
import type { StoredPair } from "../../evidence/stored-pair.ts";
import { spellPlace } from "../address.ts";
import { TailFollower } from "../follow-tail.ts";
import { Notice, Problem } from "../parts/notice.tsx";
import { Sample } from "../parts/sample.tsx";
import { Section } from "../parts/section.tsx";
import { VirtualRows } from "../parts/virtual-rows.tsx";
import { useAsk, useLive } from "../state.tsx";
import { MOST_LINES, spellBriefly, Tail } from "../tail.ts";

type Query = Readonly<Record<string, string>>;

const FILTERS = ["route", "outcome", "kind", "at", "group"] as const;

export function LivePage({ query }: { readonly query: Query }): JSX.Element {
  const filters = Object.fromEntries(
    FILTERS.flatMap((name) => (query[name] === undefined ? [] : [[name, query[name]]])),
  );
  return (
    <>
      <h1>Divergences as they come</h1>
      <Filters query={query} />
      <TailSection key={JSON.stringify(filters)} filters={filters} open={query["id"] ?? null} />
    </>
  );
}

function goTo(query: Query): void {
  location.hash = spellPlace("live", "", query);
}

function Filters({ query }: { readonly query: Query }): JSX.Element {
  const { status } = useLive();
  const put = (name: string, value: string): void => {
    const { id: _, ...rest } = query;
    goTo({ ...rest, [name]: value });
  };
  const choice = (name: string, values: readonly string[]): JSX.Element => (
    <div>
      <label for={`f-${name}`}>{name}</label>
      <select id={`f-${name}`} value={query[name] ?? ""} onChange={(event) => put(name, event.currentTarget.value)}>
        <option value="">any</option>
        {values.map((value) => (
          <option key={value} value={value}>
            {printable(value)}
          </option>
        ))}
      </select>
    </div>
  );
  return (
    <form class="fields" onSubmit={(event) => event.preventDefault()} aria-label="Only these">
      {choice("route", status?.routes.map(({ name }) => name) ?? [])}
      {choice(
        "outcome",
        OUTCOME_KINDS.filter((kind) => kind !== "match" && kind !== "ignored"),
      )}
      {choice("kind", DIFFERENCE_KINDS)}
      <div>
        <label for="f-at">at (/pointer or header:name)</label>
        <input
          id="f-at"
          type="text"
          value={query["at"] ?? ""}
          onChange={(event) => put("at", event.currentTarget.value)}
        />
      </div>
      {query["group"] !== undefined && (
        <button type="button" onClick={() => put("group", "")}>
          Not only of cause {printable(query["group"])}
        </button>
      )}
    </form>
  );
}

/** What changes often is shown once a frame. */
function useFrames(): readonly [frame: number, changed: () => void] {
  const [frame, setFrame] = useState(0);
  const asked = useRef(0);
  const changed = useCallback(() => {
    if (asked.current !== 0) return;
    asked.current = requestAnimationFrame(() => {
      asked.current = 0;
      setFrame((before) => before + 1);
    });
  }, []);
  useEffect(() => () => cancelAnimationFrame(asked.current), []);
  return [frame, changed];
}

const WIDE = "(min-width: 60rem)";

function TailSection({ filters, open }: { readonly filters: Query; readonly open: string | null }): JSX.Element {
  const [, changed] = useFrames();
  const [{ tail, follower }] = useState(() => {
    const made = new Tail();
    return { tail: made, follower: new TailFollower(made, filters, changed) };
  });
  const [all, setAll] = useState(false);
  const [wide] = useState(() => matchMedia(WIDE).matches);
  useEffect(() => {
    follower.start();
    return () => follower.stop();
  }, [follower]);
  const { missed, hasMore, loading, problem, connection } = follower.state;
  const loadMore = useCallback(() => void follower.loadMore(), [follower]);
  // One page after the other, as long as there is room.
  useEffect(() => {
    if (all && hasMore && !loading && problem === null && tail.length < MOST_LINES) loadMore();
  });
  const list = useRef<HTMLDivElement>(null);
  const close = (): void => {
    goTo(filters);
    list.current?.querySelector<HTMLElement>("[role=grid]")?.focus();
  };
  const show = (i: number): void => {
    const line = tail.at(i);
    if (line !== null) goTo({ ...filters, id: line.id });
  };
  return (
    <div class={open === null ? "" : "columns"} ref={list}>
      <Section
        id="tail"
        title={plural(tail.length, "divergence")}
        aside={
          <span class="quiet">
            {connection.state === "live"
              ? "the newest first, live"
              : connection.state === "lost"
                ? "not live now"
                : "connecting"}
          </span>
        }
      >
        {problem !== null && (
          <div role="alert">
            <Notice tone="bad">Incomplete: {problem}</Notice>
          </div>
        )}
        {missed > 0 && (
          <Notice tone="warn">
            {spellCount(missed)} came too fast to be sent here one by one; they are counted, and in the list of the API.
          </Notice>
        )}
        {tail.dropped > 0 && (
          <Notice tone="warn">
            {spellCount(tail.dropped)} of the oldest made room: {spellCount(MOST_LINES)} are held here.
          </Notice>
        )}
        {tail.length === 0 && !loading ? (
          connection.state === "live" && <p>None so far.</p>
        ) : (
          <VirtualRows
            label="Divergences, the newest first"
            head={["time", "route", "outcome", "request", "what differs"]}
            count={tail.length}
            added={tail.pushed}
            rowHeight={wide ? 2.2 : 4.6}
            keyOf={(i) => tail.at(i)?.id ?? String(i)}
            cells={(i) => <Cells tail={tail} i={i} />}
            selected={open}
            onOpen={show}
            onEnd={loadMore}
          />
        )}
        <p class="fields" role="status">
          {loading && <span>loading …</span>}
          {!loading && !hasMore && tail.length > 0 && <span class="quiet">That is all there is.</span>}
          {hasMore && !all && (
            <button type="button" onClick={() => setAll(true)}>
              Load all before them
            </button>
          )}
        </p>
      </Section>
      {open !== null && <Opened key={open} id={open} onClose={close} />}
    </div>
  );
}

function Cells({ tail, i }: { readonly tail: Tail; readonly i: number }): JSX.Element | null {
  const line = tail.at(i);
  if (line === null) return null;
  const { time, route, outcome, asked, what } = line;
  return (
    <>
      <span role="gridcell" class="quiet" title={time}>
        {spellBriefly(time, Date.now())}
      </span>
      <span role="gridcell">{printable(route)}</span>
      <span role="gridcell" class={outcome === "divergent" ? "tone-bad" : "tone-warn"}>
        {outcome}
      </span>
      <span role="gridcell" class="mono">
        {printable(asked)}
      </span>
      <span role="gridcell" class="mono">
        {printable(what)}
      </span>
    </>
  );
}

const PAIRS_KEPT = 8;

function Opened({ id, onClose }: { readonly id: string; readonly onClose: () => void }): JSX.Element {
  const asked = useAsk<DivergenceRecord>(`/api/v1/divergences/${encodeURIComponent(id)}`, 60_000);
  const group = asked.value?.group ?? null;
  const pairs = useAsk<{ items: readonly StoredPair[] }>(
    group === null ? null : `/api/v1/pairs?group=${encodeURIComponent(group)}&limit=${PAIRS_KEPT}`,
    60_000,
  );
  const head = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => head.current?.focus(), []);
  return (
    <div ref={head} tabIndex={-1} onKeyDown={(event) => event.key === "Escape" && onClose()}>
      <Section
        id="opened"
        title="The divergence"
        aside={
          <button type="button" onClick={onClose}>
            Close
          </button>
        }
      >
        <Problem of={asked.problem} what="It is not to be had now" />
        {group !== null && (
          <p>
            <a href={spellPlace("cause", group)}>Its cause</a>
          </p>
        )}
        {asked.value !== null && (
          <Sample
            record={asked.value}
            pair={pairs.asked ? undefined : (pairs.value?.items.find((pair) => pair.id === id) ?? null)}
          />
        )}
      </Section>
    </div>
  );
}
