/** What users write about the gate of a route. */
import { z } from "zod";
import { DEFAULT_ROUTE, GATE_DEFAULTS } from "./defaults.ts";
import { bounded, choiceField, describeField } from "./fields.ts";
import { showValue } from "./message.ts";
import { GATE_PROFILES, type GateSettings } from "./settings.ts";
import {
  DAY,
  parseDuration,
  parseShare,
  SECOND,
  SHARE_PATTERN,
  spellDuration,
  spellShare,
  TIME_PATTERN,
} from "./units.ts";

/** `strict 0.001%, normal 0.01%, low-traffic 1%` */
function ofProfiles(spell: (gate: GateSettings) => string | number): string {
  return GATE_PROFILES.map((profile) => `${profile} ${spell(GATE_DEFAULTS[profile])}`).join(", ");
}

const RATIO = { min: 0.1, max: 100 };

function ratioError({ input }: { readonly input?: unknown }): string | undefined {
  if (input === undefined) return undefined;
  return `is ${showValue(input)}; write a number from ${RATIO.min} to ${RATIO.max}`;
}

export const gateSchema = z
  .strictObject({
    profile: choiceField(GATE_PROFILES, {
      effect: "How much evidence a cutover needs; what is written beside it comes before it.",
      byDefault: DEFAULT_ROUTE.gate.profile,
    }).optional(),
    divergenceBelow: bounded(
      parseShare,
      spellShare,
      { min: 0.000001, max: 0.5 },
      {
        effect: `Fewer entities than this share may diverge, or fail to be compared, in an hour of theirs. Default: the profile's (${ofProfiles(({ divergenceBelow }) => spellShare(divergenceBelow))}).`,
        examples: ["0.01%"],
        pattern: SHARE_PATTERN,
      },
    ).optional(),
    confidence: bounded(
      parseShare,
      spellShare,
      { min: 0.5, max: 0.99999 },
      {
        effect: `How sure the gate has to be of that, however often it is asked. Default: the profile's (${ofProfiles(({ confidence }) => spellShare(confidence))}).`,
        examples: ["95%"],
        pattern: SHARE_PATTERN,
      },
    ).optional(),
    span: bounded(
      parseDuration,
      spellDuration,
      { min: SECOND, max: 365 * DAY },
      {
        effect: `How long the evidence must have been gathered, at least. A time: ms, s, m, h, d. Default: the profile's (${ofProfiles(({ spanMs }) => spellDuration(spanMs))}).`,
        examples: ["7d"],
        pattern: TIME_PATTERN,
      },
    ).optional(),
    latencyRatioBelow: z
      .number({ error: ratioError })
      .min(RATIO.min, { error: ratioError })
      .max(RATIO.max, { error: ratioError })
      .meta(
        describeField({
          effect: `How many times as long next may take as legacy, by the 95th percentile of each. Default: the profile's (${ofProfiles(({ latencyRatioBelow }) => latencyRatioBelow)}).`,
          range: `${RATIO.min} to ${RATIO.max}`,
        }),
      )
      .optional(),
    reconcileFresherThan: bounded(
      parseDuration,
      spellDuration,
      { min: SECOND, max: 365 * DAY },
      {
        effect: `How old a comparison of the rows (crossfade reconcile) may be, where collections hold the route's rows. A time: ms, s, m, h, d. Default: the profile's (${ofProfiles(({ reconcileFresherThanMs }) => spellDuration(reconcileFresherThanMs))}).`,
        examples: ["24h"],
        pattern: TIME_PATTERN,
      },
    ).optional(),
  })
  .describe("What has to be shown before next may become the primary: docs/gate.md. Default: profile normal.");
