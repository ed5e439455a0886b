/** The package's entry point: Crossfade within a program of your own (docs/embedding.md). */
import type { CrossfadeConfig } from "./config/schema.ts";
import { loadSettings } from "./config/load.ts";
import { type ConfigMessage, formatConfigMessage } from "./config/message.ts";
import { CrossfadeError } from "./errors.ts";
import type { Crossfade } from "./crossfade.ts";
import { startCrossfade } from "./main.ts";

export interface CreateOptions {
  /** Of the log on stderr: trace, debug, info, warn, error, fatal or silent. Default `warn`. */
  readonly logLevel?: string;
  /** Called with each sentence that an operator should see at the start. Default: nobody is told. */
  readonly warn?: (sentence: string) => void;
}

/**
 * Starts a proxy in this process and resolves once it takes requests. `settings` is what crossfade.yaml would hold, or
 * the name of such a file, which is then followed. The process is not ended and no signal is taken: call `stop()`.
 * @throws CrossfadeError `config-invalid` with every error, `port-taken`, `store-unavailable`, `store-locked`
 */
export async function createCrossfade(
  settings: CrossfadeConfig | string,
  { logLevel = "warn", warn }: CreateOptions = {},
): Promise<Crossfade> {
  const given = typeof settings === "string" ? { file: settings } : { file: null, tree: settings };
  const spell = (message: ConfigMessage): string =>
    // Of settings that are no file, no line is worth telling.
    typeof settings === "string" ? formatConfigMessage(message) : message.text;
  const loaded = loadSettings({ ...given, flags: {}, env: process.env });
  if (!loaded.ok) {
    throw new CrossfadeError("config-invalid", loaded.errors.map(spell).join("\n"), { source: "config" });
  }
  for (const message of [...loaded.warnings, ...loaded.expired]) warn?.(spell(message));
  return await startCrossfade({
    settings: loaded.settings,
    files: loaded.files,
    logLevel,
    ...(warn === undefined ? {} : { warn }),
  });
}
