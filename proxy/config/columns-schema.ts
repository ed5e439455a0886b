/** What a collection says of columns and of ids that are others at next. */
import { z } from "zod";
import { freeText, nameField, parsedText } from "./fields.ts";
import { COLUMN_STEPS, type ColumnRule, type MarkSettings } from "./collection-settings.ts";
import { parseHeaderName, parseSince, sentHeaderProblem } from "./texts.ts";

export const columnField = (effect: string, examples: readonly string[]) =>
  freeText({ effect, examples }, { min: 1, max: 128 });

const KIND = "What kind of value it is, as values of routes name it.";

const columnRule = z
  .strictObject({
    to: columnField("The target's column. Default: none, where leaveOut is written.", ["email"]).optional(),
    from: columnField("The source's column. Default: the one of the same name.", ["mail"]).optional(),
    as: z
      .array(z.enum(COLUMN_STEPS))
      .min(1)
      .describe(`What texts are made of first, in this order: ${COLUMN_STEPS.join(", ")}. Default: nothing.`)
      .optional(),
    value: z
      .union([z.string(), z.number(), z.boolean(), z.null()])
      .describe("One value for all rows, in place of a column of the source. Default: none.")
      .optional(),
    leaveOut: columnField("A column of the source that the target has not. Default: none.", ["legacy_flag"]).optional(),
  })
  .transform(({ to, from, as, value, leaveOut }, context): ColumnRule => {
    const refuse = (predicate: string): never => {
      context.addIssue({ code: "custom", message: predicate });
      return z.NEVER;
    };
    if (leaveOut !== undefined) {
      const alone = [to, from, as, value].every((one) => one === undefined);
      return alone ? { leaveOut } : refuse("has leaveOut and more; write two entries");
    }
    if (to === undefined) return refuse("has no to; write the target's column, or leaveOut: COLUMN");
    if (value === undefined) return { to, from: from ?? to, as: as ?? [] };
    return from === undefined && as === undefined ? { to, value } : refuse("has value and from or as; leave one");
  });

export const columnsSchema = z
  .array(columnRule)
  .min(1)
  .describe(
    "What becomes of columns, where that is simple; those that are not named go over as they are. In place of transform. Default: every column goes over as it is.",
  );

export const marksSchema = z
  .strictObject({
    column: columnField("The column, of both tables, that whoever writes a row for a request puts a mark in.", [
      "written_by",
    ]),
    header: parsedText(parseHeaderName, {
      effect:
        "A header that Crossfade puts on every write of these rows' routes that it sends to either service, with the first mark of is as its value; a client's own is taken off. The services put it in the column, and write none where they write by themselves. Default: none, and they know which writes are of requests.",
      examples: ["x-written-by"],
    }).optional(),
    is: z
      .array(freeText({ effect: "A mark.", examples: ["api"] }, { min: 1, max: 200 }))
      .min(1)
      .max(100)
      .describe("Marks of changes that came by way of the proxy; any other, and none, is of a change around it."),
    changedAt: columnField("The column, of both tables, that says when a row was changed last.", ["updated_at"]),
    since: parsedText(parseSince, {
      effect: "From when on the services mark what they write: a day (UTC), or an instant with its zone.",
      examples: ["2026-11-22", "2026-11-22T12:00:00Z"],
    }),
  })
  .transform(({ header = null, ...marks }, context): MarkSettings => {
    const problem = header === null ? null : sentHeaderProblem(header, marks.is[0] ?? "");
    if (problem !== null) context.addIssue({ code: "custom", message: problem, path: ["header"] });
    return { ...marks, header };
  })
  .describe(
    "How changes around the proxy are told: crossfade reconcile counts those of either side, and the gate asks that there are none. Default: they are not counted.",
  );

export const rowValuesSchema = z
  .strictObject({
    learn: z
      .array(
        z.strictObject({
          from: columnField("The source's column: legacy's id.", ["id"]),
          to: columnField("The target's column: next's id of the same row.", ["id"]),
          kind: nameField({ effect: KIND }),
        }),
      )
      .describe(
        "Ids that rows have at both services. A row that next has made already keeps next's; a new one teaches the pair. Default: none.",
      )
      .optional(),
    apply: z
      .array(
        z.strictObject({
          at: columnField("The target's column that names another row.", ["manager_id"]),
          kind: nameField({ effect: KIND }),
        }),
      )
      .describe("Ids of other rows: next's take the place of legacy's. Each has to have a partner. Default: none.")
      .optional(),
  })
  .describe(
    "Ids that are others at next, in the kinds of the routes' values. Default: rows have one id at both services.",
  );
