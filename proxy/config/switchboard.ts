/** The settings that act: those of the file under what an operator has set over them, which is kept in the store and told in the audit. */
import { isDeepStrictEqual } from "node:util";
import type { AuditedChange } from "../evidence/audit.ts";
import { whyNotDialled } from "./dial-checks.ts";
import { whyNotMirrored } from "./route-rules.ts";
import { spellShare } from "./units.ts";
import type { Settings } from "./settings.ts";
import { CrossfadeError } from "../errors.ts";
import type { Missing } from "../evidence/evidence.ts";
import type { Router, Snapshot } from "../exchange.ts";
import { makeUlid } from "../identity.ts";
import {
  changeOverrides,
  killSwitch,
  type Override,
  type OverrideSetting,
  pausedRoutes,
  withOverrides,
} from "../moves/overrides.ts";
import { PHASE_ROLES } from "../moves/phases.ts";
import type { Clock, Store } from "../ports.ts";

/** What an operator asks for. A setting that is absent stays as it is; null takes its override back. */
export interface OverrideChange {
  /** null: every route, the kill switch. */
  readonly route: string | null;
  readonly mirror?: boolean | null;
  /** 0 to 1. */
  readonly reads?: number | null;
  /** 0 to 1. */
  readonly dial?: number | null;
  readonly reason: string | null;
  readonly by: string;
}

/** The phases that act, where they are not what the file says. */
export interface ActingPhases {
  /** The file's settings under them. */
  applied(file: Settings): Settings;
  epochs(): Snapshot["epochs"];
  /** A file is in use from now on. */
  took(file: Settings): void;
}

export interface SwitchboardParts {
  readonly store: Pick<Store, "append" | "flush" | "health">;
  readonly clock: Clock;
  /** As the file has them. */
  readonly settings: Settings;
  /** Set by an earlier process, or another one. */
  readonly overrides: readonly Override[];
  readonly phases: ActingPhases;
  readonly audit: (entry: AuditedChange) => void;
  readonly routerOf: (routes: Settings["routes"]) => Router;
}

export interface Switchboard {
  /** What an exchange that arrives now will keep. */
  readonly snapshot: () => Snapshot;
  /** Calls `listener` after each change. */
  readonly onChange: (listener: () => void) => void;
  readonly overrides: () => readonly Override[];
  readonly mirroringEnabled: () => boolean;
  /** As the file has them. */
  readonly file: () => Settings;
  /** A changed file. */
  readonly take: (settings: Settings) => void;
  /** Other phases act. */
  readonly phasesMoved: () => void;
  /**
   * Acts at once, whether or not the store can keep it; resolves when it is kept, or `kept` tells that it would not outlive
   * the process yet.
   * @throws CrossfadeError `api-refused`: no such route, or nothing that can be switched on
   */
  readonly change: (change: OverrideChange) => Promise<{ readonly kept: boolean }>;
  /** What the store has kept now, by whichever member. `lost`: it has lost some of that, and is told again what acts here. */
  readonly follow: (kept: readonly Override[], lost: boolean) => void;
}

