import { spellLocator } from "../config/locator.ts";
import type { NoiseSettings } from "../config/compare-settings.ts";
import type { RouteSettings } from "../config/settings.ts";
import type { ModuleFailures, ModuleState, NoiseState, RouteState } from "./parts.ts";
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
  /** Who answers reads while legacy is the primary. */
  readonly reads: { readonly dialShare: number; readonly by: string | null; readonly fallback: boolean };
  /** Both services work on the same tables: writes are never mirrored. */
  readonly sharedDatabase: boolean;
  readonly compare: {
    readonly status: "exact" | "class";
    readonly headers: readonly string[];
    /** Places that no rule may excuse. */
    readonly mustMatch: readonly string[];
    readonly noise: NoiseSettings;
    readonly ignore: readonly { readonly at: string; readonly because: string; readonly until: string | null }[];
  };
  /** Every rule of the comparison, in the order in which they are asked; counts of this process. */
  readonly rules: readonly RuleView[];
  /** The user's module that takes part; counts since the settings were loaded. */
  readonly module: ModuleView | null;
  /** What was learnt from; counts of this process. */
  readonly noise: NoiseState;
  /** Locators of values that are mapped. */
  readonly values: { readonly learn: readonly string[]; readonly apply: readonly string[] };
  readonly transform: TransformView;
  readonly redact: readonly string[];
  readonly redactDetect: RouteSettings["redactDetect"];
}

interface ModuleView extends Omit<ModuleState, "failures"> {
  readonly failures: readonly (Omit<ModuleFailures, "lastAt"> & { readonly lastAt: string })[];
}

export interface RuleView {
  readonly rule: string;
  readonly because: string | null;
  readonly until: string | null;
  readonly excused: number;
  readonly lastExcusedAt: string | null;
  readonly stale: boolean;
}

export function viewRoute(
  route: RouteSettings,
  status: RouteStatus,
  { rules, module, noise }: Pick<RouteState, "rules" | "module" | "noise">,
): RouteView {
  const { match, compare } = route;
  return {
    ...status,
    match: { path: match.path, methods: match.methods, host: match.host, headers: match.headers.map(([name]) => name) },
    entity: route.entity,
    key: route.key.map(spellLocator),
    treatAs: route.treatAs,
    mirror: route.mirror,
    reads: { ...route.reads, by: route.reads.by === null ? null : spellLocator(route.reads.by) },
    sharedDatabase: route.sharedDatabase,
    compare: {
      status: compare.status,
      headers: compare.headers,
      mustMatch: compare.mustMatch,
      noise: compare.noise,
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
    module: module === null ? null : viewModule(module),
    noise,
    values: {
      learn: route.values.learn.map(({ at }) => spellLocator(at)),
      apply: route.values.apply.map(({ at }) => spellLocator(at)),
    },
    transform: viewTransform(route.transform),
    redact: route.redact.map(spellLocator),
    redactDetect: route.redactDetect,
  };
}

type Transform = RouteSettings["transform"];

interface TransformView extends Pick<Transform, "path" | "headers" | "body"> {
  readonly methods: Readonly<Record<string, string>>;
  readonly module: Pick<NonNullable<Transform["module"]>, "file" | "hooks"> | null;
}

function viewTransform({ methods, module, ...transform }: Transform): TransformView {
  return {
    ...transform,
    methods: Object.fromEntries(methods),
    module: module === null ? null : { file: module.file, hooks: module.hooks },
  };
}

function viewModule({ failures, ...module }: ModuleState): ModuleView {
  return {
    ...module,
    failures: failures.map((each) => ({ ...each, lastAt: new Date(each.lastAt).toISOString() })),
  };
}

function isoTime(epochMs: number | null): string | null {
  return epochMs === null ? null : new Date(epochMs).toISOString();
}
