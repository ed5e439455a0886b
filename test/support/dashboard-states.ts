/** The dashboard where there is nothing yet, where there is too much of everything, after a cutover, and where the store is gone. */
import { createAdmin } from "../../proxy/admin/server.ts";
import type { RouteState } from "../../proxy/admin/parts.ts";
import { CrossfadeError } from "../../proxy/errors.ts";
import type { DivergenceRecord, GroupRecord } from "../../proxy/evidence/evidence.ts";
import { OUTCOME_KINDS } from "../../proxy/outcome.ts";
import type { Store } from "../../proxy/ports.ts";
import {
  sampleAdminParts,
  sampleDivergence,
  sampleGroup,
  type SampleParts,
  sampleRouteState,
  sampleSettings,
  sampleStatusInput,
} from "./admin-parts.ts";
import type { Cleanup } from "./crossfade.ts";
import type { ShownPage } from "./dashboard-pages.ts";
import { fixedStore } from "./fixed-store.ts";

export interface ShownState extends ShownPage {
  readonly origin: string;
}

const MANY = 150;
const LONG = "customer-with-a-name-that-nobody-thought-would-be-this-long";
const LONG_WORD = "Donaudampfschifffahrtsgesellschaftskapitaensmuetzenabzeichen";

export async function shownStates(t: Cleanup): Promise<readonly ShownState[]> {
  const serve = async (parts: SampleParts): Promise<string> => {
    const admin = await createAdmin(parts);
    t.after(() => admin.close());
    return `http://127.0.0.1:${admin.address.port}`;
  };
  const [empty, many, sick, moved] = await Promise.all([nothingYet(), tooMuch(), withoutStore(), cutOver()].map(serve));
  const heading =
    (name: string | RegExp): ShownPage["ready"] =>
    async (page) =>
      await page.getByRole("heading", { name }).first().waitFor();
  const on = (
    origin: string | undefined,
    of: string,
    pages: readonly (readonly [name: string, address: string, ready: string | RegExp])[],
  ) =>
    pages.map(([name, address, ready]) => ({
      name: `${of}-${name}`,
      origin: origin ?? "",
      address,
      ready: heading(ready),
    }));
  const longest = encodeURIComponent(nameOf(0));
  return [
    ...on(empty, "empty", [
      ["overview", "#/", /^Mirroring is idle/],
      ["route", "#/routes/users", "May next become the primary?"],
      ["causes", "#/causes", "0 causes"],
      ["live", "#/live", "0 divergences"],
      ["repairs", "#/repairs", "Runs since the process began"],
      ["audit", "#/audit", "By API, CLI and this page, the newest first"],
    ]),
    ...on(many, "many", [
      ["overview", "#/", /^Not safe to cut over/],
      ["route", `#/routes/${longest}`, "Open causes"],
      ["causes", "#/causes", "40 causes"],
      ["live", "#/live", /^\d+ divergences$/],
      ["process", "#/process", /^Members/],
      ["unseen", "#/unseen", nameOf(0)],
    ]),
    ...on(moved, "moved", [["route", "#/routes/users", "What still leans on legacy, or on Crossfade?"]]),
    ...on(sick, "sick", [
      ["overview", "#/", "Routes"],
      ["route", "#/routes/users", "Phase"],
      ["live", "#/live", /divergences$/],
      ["repairs", "#/repairs", "Runs since the process began"],
      ["process", "#/process", /^Members/],
      ["audit", "#/audit", "By API, CLI and this page, the newest first"],
    ]),
  ];
}

function nothingYet(): SampleParts {
  const parts = sampleAdminParts(fixedStore());
  const quiet = sampleRouteState({ eligible: 0, pending: 0, outcomes: [], seen: false, latency: NO_LATENCY });
  parts.input = sampleStatusInput({ routes: [quiet] });
  return parts;
}

const NO_LATENCY: RouteState["latency"] = { counted: 0, primaryMs: 0, shadowMs: 0 };

function nameOf(i: number): string {
  return i % 7 === 0 ? `${LONG}/${LONG_WORD}-${i}` : `tenant-${i}`;
}

