/** What clients and supervisors come to while the store is away at a start. */
import type { Address, Settings } from "../config/settings.ts";
import { OpenTunnels } from "../forward/open-tunnels.ts";
import type { Clock } from "../ports.ts";
import type { Safe } from "../store-away/safe-routes.ts";
import { listenWaitingAdmin } from "../store-away/waiting-admin.ts";
import { openWaitingDoor, type Waiting, type WaitingDoor } from "../store-away/waiting-door.ts";
import { openWaitingCrew, type WaitingCrew } from "../workers/waiting-crew.ts";

export interface WaitingDoors extends Waiting {
  readonly clients: WaitingDoor | WaitingCrew;
  /** Where `/healthz` and `/readyz` are answered, until the address is left to others. */
  readonly adminAddress: Address;
  leaveAdmin(): Promise<void>;
  readonly tunnels: OpenTunnels;
}

/** @throws CrossfadeError: an address is taken */
export async function openWaiting(
  settings: Settings,
  safe: Extract<Safe, { isSafe: true }>,
  { clock, warn }: { readonly clock: Clock; readonly warn: (line: string) => void },
): Promise<WaitingDoors> {
  const tunnels = new OpenTunnels();
  const caught = (step: string, error: unknown): void => warn(`${step}: ${String(error)}`);
  const parts = { settings, ...safe, tunnels, clock, caught, warn };
  const clients = await (settings.workers > 0 ? openWaitingCrew(parts) : openWaitingDoor(parts));
  const isReady = settings.routes.some(({ name }) => !safe.refused.has(name));
  const admin = await listenWaitingAdmin(settings.admin.listen, isReady).catch(async (error: unknown) => {
    await clients.close();
    throw error;
  });
  return {
    clients,
    tunnels,
    adminAddress: admin.address,
    leaveAdmin: () => admin.close(),
    settled: (withinMs) => clients.settled(withinMs),
    goOn: () => clients.goOn(),
    unmatched: () => clients.unmatched(),
    close: async () => void (await Promise.all([clients.close(), admin.close()])),
  };
}