export function createSwitchboard(parts: SwitchboardParts): Switchboard {
  let { settings: file, overrides } = parts;
  /** With the phases that act. */
  let phased = parts.phases.applied(file);
  let snapshot = snapshotOf(1);
  const listeners: (() => void)[] = [];
  /** Of each route whose writes are kept from the shadow the gap that is open meanwhile. */
  const gaps = new Map<string, { readonly id: string; readonly misses: Missing }>();
  const shadows = new Map<string, Missing>();

  function snapshotOf(revision: number): Snapshot {
    const settings = withOverrides(phased, overrides);
    return { revision, settings, router: parts.routerOf(settings.routes), epochs: parts.phases.epochs() };
  }

  function actAnew(): void {
    snapshot = snapshotOf(snapshot.revision + 1);
    tellShadows();
    accountForPauses();
    for (const listener of listeners) listener();
  }

  /** What the store has to know where it finds a gap by itself. */
  function tellShadows(): void {
    for (const { name, phase } of snapshot.settings.routes) {
      const service = PHASE_ROLES[phase].shadow;
      if (shadows.get(name) === service) continue;
      shadows.set(name, service);
      parts.store.append([{ type: "shadow", route: name, service }]);
    }
  }

  function accountForPauses(): void {
    const now = parts.clock.now();
    const at = new Date(now).toISOString();
    const paused = new Set(pausedRoutes(phased, overrides));
    for (const [route, { id, misses }] of gaps) {
      if (paused.has(route) && misses === shadows.get(route)) continue;
      gaps.delete(route);
      parts.store.append([{ type: "gap-closed", id, to: at }]);
    }
    for (const route of paused) {
      if (gaps.has(route)) continue;
      const id = makeUlid(now);
      const misses = shadows.get(route) ?? null;
      gaps.set(route, { id, misses });
      const why = "mirroring of writes was switched off";
      parts.store.append([{ type: "gap-opened", id, route, from: at, why, misses }]);
    }
  }

  function tellAgain(kept: readonly Override[]): void {
    const gone = kept.filter((one) => !overrides.some((own) => isOfSame(own, one)));
    parts.store.append([
      ...overrides.filter((own) => !hasEqual(kept, own)).map((override) => ({ type: "pin", override }) as const),
      ...gone.map(({ route, setting }) => ({ type: "unpin", route, setting }) as const),
    ]);
  }

  function put(route: string | null, setting: OverrideSetting, next: Override | null): void {
    overrides = changeOverrides(overrides, { route, setting }, next);
    parts.store.append([next === null ? { type: "unpin", route, setting } : { type: "pin", override: next }]);
  }

  tellShadows();
  accountForPauses();

  return {
    snapshot: () => snapshot,
    onChange: (listener) => void listeners.push(listener),
    overrides: () => overrides,
    mirroringEnabled: () => killSwitch(overrides) === null,
    file: () => file,
    take(settings) {
      file = settings;
      parts.phases.took(file);
      phased = parts.phases.applied(file);
      actAnew();
    },
    phasesMoved() {
      phased = parts.phases.applied(file);
      actAnew();
    },
    async change(change) {
      const { route, mirror, reads, dial, reason, by } = change;
      if (route !== null) refuse(route, change, phased);
      const at = new Date(parts.clock.now()).toISOString();
      const said = { by, at, reason };
      if (mirror !== undefined) {
        // The kill switch is either thrown or not there: it never forces a route on.
        const next = mirror === null || (route === null && mirror) ? null : mirror;
        put(route, "mirror", next === null ? null : { route, setting: "mirror", value: next, ...said });
      }
      if (reads !== undefined && route !== null) {
        put(route, "reads", reads === null ? null : { route, setting: "reads", value: reads, ...said });
      }
      if (dial !== undefined && route !== null) {
        put(route, "dial", dial === null ? null : { route, setting: "dial", value: dial, ...said });
      }
      parts.audit({ by, action: "override", subject: route, what: spellChange(change), reason });
      actAnew();
      await parts.store.flush();
      const { problem, pendingWrites } = parts.store.health();
      return { kept: problem === null || pendingWrites === 0 };
    },
    follow(kept, lost) {
      if (kept.length === overrides.length && kept.every((one) => hasEqual(overrides, one))) return;
      if (lost) {
        tellAgain(kept);
        return;
      }
      overrides = kept;
      actAnew();
    },
  };
}

function isOfSame(one: Override, other: Override): boolean {
  return one.route === other.route && one.setting === other.setting;
}

function hasEqual(overrides: readonly Override[], wanted: Override): boolean {
  return overrides.some((one) => isDeepStrictEqual(one, wanted));
}

function refuse(name: string, { mirror, reads, dial }: OverrideChange, file: Settings): void {
  const { routes } = file;
  const route = routes.find((candidate) => candidate.name === name);
  const refused = (message: string): CrossfadeError => new CrossfadeError("api-refused", message, { source: "client" });
  if (route === undefined) {
    const names = routes.map((candidate) => candidate.name).join(", ");
    throw refused(`no route is named ${JSON.stringify(name)}; there are ${names}`);
  }
  if (typeof dial === "number" && dial > 0) {
    const why = PHASE_ROLES[route.phase].primary === "next" ? "next answers all of them" : whyNotDialled(file, route);
    if (why !== null) throw refused(`reads of ${name} cannot be dialled: ${why}`);
  }
  const wantsOn = isOn(dial) || mirror === true || isOn(reads);
  if (!wantsOn) return;
  if (PHASE_ROLES[route.phase].shadow === null) {
    throw refused(
      `${name} is in phase ${route.phase}, which mirrors nothing; give it the phase dual-write in the config`,
    );
  }
  const why = mirror === true ? whyNotMirrored(file, route) : null;
  if (why !== null) throw refused(`writes of ${name} cannot be mirrored: ${why}`);
}

function isOn(share: number | null | undefined): boolean {
  return typeof share === "number" && share > 0;
}

/** `mirror off, reads 5%`; `mirror as in the file`. */
function spellChange({ mirror, reads, dial }: OverrideChange): string {
  const parts: string[] = [];
  if (mirror !== undefined) parts.push(mirror === null ? "mirror as in the file" : `mirror ${mirror ? "on" : "off"}`);
  if (reads !== undefined) parts.push(reads === null ? "reads as in the file" : `reads ${spellShare(reads)}`);
  if (dial !== undefined) parts.push(dial === null ? "dial as in the file" : `dial ${spellShare(dial)}`);
  return parts.join(", ");
}
