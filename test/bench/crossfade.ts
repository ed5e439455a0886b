/** Crossfade as users run it (compiled, SQLite store, metrics and log on), in a temp folder that ends with it. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Server, type ServerOptions, startServer } from "./child.ts";

export const CLI = "../../dist/proxy/cli/main.js";
/** For tests, which build nothing. */
export const UNBUILT_CLI = "../../proxy/cli/main.ts";

export interface CrossfadeServer extends Server {
  /** As `startCrossfade` was given it; written anew, it is read again on SIGHUP. */
  readonly configFile: string;
}

/** `config`: YAML beside listeners, store and log. */
export async function startCrossfade(config: string, options: ServerOptions = {}, cli = CLI): Promise<CrossfadeServer> {
  const folder = mkdtempSync(join(tmpdir(), "crossfade-bench-"));
  const configFile = join(folder, "crossfade.yaml");
  writeFileSync(configFile, config);
  const flags = [
    ["--config", configFile],
    ["--listen", "127.0.0.1:0"],
    ["--admin", "127.0.0.1:0"],
    ["--store", `sqlite:${join(folder, "store.db")}`],
    ["--divergence-log", join(folder, "divergences.ndjson")],
  ];
  const server = await startServer(cli, ["start", ...flags.flat()], options);
  return {
    ...server,
    configFile,
    async stop() {
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export function servicesOf(legacy: string, next: string, asShadow = "{}"): string {
  return `services:
  legacy: { url: "${legacy}" }
  next: { url: "${next}", effects: suppressed, asShadow: ${asShadow} }
`;
}