/** Routes by the hundred, names and places that are longer than a line, and every outcome that there is. */
function tooMuch(): SampleParts {
  const records: DivergenceRecord[] = Array.from({ length: 500 }, (_, i) =>
    sampleDivergence({
      route: nameOf(i % MANY),
      path: `/${LONG}/${LONG_WORD}/${i}`,
      key: `${LONG}/${i}`,
      differences: Array.from({ length: 12 }, (__, n) => ({
        at: `/${LONG_WORD}/items/${n}/${LONG_WORD}`,
        kind: "value",
        primary: "9".repeat(400),
        shadow: "8".repeat(400),
      })),
    }),
  );
  const groups: GroupRecord[] = Array.from({ length: 40 }, (_, i) =>
    sampleGroup({
      id: i.toString(16).padStart(8, "0"),
      route: nameOf(i),
      count: 1_000_000_000,
      signature: Array.from({ length: 12 }, (__, n) => ({
        at: `/${LONG_WORD}/items/*/${LONG_WORD}-${n}`,
        kind: "value",
      })),
    }),
  );
  const parts = sampleAdminParts(fixedStore({ divergences: records, groups }));
  const [all] = parts.settings.routes;
  if (all === undefined) throw new Error("settings without a route");
  const routes = Array.from({ length: MANY }, (_, i) => ({ ...all, name: nameOf(i) }));
  parts.settings = sampleSettings({ routes });
  const states = routes.map(({ name }, i) =>
    sampleRouteState({
      name,
      eligible: OUTCOME_KINDS.length * 1_234_567_890,
      pending: 0,
      outcomes: OUTCOME_KINDS.map((outcome) => ({
        outcome,
        reason: outcome === "dropped" ? "compare-overload" : outcome === "skipped" ? "key-written-meanwhile" : null,
        count: 1_234_567_890,
      })),
      lagMs: 3_700_000,
      repairs: 1_234_567,
      parked: 1_234,
      gaps: 12_345,
      breaker: i % 2 === 0 ? "open" : "half-open",
      causes: { new: 1_234, acknowledged: 12, fixed: 3, regressed: 40 },
    }),
  );
  parts.input = sampleStatusInput({ routes: states });
  return parts;
}

/** Next answers clients, and the file does not know it yet. */
function cutOver(): SampleParts {
  const parts = sampleAdminParts(fixedStore());
  const moved = sampleRouteState({
    phase: "next-primary",
    primary: "next",
    shadow: "legacy",
    rollback: { price: "keys", text: "12 keys are on the repair list; repair them first" },
  });
  parts.input = sampleStatusInput({ routes: [moved] });
  return parts;
}

/** It is away, and so is next: what a page shows then is what the process itself knows. */
function withoutStore(): SampleParts {
  const problem = "redis at 10.0.0.7:6379 does not answer (ECONNREFUSED); counts, repairs and gaps wait in memory";
  const away = (): Promise<never> =>
    Promise.reject(new CrossfadeError("store-unavailable", problem, { source: "store", retryable: true }));
  const store: Store = {
    ...fixedStore(),
    divergences: away,
    divergence: away,
    groups: away,
    group: away,
    repairs: away,
    gaps: away,
    audit: away,
    pairs: away,
  };
  const parts = sampleAdminParts(store, { gate: away, retire: away, members: { list: away, forget: away } });
  const input = sampleStatusInput();
  parts.input = {
    ...input,
    store: { ...input.store, kind: "redis", problem, lostWrites: 1_204 },
    journal: {
      ...input.journal,
      problem: "journal: ENOSPC, no space left on the device; writes are forwarded unjournaled",
    },
    log: { ...input.log, problem: "divergence log ./crossfade-divergences.ndjson: ENOSPC", lostLines: 31 },
    services: input.services.map((service) =>
      service.name === "next" ? { ...service, problem: "ECONNREFUSED" } : service,
    ),
    config: { ...input.config, error: 'crossfade.yaml:14:9 routes[2].budget.queued is "64", which has no unit' },
  };
  return parts;
}
