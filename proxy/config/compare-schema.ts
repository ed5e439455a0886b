/** What users write about comparing. */
import { z } from "zod";
import {
  parseContentType,
  parseIgnoreAt,
  parseKeyPointer,
  parsePlace,
  parseRuleAt,
  parseStatusClass,
  parseWithin,
} from "./compare-texts.ts";
import { DEFAULT_ROUTE, NO_MODULE } from "./defaults.ts";
import { choiceField, describeField, freeText, headerNameField, parsedText, shareField } from "./fields.ts";
import { showValue } from "./message.ts";
import { nearestName } from "./nearest.ts";
import { NORMALISERS, SHAPES, type NormaliserName, type PlainScalar, type Tolerance } from "./compare-settings.ts";
import { parseUntil } from "./texts.ts";
import { spellShare } from "./units.ts";

const { compare } = DEFAULT_ROUTE;

const because = freeText(
  { effect: "Why a difference here does not matter; shown with what the rule excused.", range: "3 to 200 characters" },
  { min: 3, max: 200 },
);

const whenSchema = z
  .strictObject({
    type: parsedText(parseContentType, {
      effect: "The content type of the primary's answer, without parameters; type/* for all of a kind. Default: any.",
      examples: ["application/json", "text/*"],
    }).optional(),
    status: parsedText(parseStatusClass, {
      effect: "The class of the primary's status. Default: any.",
      examples: ["2xx", "4xx"],
    }).optional(),
  })
  .describe("The answers for which the rule acts. Default: all.");

/** What every rule may say; `because` is asked for where a difference is excused unseen. */
const common = {
  because: because.optional(),
  until: parsedText(parseUntil, {
    effect:
      "The last day (UTC) on which the rule excuses, or an instant with its zone. Past it, crossfade check refuses the file and a running proxy counts the differences again. Default: no end.",
    examples: ["2027-03-01", "2027-03-01T12:00:00Z"],
  }).optional(),
  when: whenSchema.optional(),
};

const BODY_PLACE = "a JSON pointer (* for one part, ** for any number)";

const ignoreRule = z.strictObject({
  at: parsedText(parseIgnoreAt, {
    effect: `The place: ${BODY_PLACE}, header:NAME or status. What is below the place is not meant.`,
    examples: ["/updatedAt", "/items/*/id", "header:etag", "status"],
  }),
  ...common,
  because,
});

const valuePlace = parsedText(parseRuleAt(["header"]), {
  effect: `The place: ${BODY_PLACE} or header:NAME.`,
  examples: ["/createdAt", "/items/*/price", "header:last-modified"],
});

const ONE_NORMALISER = { type: "string", enum: NORMALISERS } as const;

const normalisers = z
  .union([z.string(), z.array(z.string()).min(1)], {
    error: ({ input }) =>
      input === undefined ? undefined : `is ${showValue(input)}; write one of ${NORMALISERS.join(", ")}, or a list`,
  })
  .meta({
    description: `What makes values agree that differ otherwise, one or several in their order: ${NORMALISERS.join(", ")}.`,
    anyOf: [ONE_NORMALISER, { type: "array", minItems: 1, items: ONE_NORMALISER }],
  })
  .transform((written, context): NormaliserName[] => {
    const names = typeof written === "string" ? [written] : written;
    return names.flatMap((name, i) => {
      const known = NORMALISERS.find((each) => each === name);
      if (known !== undefined) return [known];
      const near = nearestName(name, NORMALISERS);
      const hint = near === null ? `write one of ${NORMALISERS.join(", ")}` : `did you mean ${near}?`;
      const path = typeof written === "string" ? [] : [i];
      context.addIssue({ code: "custom", message: `is ${showValue(name)}; ${hint}`, path });
      return [];
    });
  });

const normaliseRule = z.strictObject({ at: valuePlace, as: normalisers, ...common });

const within = z
  .union([z.number(), z.string()], {
    error: ({ input }) =>
      input === undefined
        ? undefined
        : `is ${showValue(input)}; write a number such as 0.001, a share such as 1%, or a time such as 5s`,
  })
  .meta(
    describeField({
      effect:
        "How far apart two values may be, the bound included: a number, a share of the larger one, or a time between two instants.",
      examples: ["0.001", "1%", "5s"],
    }),
  )
  .transform((written, context): Tolerance => {
    const parsed = parseWithin(String(written));
    if (parsed.ok) return parsed.value;
    const error = typeof written === "number" ? parsed.error.replace(`"${written}"`, String(written)) : parsed.error;
    context.addIssue({ code: "custom", message: error });
    return z.NEVER;
  });

