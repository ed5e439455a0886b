import { setTimeout as pause } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import type { Environment } from "../config/environment.ts";
import type { StartFlags } from "../config/flags.ts";
import { type SettingsWatch, watchSettings } from "../config/live.ts";
import { formatConfigMessage } from "../config/message.ts";
import { rereadInThread } from "../config/reader.ts";
import type { ActingPhases } from "../config/reload-rules.ts";
import type { Reading } from "../config/reread.ts";
import type { Settings } from "../config/settings.ts";
import type { Telemetry } from "../ports.ts";
import type { Desk } from "./desk.ts";

export interface FollowFileParts {
  readonly file: string;
  /** As at the start. */
  readonly running: Settings;
  readonly actingPhases: () => ActingPhases;
  /** Routes are being moved, by whichever process. */
  readonly isMoving: () => boolean;
  /** Certificates, keys and modules that the settings came from. */
  readonly files: readonly string[];
  readonly flags: StartFlags;
  readonly env: Environment;
  /** Takes the new settings into use. What it throws refuses the whole file. */
  readonly take: (next: Settings) => void;
  readonly revision: () => number;
  readonly telemetry: Pick<Telemetry, "configReload">;
  readonly desk: Desk;
}

export interface FollowedFile extends Pick<SettingsWatch, "close"> {
  reload(): Promise<void>;
  /** Why the file as it stands is not in use; null while it is. */
  refusal(): string | null;
  /** Sentences on ignore rules that have expired. */
  expiredRules(): readonly string[];
}

/** How often it is looked whether a move is over. */
const LOOK_AGAIN_MS = 50;

/** Follows the config file: each change is taken whole or not at all, and said either way. */
export function followFile(parts: FollowFileParts): FollowedFile {
  const { file, flags, telemetry, desk } = parts;
  let expiredRules: readonly string[] = [];
  let isClosed = false;
  /** What the file was held against: a move meanwhile may make another primary of what it leaves as it is. */
  let actingThen: ActingPhases = {};
  const hasMoved = (): boolean => parts.isMoving() || !isDeepStrictEqual(actingThen, parts.actingPhases());

  async function read(running: Settings): Promise<Reading> {
    for (;;) {
      if (parts.isMoving())
        desk.log.info({ file }, "routes are being moved; the changed file waits until that has ended");
      while (parts.isMoving() && !isClosed) await pause(LOOK_AGAIN_MS);
      actingThen = parts.actingPhases();
      const reading = await rereadInThread({
        input: { file, flags, env: { ...parts.env } },
        running,
        acting: actingThen,
      });
      if (isClosed || !hasMoved()) return reading;
    }
  }

  const watch = watchSettings({
    file,
    running: parts.running,
    files: parts.files,
    read,
    apply({ settings: next, expired }) {
      if (hasMoved()) throw new Error("routes were moved while it was read; send SIGHUP");
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
    close() {
      isClosed = true;
      watch.close();
    },
  };
}
