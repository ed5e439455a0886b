/** Bounds of the whole, as far as each process of it may go. Pure. */
import type { ServiceSettings, Settings } from "../config/settings.ts";

/**
 * Of `limits.queued`: half is the parent's, where copies wait, the rest is for the bodies of what is on its way through the
 * workers.
 */
export function shareOfQueue({ workers, limits }: Pick<Settings, "workers" | "limits">): {
  readonly parentBytes: number;
  readonly workerBytes: number;
} {
  if (workers === 0) return { parentBytes: limits.queuedBytes, workerBytes: 0 };
  const half = Math.floor(limits.queuedBytes / 2);
  return { parentBytes: half, workerBytes: Math.floor(half / workers) };
}

/** As one of the workers goes by them: a primary's connections are divided. */
export function ofWorker(settings: Settings): Settings {
  const services = Object.entries(settings.services).map(
    ([name, service]) => [name, divided(service, settings.workers)] as const,
  );
  return { ...settings, services: Object.fromEntries(services) };
}

function divided(service: ServiceSettings, workers: number): ServiceSettings {
  const { maxConnections } = service.asPrimary;
  if (maxConnections === null) return service;
  return { ...service, asPrimary: { ...service.asPrimary, maxConnections: Math.floor(maxConnections / workers) } };
}
