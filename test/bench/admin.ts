/** What a running Crossfade says of itself. */
import type { Server } from "./child.ts";

interface RouteStatus {
  readonly name: string;
  readonly eligible: number;
  readonly pending: number;
  readonly outcomes: Readonly<Record<string, number>>;
}

interface Status {
  readonly config: { readonly revision: number; readonly error: string | null };
  readonly routes: readonly RouteStatus[];
}

async function statusOf(crossfade: Server): Promise<Status> {
  const admin = /admin=(\S+)/.exec(crossfade.readyLine)?.[1];
  return (await (await fetch(`${admin}/api/v1/status`)).json()) as Status;
}

/** Until the config has been taken over so many times, the start included. */
export async function untilRevision(crossfade: Server, revision: number): Promise<void> {
  for (;;) {
    const { config } = await statusOf(crossfade);
    if (config.error !== null) throw new Error(config.error);
    if (config.revision >= revision) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Until every eligible exchange has its outcome. */
export async function untilSettled(crossfade: Server): Promise<void> {
  for (;;) {
    const { routes } = await statusOf(crossfade);
    if (routes.every(({ pending }) => pending === 0)) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** What Crossfade itself says became of the writes: `20,000 eligible = 20,000 match`. */
export async function accountsOf(crossfade: Server): Promise<string> {
  const { routes } = await statusOf(crossfade);
  const spell = ({ name, eligible, outcomes }: RouteStatus): string => {
    const parts = Object.entries(outcomes).filter(([, count]) => count > 0);
    return `${name}: ${eligible} eligible = ${parts.map(([outcome, count]) => `${count} ${outcome}`).join(" + ")}`;
  };
  return routes.map(spell).join("; ");
}
