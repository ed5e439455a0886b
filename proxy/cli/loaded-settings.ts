/** The configuration that a command was told, for commands that do not run the proxy. */
import { loadSettings } from "../config/load.ts";
import { formatConfigMessage } from "../config/message.ts";
import type { Settings } from "../config/settings.ts";
import { printable } from "../controls.ts";
import { EXIT, Exit } from "./exit.ts";

const EXIT_CODES = { invalid: EXIT.no, usage: EXIT.usage, unreadable: EXIT.failed } as const;

/** `forTraffic` false: keys and certificates of the proxy are not read. @throws Exit where the file cannot be used */
export function loadedSettings(file: string, { forTraffic }: { readonly forTraffic: boolean }): Settings {
  const loaded = loadSettings({ file, flags: {}, env: process.env, forTraffic });
  if (loaded.ok) return loaded.settings;
  throw new Exit(EXIT_CODES[loaded.reason], loaded.errors.map(formatConfigMessage).map(printable).join("\n"));
}
