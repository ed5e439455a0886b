import type { Environment } from "../config/environment.ts";
import type { StartFlags } from "../config/flags.ts";
import { type SettingsWatch, watchSettings } from "../config/live.ts";
import { formatConfigMessage } from "../config/message.ts";
import { rereadInThread } from "../config/reader.ts";
import type { ActingPhases } from "../config/reload-rules.ts";
import type { Settings } from "../config/settings.ts";
import type { Telemetry } from "../ports.ts";
import type { Desk } from "./desk.ts";

export interface FollowFileParts {
  readonly file: string;
  /** As at the start. */
  readonly running: Settings;
  readonly actingPhases: () => ActingPhases;
  /** Certificates, keys and modules that the settings came from. */
  readonly files: readonly string[];
  readonly flags: StartFlags;
  readonly env: Environment;
  /** Takes the new settings into use. What it throws refuses the whole file. */
  readonly take: (next: Settings) => void;
  readonly revision: () => number;
  readonly telemetry: Telemetry;
  readonly desk: Desk;
}

export interface FollowedFile extends Pick<SettingsWatch, "close"> {
  reload(): Promise<void>;
  /** Why the file as it stands is not in use; null while it is. */
  refusal(): string | null;
  /** Sentences on ignore rules that have expired. */
  expiredRules(): readonly string[];
}

/** Follows the config file: each change is taken whole or not at all, and said either way. */
export function followFile(parts: FollowFileParts): FollowedFile {
  const { file, flags, telemetry, desk } = parts;
  let expiredRules: readonly string[] = [];
  const watch = watchSettings({
    file,
    running: parts.running,
    files: parts.files,
    read: (running) =>
      rereadInThread({ input: { file, flags, env: { ...parts.env } }, running, acting: parts.actingPhases() }),
    apply({ settings: next, expired }) {
      parts.take(next);
      expiredRules = expired.map(formatConfigMessage);
      for (const rule of expiredRules) desk.log.warn({ rule }, "an ignore rule has expired and no longer excuses");
      telemetry.configReload("applied");
      desk.log.info({ revision: parts.revision(), file }, "settings reloaded");
    },
    refused(errors) {
      telemetry.configReload("refused");
      desk.log.error(
        { file, errors: errors.map(formatConfigMessage) },
        "the changed file is not used; the running settings stay",
      );
    },
    unwatched: (why) => desk.warn(`changes of ${file} are not noticed (${why}); send SIGHUP after a change`),
  });
  return {
    async reload() {
      await watch.reload();
    },
    refusal: () => watch.refusal()?.map(formatConfigMessage).join("\n") ?? null,
    expiredRules: () => expiredRules,
    close: () => watch.close(),
  };
}
