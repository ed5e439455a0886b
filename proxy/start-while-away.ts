/** A start while the shared store is away. */
import { markUnjournaled } from "../adapters/journal/gap-marker.ts";
import { openMemberFolder } from "../adapters/member/folder.ts";
import { markerFileOf, openStore, type OpenedStore, storeIsBack } from "../adapters/store/open.ts";
import { phasesFileOf } from "../adapters/store/phases-file.ts";
import { standingFileOf } from "../adapters/store/standing-file.ts";
import { openWaiting, type WaitingDoors } from "./compose/waiting.ts";
import type { Settings } from "./config/settings.ts";
import type { StopReport } from "./life/drain.ts";
import { makeUlid } from "./identity.ts";
import { deliveryKey } from "./record/secret-key.ts";
import { startWithoutStore, type WithoutStore } from "./store-away/start-without-store.ts";
import { systemClock } from "./process/system-clock.ts";
import { type Crossfade, DRAIN_BUDGET_MS, NEVER, type StartOptions } from "./crossfade.ts";
import { urlOf } from "./endpoint.ts";

/** Begins with the whole of it. `note`: what an operator is to know. */
type Begin = (opened: OpenedStore, door: WaitingDoors, note: string) => Promise<Crossfade>;

/** Serves by this member's own copy of the phases, and opens the store as soon as it is there; then `begin` does the rest. */
export async function startWhileAway(options: StartOptions, thrown: unknown, begin: Begin): Promise<Crossfade> {
  return whileAway(await startWithoutStore(partsWithoutStore(options, thrown, begin)), options.settings);
}

function partsWithoutStore(
  options: StartOptions,
  thrown: unknown,
  begin: Begin,
): Parameters<typeof startWithoutStore<OpenedStore, Crossfade, WaitingDoors>>[0] {
  const { settings } = options;
  const { folder } = settings.member;
  const warn = (line: string): void => options.warn?.(line);
  return {
    settings,
    thrown,
    standing: () => standingFileOf(settings)?.read() ?? null,
    phases: () => phasesFileOf(settings)?.read() ?? [],
    lock: () => openMemberFolder(folder, makeUlid(systemClock.now())),
    markUnjournaled: (routes, from) => markUnjournaled(markerFileOf(folder), routes, from),
    storeIsBack: (isOver) => storeIsBack(settings, isOver),
    open: () => openStore(settings, systemClock, () => deliveryKey(settings)),
    async begin(opened, door, note) {
      try {
        return await begin(opened, door, note);
      } catch (error) {
        await opened.store.close();
        throw error;
      }
    },
    openDoor: (safe) => openWaiting(settings, safe, { clock: systemClock, warn }),
    clock: systemClock,
    warn,
  };
}

/** As long as the store is away, and from then on. */
function whileAway({ door, whole, stop }: WithoutStore<Crossfade, WaitingDoors>, settings: Settings): Crossfade {
  const { listener } = door.clients;
  let stopped: Promise<StopReport> | null = null;
  const end = async (budgetMs: number): Promise<StopReport> => {
    const begunAt = systemClock.monotonic();
    stop();
    const late = setTimeout(() => listener.closeAllConnections(), budgetMs);
    const crossfade = await whole.catch(() => null);
    if (crossfade === null) await door.close();
    clearTimeout(late);
    if (crossfade !== null) return await crossfade.stop(budgetMs);
    const tookMs = systemClock.monotonic() - begunAt;
    return { cutOff: false, abandoned: 0, left: 0, tookMs, unwritten: { storeWrites: 0, logLines: 0 } };
  };
  const failed = whole.then(() => NEVER);
  failed.catch(() => "whoever waits for it is told");
  return {
    proxyUrl: urlOf(listener.address, settings.tls === null ? "http" : "https"),
    adminUrl: urlOf(door.adminAddress, "http"),
    failed,
    // Until then a changed file has nobody to act on it.
    reload: () => whole.then((crossfade) => crossfade?.reload()).catch(() => undefined),
    stop: (budgetMs = DRAIN_BUDGET_MS) => (stopped ??= end(budgetMs)),
  };
}
