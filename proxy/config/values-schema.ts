/** What users write about values that are one at legacy and another one at next: ids, tokens, slugs. */
import { z } from "zod";
import { DEFAULT_ROUTE } from "./defaults.ts";
import { bounded, choiceField, freeText, locatorField, nameField, parsedText } from "./fields.ts";
import { parseReadBack } from "./texts.ts";
import type { FindSettings, GivenValue, LearnPlace, ValuePart, ValuePlace } from "./settings.ts";
import type { LocatorSource } from "./terms.ts";
import { DAY, parseDuration, SECOND, spellDuration, TIME_PATTERN } from "./units.ts";

const KIND = "What kind of value it is: a name of your own. Pairs of one kind are one set, for all routes.";
const ANSWERS: readonly LocatorSource[] = ["answer", "answer-header"];

const segmentField = z
  .number({ error: "is no whole number other than 0, from -64 to 64; write 1 for the first part, -1 for the last" })
  .int()
  .min(-64)
  .max(64)
  .refine((number) => number !== 0, { error: "is 0; write 1 for the first part of the path, -1 for the last" })
  .meta({
    description:
      "The text is a URL or path, and the value is this part of its path: 1 the first, -1 the last. Default: -1 in location and content-location, else the whole text is the value.",
  });

const partShape = {
  segment: segmentField.optional(),
  query: freeText(
    {
      effect: "The text is a URL, and the value is this one of its query. Default: none.",
      range: "1 to 200 characters",
    },
    { min: 1, max: 200 },
  ).optional(),
};

interface WrittenPlace {
  readonly at: ValuePlace["at"];
  readonly kind: string;
  readonly segment?: number | undefined;
  readonly query?: string | undefined;
}

function placeOf({ at, kind, segment, query }: WrittenPlace): ValuePlace {
  return { at, kind, part: partOf(at, segment, query) };
}

function partOf({ source, name }: ValuePlace["at"], segment?: number, query?: string): ValuePart {
  if (query !== undefined) return { kind: "query", name: query };
  if (segment !== undefined) return { kind: "segment", number: segment };
  const isUrl = source === "answer-header" && (name === "location" || name === "content-location");
  return isUrl ? { kind: "segment", number: -1 } : { kind: "whole" };
}

const notBoth = {
  check: ({ segment, query }: Partial<WrittenPlace>): boolean => segment === undefined || query === undefined,
  error: "has segment and query; a value stands in one of them: write two entries",
};

const learnSchema = z
  .strictObject({
    at: locatorField("Where both answers say the value. cookie: is the one that the answer sets.", [
      ...ANSWERS,
      "cookie",
    ]),
    kind: nameField({ effect: KIND }),
    ...partShape,
    keep: bounded(
      parseDuration,
      spellDuration,
      { min: SECOND, max: 3650 * DAY },
      {
        effect:
          "How long a pair is kept, for values that end by themselves, as tokens do. A time: ms, s, m, h, d. Default: as long as the store.",
        pattern: TIME_PATTERN,
      },
    ).optional(),
  })
  .refine(notBoth.check, { error: notBoth.error })
  .transform(({ keep, ...place }): LearnPlace => ({ ...placeOf(place), keepMs: keep ?? null }));

const applySchema = z
  .strictObject({
    at: locatorField(
      "Where a request says the value; or, with answer: and answer-header:, an answer that is compared.",
    ),
    kind: nameField({ effect: KIND }),
    ...partShape,
  })
  .refine(notBoth.check, { error: notBoth.error })
  .refine(({ at }) => at.source !== "path" || at.name !== "", {
    error: "is at the whole path; write the part that is the value, as in path:id",
  })
  .transform(placeOf);

const giveSchema = z
  .strictObject({
    from: locatorField("What of the primary's answer to a create is handed on.", ANSWERS),
    at: locatorField("Where the shadow's create is told it.", ["body", "header"]),
  })
  .refine(({ at }) => at.source !== "body" || (at.name !== "" && !/\/\*\*?(?=\/|$)/.test(at.name)), {
    error: "has a body pointer that names no single member; write one as in body:/id",
  })
  .transform((given): GivenValue => given);

const findSchema = z
  .strictObject({
    read: parsedText(parseReadBack, {
      effect:
        "What the shadow is asked, without a query, at legacy's path: names in it are those of the create's path.",
      examples: ["GET /users"],
    }),
    by: z
      .array(
        z.strictObject({
          at: locatorField("Where the entity says it: at the primary, and at each that the shadow answers with.", [
            "answer",
          ]),
          query: freeText(
            { effect: "The parameter that asks for it. Default: it is compared alone.", range: "1 to 200 characters" },
            { min: 1, max: 200 },
          ).optional(),
        }),
      )
      .min(1)
      .max(16)
      .describe("The natural key: values that are equal on both sides, and of no two entities."),
    in: locatorField("Where the answer lists what it found. Default: the answer is the list, or the one.", [
      "answer",
    ]).optional(),
  })
  .refine(({ by }) => by.some(({ query }) => query !== undefined), {
    error: "has no query in by, so that everything would be read; write one: by: [{ at: answer:/email, query: email }]",
  })
  .transform(({ read, by, in: within }): FindSettings => ({
    read,
    by: by.map(({ at, query }) => ({ at, query: query ?? null })),
    within: within?.name ?? "",
  }));

const { unmapped, clientSees } = DEFAULT_ROUTE.values;

export const valuesSchema = z
  .strictObject({
    learn: z
      .array(learnSchema)
      .describe("Where pairs of values are learnt from both answers. Default: nowhere.")
      .optional(),
    apply: z
      .array(applySchema)
      .describe("Where such values stand: there each service gets its own. Default: nowhere.")
      .optional(),
    give: z
      .array(giveSchema)
      .describe("Values of the primary's answer that the shadow's create is handed. Default: none.")
      .optional(),
    find: findSchema
      .describe(
        "How a create that the shadow may have taken under an id that nobody was told is looked up, before a repair makes it there. Default: it is parked.",
      )
      .optional(),
    unmapped: choiceField(["pass", "skip"], {
      effect:
        "What becomes of a copy whose value has no partner and that no earlier write is about to teach. pass: it is sent as it is, as is right for rows that both services have had from the start. skip: it is not sent, and repaired by state.",
      byDefault: unmapped,
    }).optional(),
    clientSees: choiceField(["legacy", "primary"], {
      effect:
        "Whose values clients see once next is the primary. legacy: those that they hold stay good, in what they ask and in what they are answered. primary: next's own, for routes without learn and apply, where next was given legacy's.",
      byDefault: clientSees,
    }).optional(),
  })
  .describe("Values that differ between the services: ids, tokens, slugs.");

export type WrittenValues = z.output<typeof valuesSchema>;
