/** What users write about things that are others at next than at legacy, beside values. */
import { z } from "zod";
import { choiceField, freeText, headerNameField, parsedText } from "./fields.ts";
import { pointerProblem } from "./locator.ts";
import { parseMethod, parsePath } from "./texts.ts";
import type { Parsed } from "./units.ts";

const pointerField = (whose: string) =>
  parsedText(
    (text): Parsed<string> => {
      const problem = pointerProblem(text);
      if (problem === null) return { ok: true, value: text };
      return {
        ok: false,
        error: `is ${JSON.stringify(text)}, a pointer that ${problem}; write one as in /address/city`,
      };
    },
    { effect: `Where it stands in ${whose} bodies: a JSON pointer, * for any element; in a form /field.` },
  );

const methodsField = z
  .record(
    parsedText(parseMethod, { effect: "A method of clients'." }),
    parsedText(parseMethod, { effect: "What next is sent in its place." }),
  )
  .transform((methods) => Object.entries(methods))
  .describe("Methods that are others at next, as { PUT: PATCH }. Default: the same methods.");

export const transformSchema = z
  .strictObject({
    path: parsedText(parsePath, {
      effect:
        "The path at next, with the names (and the **) of match.path: copies go there, and location headers of next's answers are compared as legacy's. Default: the same path.",
      examples: ["/people/:id?", "/users/**"],
    }).optional(),
    methods: methodsField.optional(),
    headers: z
      .array(z.strictObject({ legacy: headerNameField, next: headerNameField }))
      .describe(
        "Headers of other names at next: renamed in copies, and back in next's answers for the comparison. Default: none.",
      )
      .optional(),
    body: z
      .array(
        z
          .strictObject({
            legacy: pointerField("legacy's"),
            next: pointerField("next's"),
            of: choiceField(["request", "answer"], {
              effect: "Of which bodies it is true. Default: of both.",
            }).optional(),
          })
          .transform(({ of, ...move }) => ({ ...move, of: of ?? null })),
      )
      .describe(
        "Members of JSON bodies, or fields of forms, that stand elsewhere at next: moved in copies, and back in next's answers for the comparison. Default: none.",
      )
      .optional(),
    module: freeText(
      {
        effect:
          "A file (.mjs or .mts, from the folder of this one) whose functions toNext and answer change what the settings beside it cannot. Default: none.",
        examples: ["./users-at-next.mjs"],
      },
      { min: 1, max: 1024 },
    ).optional(),
  })
  .describe("What is another thing at next than at legacy. Default: nothing.");
