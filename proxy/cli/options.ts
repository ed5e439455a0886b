/** Options and help that several commands share. */
import { type Command, InvalidArgumentError, Option } from "commander";
import { parseSince } from "../config/texts.ts";
import { parseDuration } from "../config/units.ts";
import { DIFFERENCE_KINDS, GROUP_STATES } from "../evidence/evidence.ts";
import { OUTCOME_KINDS } from "../outcome.ts";
import type { ExitCode } from "./exit.ts";

/** Told the exit code of a command that came to its end. */
export type Ended = (code: ExitCode) => void;

/** Servers whose configuration `crossfade export` writes. */
export const EXPORT_FORMATS = ["nginx", "envoy"] as const;
export type ExportFormat = (typeof EXPORT_FORMATS)[number];

export function withConfig(command: Command): Command {
  return command
    .option("--config <file>", "configuration (default: ./crossfade.yaml where it exists and no service is named here)")
    .option("--legacy <url>", "the service that is the source of truth today")
    .option("--next <url>", "the service that replaces it and gets the copies")
    .option("--effects <kind>", "what next does with mail, payments and the like: suppressed, sandboxed or real")
    .option("--json", "one JSON value instead of sentences")
    .option("--no-color", "no colours");
}

export function withApi(command: Command): Command {
  return command
    .option(
      "--admin <url>",
      "admin listener (default: CROSSFADE_ADMIN, else what the configuration says, else http://127.0.0.1:9090)",
    )
    .option("--config <file>", "configuration that says where it is (default: ./crossfade.yaml where it exists)")
    .option("--token <token>", "admin token (default: CROSSFADE_TOKEN)")
    .option("--json", "one JSON value a line instead of sentences")
    .option("--no-color", "no colours");
}

export function withFilter(command: Command): Command {
  return command
    .option("--route <name>", "only of this route")
    .addOption(new Option("--kind <kind>", "only with a difference of this kind").choices(DIFFERENCE_KINDS))
    .option("--at <pointer>", "only with a difference at this place or below it (/items/*/price, header:etag)")
    .addOption(new Option("--outcome <outcome>", "only with this outcome").choices(OUTCOME_KINDS))
    .option("--group <id>", "only of this cause");
}

/** Of a cause. */
export function stateOption(description: string): Option {
  return new Option("--state <state>", description).choices(GROUP_STATES);
}

export function sinceOption(): Option {
  return new Option("--since <time>", "not older than this: 90s, 15m, 2h, 7d, or 2026-11-22T12:00:00Z");
}

export function limitOption(description = "at most this many (default: 20)"): Option {
  return new Option("--limit <count>", description).argParser(wholeNumber(9_999_999));
}

export function wholeNumber(most: number): (text: string) => number {
  return (text) => {
    if (/^[1-9]\d{0,6}$/.test(text) && Number(text) <= most) return Number(text);
    throw new InvalidArgumentError(`It is no whole number from 1 to ${most}.`);
  };
}

/** ms. Not null for off: commander takes that for no value. */
export type TimeOrOff = number | "off";

export function timeOrOff(text: string): TimeOrOff {
  if (text.trim() === "off") return "off";
  const parsed = parseDuration(text);
  if (parsed.ok) return parsed.value;
  throw new InvalidArgumentError(`It ${parsed.error}, or off.`);
}

/** ISO 8601, UTC. */
export function instant(text: string): string {
  const parsed = parseSince(text);
  if (parsed.ok) return new Date(parsed.value).toISOString();
  throw new InvalidArgumentError(`It ${parsed.error}.`);
}

export function example(...lines: readonly string[]): string {
  return `\nExample${lines.length === 1 ? "" : "s"}:\n${lines.map((line) => `  $ ${line}`).join("\n")}`;
}
