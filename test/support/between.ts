import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { loadSettings } from "../../proxy/config/load.ts";
import { startCrossfade } from "../../proxy/main.ts";
import { configText, type BenchOptions, type RouteJson, type StatusJson } from "./crossfade.ts";

/** Crossfade in this process, between two services that somebody else wrote and the test has started. */
export interface Between {
  readonly proxyUrl: string;
  status(): Promise<StatusJson>;
  api<T>(path: string): Promise<T>;
  /** Resolves to the routes by name once every eligible exchange so far has its outcome. */
  settled(): Promise<Record<string, RouteJson>>;
}

export async function startBetween(
  t: TestContext,
  legacyUrl: string,
  nextUrl: string,
  options: Pick<BenchOptions, "routes" | "nextService" | "legacyService" | "limits">,
): Promise<Between> {
  const folder = mkdtempSync(join(tmpdir(), "crossfade-pair-"));
  const file = join(folder, "crossfade.yaml");
  writeFileSync(file, configText(folder, { url: legacyUrl }, { url: nextUrl }, options));
  const loaded = loadSettings({ file, flags: {}, env: process.env });
  if (!loaded.ok) throw new Error(loaded.errors.map(({ text }) => text).join("\n"));
  const crossfade = await startCrossfade({ settings: loaded.settings, logLevel: "silent" });
  t.after(async () => {
    await crossfade.stop(200);
    rmSync(folder, { recursive: true, force: true });
  });
  const api = async <T>(path: string): Promise<T> => (await (await fetch(crossfade.adminUrl + path)).json()) as T;
  const status = (): Promise<StatusJson> => api<StatusJson>("/api/v1/status");
  return {
    proxyUrl: crossfade.proxyUrl,
    api,
    status,
    async settled() {
      for (;;) {
        const { routes } = await status();
        if (routes.every(({ pending }) => pending === 0)) {
          return Object.fromEntries(routes.map((route) => [route.name, route]));
        }
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    },
  };
}
