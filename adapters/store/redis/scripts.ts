/** The steps that Redis makes whole: Lua scripts, known to it by their digests once it has seen them. */
import { hash } from "node:crypto";
import { readFileSync } from "node:fs";
import { AUDIT_KEPT } from "../../../proxy/evidence/audit.ts";
import { QUIET_AFTER_ONE, QUIET_AT_LEAST, QUIET_TIMES } from "../../../proxy/evidence/group-states.ts";
import { TREND_HOURS } from "../../../proxy/evidence/trend.ts";
import { DRAWN_SAMPLES, KEPT_PAIRS } from "../samples.ts";

export interface Script {
  readonly name: string;
  readonly text: string;
  readonly sha: string;
}

const SECOND = 1000;

/** What scripts call by these names. */
const CONSTANTS = {
  QUIET_AFTER_ONE,
  QUIET_AT_LEAST,
  QUIET_TIMES,
  AUDIT_KEPT,
  DRAWN_SAMPLES,
  KEPT_PAIRS,
  PAIRS_EVICTED_AT_ONCE: 200,
  TREND_HOURS,
  MOST_BETWEEN_BEATS_MS: 10 * SECOND,
  ADJOINING_MS: 60 * SECOND,
  MAX_UNCLEAN_GAPS: 100,
  /** Of so many repairs of a route it is looked at who misses them. */
  SIDES_TOLD: 1_000,
  MOST_BETWEEN_SAYINGS_MS: 2 * SECOND,
  SETTLE_MS: 3 * SECOND,
  LEFT_KEPT_MS: 30 * 24 * 60 * 60 * SECOND,
  PINS_KEPT_MS: 10 * SECOND,
  GIVEN_UP_TOLD: 100,
  GIVEN_UP_KEPT_S: 90 * 24 * 60 * 60,
  CALLS_KEPT_MS: 10 * 60 * SECOND,
  CALL_TEXT_KEPT_MS: 60 * SECOND,
};

function load(...names: readonly string[]): Script {
  const constants = Object.entries(CONSTANTS).map(([name, value]) => `local ${name} = ${value}`);
  const parts = ["base", ...names].map((name) => readFileSync(new URL(`./lua/${name}.lua`, import.meta.url), "utf8"));
  const text = [...constants, ...parts].join("\n");
  return { name: names.at(-1) ?? "", text, sha: hash("sha1", text, "hex") };
}

export const SCRIPTS = {
  meta: load("meta"),
  probe: load("probe"),
  run: load("turn", "runs", "run"),
  commit: load("turn", "runs", "kept", "commit"),
  turns: load("turn", "turns"),
  pins: load("turn", "pins"),
  beside: load("beside"),
  evict: load("evict"),
  erase: load("kept", "erase"),
  find: load("find"),
  group: load("group"),
  openWork: load("open-work"),
  values: load("values"),
  repair: load("repair"),
  members: load("transition", "members"),
  phases: load("transition", "phases"),
  calls: load("calls"),
  claim: load("claim"),
} as const;
