import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import type { StartFlags } from "../../proxy/config/flags.ts";
import { loadSettings, type Loaded, type NotLoaded } from "../../proxy/config/load.ts";
import { formatConfigMessage } from "../../proxy/config/message.ts";

/** A folder of its own, gone after the test. */
export function makeFolder(test: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "crossfade-config-"));
  test.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** 22 November 2026, so that dates in tests stay in the future. */
export const NOW = Date.UTC(2026, 10, 22);

interface LoadTextInput {
  readonly flags?: StartFlags;
  readonly env?: Record<string, string | undefined>;
  readonly forTraffic?: boolean;
}

/** Loads a YAML text from a file called crossfade.yaml. */
export function loadText(
  test: TestContext,
  yaml: string | Buffer,
  { flags = {}, env = {}, forTraffic = true }: LoadTextInput = {},
): Loaded | NotLoaded {
  const file = join(makeFolder(test), "crossfade.yaml");
  writeFileSync(file, yaml);
  return loadSettings({ file, flags, env, now: NOW, forTraffic });
}

/** Messages as people see them, the folder cut off. */
export function spellMessages(
  messages: Parameters<typeof formatConfigMessage>[0][] | readonly Parameters<typeof formatConfigMessage>[0][],
): string[] {
  return messages.map((message) =>
    formatConfigMessage({ ...message, file: message.file.replace(/^.*[/\\](?=[^/\\]+\.yaml)/, "") }),
  );
}

/** The errors of a text that must not load. */
export function errorsOf(test: TestContext, yaml: string | Buffer, input: LoadTextInput = {}): string[] {
  const loaded = loadText(test, yaml, input);
  return loaded.ok ? [] : spellMessages(loaded.errors);
}

/** The settings of a text that must load. */
export function settingsOf(test: TestContext, yaml: string, input: LoadTextInput = {}): Loaded {
  const loaded = loadText(test, yaml, input);
  if (!loaded.ok) throw new Error(spellMessages(loaded.errors).join("\n"));
  return loaded;
}
