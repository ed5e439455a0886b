/** What a collection says of comparisons that a running proxy begins by itself. */
import { z } from "zod";
import { MOST_SAMPLED } from "./collection-settings.ts";
import { bounded, countField } from "./fields.ts";
import { DAY, parseDuration, SECOND, spellDuration, TIME_PATTERN } from "./units.ts";

export const scheduleSchema = z
  .strictObject({
    every: bounded(
      parseDuration,
      spellDuration,
      { min: SECOND, max: 365 * DAY },
      {
        effect:
          "How long after the begin of one comparison the next one begins; never before the last one has ended. A time: ms, s, m, h, d.",
        examples: ["6h"],
        pattern: TIME_PATTERN,
      },
    ),
    sample: countField(
      "Compare so many rows of either side, drawn at random, which the gate takes for nothing. Default: all are compared.",
      { min: 1, max: MOST_SAMPLED },
    ).optional(),
  })
  .describe("How often a running proxy has the rows compared, as crossfade reconcile does. Default: never by itself.");
