import { spellLocator } from "../config/locator.ts";
import type { RouteSettings } from "../config/settings.ts";
import type { RuleState } from "./parts.ts";
import type { RouteStatus } from "./route-status.ts";

/** A route of the API: its counts and the settings that act. */
export interface RouteView extends RouteStatus {
  readonly match: {
    readonly path: string;
    /** null: every method. */
    readonly methods: readonly string[] | null;
    readonly host: string | null;
    /** Names alone: values may be credentials. */
    readonly headers: readonly string[];
  };
  readonly entity: string | null;
  /** Locators, the first that yields wins. */
  readonly key: readonly string[];
  readonly treatAs: RouteSettings["treatAs"];
  readonly mirror: RouteSettings["mirror"];
  readonly compare: {
    readonly status: "exact" | "class";
    readonly headers: readonly string[];
    /** Places that no rule may excuse. */
    readonly mustMatch: readonly string[];
    readonly ignore: readonly { readonly at: string; readonly because: string; readonly until: string | null }[];
  };
  /** Every rule of the comparison, in the order in which they are asked; counts of this process. */
  readonly rules: readonly RuleView[];
  readonly redact: readonly string[];
  readonly redactDetect: RouteSettings["redactDetect"];
}

export interface RuleView {
  readonly rule: string;
  readonly because: string | null;
  readonly until: string | null;
  readonly excused: number;
  readonly lastExcusedAt: string | null;
  readonly stale: boolean;
}

export function viewRoute(route: RouteSettings, status: RouteStatus, rules: readonly RuleState[]): RouteView {
  const { match, compare } = route;
  return {
    ...status,
    match: { path: match.path, methods: match.methods, host: match.host, headers: match.headers.map(([name]) => name) },
    entity: route.entity,
    key: route.key.map(spellLocator),
    treatAs: route.treatAs,
    mirror: route.mirror,
    compare: {
      status: compare.status,
      headers: compare.headers,
      mustMatch: compare.mustMatch,
      ignore: compare.ignore.map(({ at, because, until }) => ({
        at,
        because,
        until: isoTime(until),
      })),
    },
    rules: rules.map(({ until, lastExcusedAt, ...rule }) => ({
      ...rule,
      until: isoTime(until),
      lastExcusedAt: isoTime(lastExcusedAt),
    })),
    redact: route.redact.map(spellLocator),
    redactDetect: route.redactDetect,
  };
}

function isoTime(epochMs: number | null): string | null {
  return epochMs === null ? null : new Date(epochMs).toISOString();
}