const toleranceRule = z.strictObject({ at: valuePlace, within, ...common });

const unorderedRule = z.strictObject({
  at: parsedText(parsePlace, {
    effect: `The array: ${BODY_PLACE}; empty for a body that is an array.`,
    examples: ["/tags", "/orders/*/items"],
  }),
  by: parsedText(parseKeyPointer, {
    effect:
      "Where, within an element, its key stands: elements of one key are compared member by member. Default: elements are matched whole.",
    examples: ["/sku", "/product/id"],
  }).optional(),
  ...common,
});

const scalar = z.union([z.string(), z.number(), z.boolean(), z.null()], {
  error: ({ input }) => `is ${showValue(input)}; write a text, a number, true, false or null`,
});

const equivalentRule = z.strictObject({
  at: parsedText(parseRuleAt(["header", "status"]), {
    effect: `The place: ${BODY_PLACE}, header:NAME or status.`,
    examples: ["/state", "header:cache-control", "status"],
  }),
  values: z
    .array(
      z.array(scalar).transform((list, context): PlainScalar[] => {
        const [problem, path] = listProblem(list);
        if (problem !== null) context.addIssue({ code: "custom", message: problem, path });
        return list;
      }),
    )
    .min(1)
    .describe("Lists of values; any two of one list agree."),
  ...common,
});

function listProblem(list: readonly PlainScalar[]): readonly [problem: string | null, path: number[]] {
  if (list.length < 2)
    return ["is a list of fewer than two values, which agree with nothing; write [active, ACTIVE]", []];
  const inexact = list.findIndex((value) => Number.isInteger(value) && !Number.isSafeInteger(value));
  if (inexact === -1) return [null, []];
  return [`is ${String(list[inexact])}, more digits than a number in YAML keeps; compare it as it is`, [inexact]];
}

const shapeRule = z.strictObject({
  at: valuePlace,
  as: choiceField(SHAPES, { effect: "The class of both values; which one of it they are does not matter." }),
  ...common,
});

const OWN_LIST = "A route's list takes the place of the one in defaults. Default: none.";

const noiseSchema = z
  .strictObject({
    reads: shareField(
      "The share of safe reads that the primary is asked a second time, once the client has its answer, to learn which places it answers differently each time.",
      spellShare(compare.noise.readShare),
    ).optional(),
    compared: shareField(
      "The share of compared exchanges of which every place is counted, so that crossfade suggest knows how often a place differs and how often it agrees.",
      spellShare(compare.noise.comparedShare),
    ).optional(),
  })
  .describe(
    "What is learnt about noise, for crossfade suggest. It excuses nothing by itself. Default: nothing is learnt.",
  );

export const compareSchema = z
  .strictObject({
    status: choiceField(["exact", "class"], {
      effect: "exact: 200 and 201 differ. class: only 2xx and 4xx do.",
      byDefault: compare.status,
    }).optional(),
    headers: z
      .array(headerNameField)
      .meta(describeField({ effect: `Answer headers that are compared. Default: ${compare.headers.join(", ")}.` }))
      .optional(),
    mustMatch: z
      .array(
        parsedText(parsePlace, { effect: `A place that no rule may excuse: ${BODY_PLACE}.`, examples: ["/total"] }),
      )
      .describe(`Places where a difference is never excused: rules at or above them are refused. ${OWN_LIST}`)
      .optional(),
    ignore: z.array(ignoreRule).describe(`Differences that are excused. ${OWN_LIST}`).optional(),
    normalise: z
      .array(normaliseRule)
      .describe(`Values that are spelled in one way before they are compared. ${OWN_LIST}`)
      .optional(),
    tolerance: z.array(toleranceRule).describe(`Values that may be a little apart. ${OWN_LIST}`).optional(),
    unordered: z.array(unorderedRule).describe(`Arrays whose order says nothing. ${OWN_LIST}`).optional(),
    equivalent: z.array(equivalentRule).describe(`Values that mean the same. ${OWN_LIST}`).optional(),
    shapes: z
      .array(shapeRule)
      .describe(`Values that cannot agree and are compared by their class. ${OWN_LIST}`)
      .optional(),
    module: freeText(
      {
        effect:
          "A file (.mjs or .mts, from the folder of this one) whose functions normalise and judge take part in the comparison; off: none.",
        byDefault: NO_MODULE,
        examples: ["./compare-hooks.mjs"],
      },
      { min: 1, max: 1024 },
    ).optional(),
    noise: noiseSchema.optional(),
  })
  .describe("How the two answers are compared.");

export type WrittenCompare = z.output<typeof compareSchema>;
