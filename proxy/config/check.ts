/** `crossfade check` and `crossfade explain`, without the terminal: lines to print, one JSON value, and an exit code. */
import { explainRequest, type ExplainRequest, type ExplainSteps } from "./explain.ts";
import { formatExplanation } from "./explain-text.ts";
import { loadSettings, type LoadInput, type NotLoaded } from "./load.ts";
import { formatConfigMessage, type ConfigMessage } from "./message.ts";
import { formatRepairTable, repairRows } from "./repair-table.ts";
import { formatRouteTable, routeRows } from "./route-table.ts";
import { formatServiceTable, serviceRows } from "./service-table.ts";
import type { Settings } from "./settings.ts";

export interface Report {
  readonly lines: readonly string[];
  readonly json: unknown;
  /** 0: sound. 1: the config is invalid. 2: the flags are unusable. 3: the file cannot be read. */
  readonly exitCode: 0 | 1 | 2 | 3;
}

/** Validates; prints errors, or warnings, advice and the effective tables of routes, services and repair, each within `width`. */
export function runCheck(input: LoadInput, makeSteps: (settings: Settings) => ExplainSteps, width?: number): Report {
  const loaded = loadSettings(input);
  if (!loaded.ok) return invalid(loaded);
  if (loaded.expired.length > 0) {
    return invalid({ ok: false, reason: "invalid", errors: loaded.expired, files: loaded.files });
  }
  const { settings } = loaded;
  const repairs = repairRows(settings, makeSteps(settings));
  const warnings = [...loaded.warnings, ...loaded.advice];
  const counts = `${count(settings.routes.length, "route")}, ${count(Object.keys(settings.services).length, "service")}`;
  return {
    lines: [
      ...warnings.map((warning) => `warning: ${formatConfigMessage(warning)}`),
      ...(warnings.length > 0 ? [""] : []),
      ...formatRouteTable(settings, width),
      "",
      ...formatServiceTable(settings, width),
      "",
      ...formatRepairTable(repairs, width),
      `${input.file ?? "These flags"} ${input.file === null ? "are" : "is"} valid: ${counts}${warnings.length > 0 ? `, ${count(warnings.length, "warning")}` : ""}`,
    ],
    json: {
      ok: true,
      errors: [],
      warnings: warnings.map(jsonOf),
      routes: routeRows(settings),
      services: serviceRows(settings),
      repairs,
    },
    exitCode: 0,
  };
}

/** Which route, key, phase and rules apply to one request, and why. `makeSteps` compiles the router of these settings. */
export function runExplain(
  input: LoadInput,
  makeSteps: (settings: Settings) => ExplainSteps,
  asked: ExplainRequest,
): Report {
  const loaded = loadSettings(input);
  if (!loaded.ok) return invalid(loaded);
  const explanation = explainRequest(loaded.settings, loaded.origins, makeSteps(loaded.settings), asked);
  const expired = loaded.expired.map((message) => `warning: ${formatConfigMessage(message)}`);
  return { lines: [...expired, ...formatExplanation(explanation)], json: explanation, exitCode: 0 };
}

const EXIT_CODES = { invalid: 1, usage: 2, unreadable: 3 } as const;

function invalid({ reason, errors }: NotLoaded): Report {
  return {
    lines: errors.map(formatConfigMessage),
    json: { ok: false, errors: errors.map(jsonOf), warnings: [], routes: [], services: [] },
    exitCode: EXIT_CODES[reason],
  };
}

function jsonOf(message: ConfigMessage): ConfigMessage & { readonly message: string } {
  return { ...message, message: formatConfigMessage(message) };
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}
