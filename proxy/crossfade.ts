/** What starts a process, and what is had of one that runs. */
import type { OpenedStore } from "../adapters/store/open.ts";
import type { Environment } from "./config/environment.ts";
import type { StartFlags } from "./config/flags.ts";
import type { Settings } from "./config/settings.ts";
import type { StopReport } from "./life/drain.ts";

export interface StartOptions {
  readonly settings: Settings;
  /** Certificates, keys and modules that the settings came from. */
  readonly files?: readonly string[];
  /** As given on the command line; a reloaded file is read under the same flags. */
  readonly flags?: StartFlags;
  readonly env?: Environment;
  /** The store, where somebody has begun to open it already; by default the one that the settings name. */
  readonly store?: Promise<OpenedStore>;
  /** pino's levels; logs go to stderr. Default `info`. */
  readonly logLevel?: string;
  /** How often the repair list is gone through by itself. Default 10 s. */
  readonly repairEveryMs?: number;
  /** In blocks of what length it is judged whether next fails after a cutover. Default 10 s. */
  readonly failingBlockMs?: number;
  /** Called with each sentence that an operator should see at the start. */
  readonly warn?: (line: string) => void;
}

export interface Crossfade {
  readonly proxyUrl: string;
  readonly adminUrl: string;
  /** Reads the config file again: whole or not at all. Nothing happens where there is no file. */
  reload(): Promise<void>;
  /** Rejects where it ends by itself: a store that was away at the start is there, and cannot be used. */
  readonly failed: Promise<never>;
  /** Stops accepting, finishes, settles the lanes within the budget (default 10 s). Safe to call twice. */
  stop(budgetMs?: number): Promise<StopReport>;
}

export const DRAIN_BUDGET_MS = 10_000;
/** Of a process that does not end by itself. */
export const NEVER = new Promise<never>(() => undefined);
