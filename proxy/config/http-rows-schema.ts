/** `http:` of a collection's source or target: a list of an API, and how its rows are asked for and written. */
import { z } from "zod";
import {
  bounded,
  choiceField,
  countField,
  describeField,
  freeText,
  headersField,
  locatorField,
  parsedText,
} from "./fields.ts";
import { parseHttpUrl } from "./http-url.ts";
import { pointerProblem } from "./locator.ts";
import { showValue } from "./message.ts";
import { type Pattern, parsePattern } from "../pattern.ts";
import { effectsField } from "./service-schema.ts";
import type { RowListPaging, RowPlace } from "./collection-settings.ts";
import { parseRate, RATE_PATTERN, type Parsed } from "./units.ts";

/** What JSON says of a value, or does not: these are written where it does not. */
const KINDS = [
  "integer",
  "decimal",
  "double",
  "boolean",
  "text",
  "bytes",
  "instant",
  "datetime",
  "json",
  "array",
] as const;

/** Written by the caller itself. */
const OWN_HEADERS: ReadonlySet<string> = new Set([
  "host",
  "accept",
  "content-length",
  "content-type",
  "transfer-encoding",
  "connection",
  "if-match",
  "if-none-match",
]);

const PAGE_ROWS = { byDefault: 100, min: 1, max: 10_000 };

const parameter = (effect: string, example: string) =>
  freeText({ effect: `${effect} A parameter of the query.`, examples: [example] }, { min: 1, max: 128 });

const listSchema = z
  .strictObject({
    after: z
      .union([
        parameter("Takes the last key.", "id_gt"),
        z.array(parameter("Takes a column of it.", "after_id")).min(1).max(16),
      ])
      .meta(
        describeField({
          effect:
            "The list is sorted by the key, and this parameter (of a key of several columns: one for each) takes the key after which it goes on.",
          examples: ["id_gt"],
        }),
      )
      .transform((names): readonly string[] => (typeof names === "string" ? [names] : names))
      .optional(),
    next: locatorField(
      "Each answer tells here where the list goes on: a URL, a Link header's rel=next, or, with cursor, a value for that parameter. Nothing, null or an empty text: it ends.",
      ["answer", "answer-header"],
    ).optional(),
    cursor: parameter("Takes what next told.", "cursor").optional(),
    page: parameter("Takes the number of a page. An empty page ends the list.", "page").optional(),
    first: countField("The number of the first page.", { min: 0, max: 1 }, 1).optional(),
    limit: parameter("Takes how many rows are wanted. Default: none does.", "limit").optional(),
    most: countField("Rows that are asked for at once.", PAGE_ROWS, PAGE_ROWS.byDefault).optional(),
    items: parsedText(parseWholePointer, {
      effect: "A JSON pointer to the list within an answer. Default: the answer is the list.",
      examples: ["/items"],
    }).optional(),
    total: locatorField("Tells how many rows there are, for the progress. Default: nothing does.", [
      "answer",
      "answer-header",
    ]).optional(),
  })
  .describe("How the list is read: by after, by next, by page, or (default) one answer has all rows.");

const HTTP_FIELD_SCHEMAS = {
  list: listSchema.optional(),
  headers: headersField(
    { effect: "Headers of each request, as authorization; never shown. Default: none." },
    (name, value) => {
      if (OWN_HEADERS.has(name)) return "is written by Crossfade itself; leave it out";
      return /[\r\n\0]/.test(value) ? "holds a line break, which no header can" : null;
    },
  ).optional(),
  rate: bounded(
    parseRate,
    (rate) => `${rate}/s`,
    { min: 1 / 60, max: 100_000 },
    {
      effect: "Requests a second at most. Default: as fast as it answers, eight at once.",
      examples: ["200/s"],
      pattern: RATE_PATTERN,
    },
  ).optional(),
  item: parsedText(parseItem, {
    effect: "The path of one row, with its key's columns as :column. Default: the list's path with /:column after it.",
    examples: ["/users/:id"],
  }).optional(),
  create: choiceField(["PUT", "POST"], {
    effect: "How a row that is not there is made: PUT to its own path, or POST to the list.",
    byDefault: "PUT",
  }).optional(),
  kinds: z
    .record(z.string(), choiceField(KINDS, { effect: "What the member holds." }))
    .meta(
      describeField({
        effect:
          "Kinds of members that JSON does not tell: decimal (a number, every digit), bytes (base64), json (objects and lists as they are), array, instant. Default: by what each value is.",
      }),
    )
    .optional(),
  leaveOut: z
    .array(freeText({ effect: "A member.", examples: ["_links"] }, { min: 1, max: 128 }))
    .max(100)
    .meta(describeField({ effect: "Members that are neither read nor written. Default: none." }))
    .optional(),
  effects: effectsField.optional(),
};

export const HTTP_FIELDS = {
  http: parsedText(parseHttpUrl, {
    effect: "The list of rows of an API: the service's own, not Crossfade's. Never shown with its query.",
    examples: ["https://legacy.example.com/users"],
  }).optional(),
  ...HTTP_FIELD_SCHEMAS,
};

type HttpFieldName = keyof typeof HTTP_FIELD_SCHEMAS;

/** Settings that mean nothing without `http`. */
export const HTTP_ONLY = Object.keys(HTTP_FIELD_SCHEMAS) as readonly HttpFieldName[];

interface WrittenHttp {
  readonly http: string;
  readonly table?: string | undefined;
  readonly tombstone?: string | undefined;
  readonly key: readonly string[];
  readonly version?: string | undefined;
  readonly list?: z.output<typeof listSchema> | undefined;
  readonly headers?: readonly (readonly [string, string])[] | undefined;
  readonly rate?: number | undefined;
  readonly item?: Pattern | undefined;
  readonly create?: "PUT" | "POST" | undefined;
  readonly kinds?: Readonly<Record<string, (typeof KINDS)[number]>> | undefined;
  readonly leaveOut?: readonly string[] | undefined;
  readonly effects?: z.output<typeof effectsField> | undefined;
}

type Refuse = (message: string, path?: readonly string[]) => never;

/** `refuse` adds an issue; its path is from the place. */
export function httpPlace(written: WrittenHttp, refuse: Refuse): RowPlace {
  const { http, table, key, version, list = {}, kinds = {}, leaveOut = [] } = written;
  if (table !== undefined) return refuse("is of a database, and this place is http:; leave it out", ["table"]);
  if (written.tombstone !== undefined)
    return refuse(
      "is of a database, and this place is http:, whose API keeps what it deletes as it does; leave it out",
      ["tombstone"],
    );
  const url = new URL(http);
  const paging = pagingOf(list, key, refuse);
  if (written.item === undefined && key.length > 1) {
    return refuse(`is missing; the key has ${key.length} columns: write ${key.map((each) => `/:${each}`).join("")}`, [
      "item",
    ]);
  }
  const item = written.item?.text ?? `${url.pathname.replace(/\/$/, "")}/:${key[0] ?? ""}`;
  const named = written.item?.names ?? key;
  const missing = key.find((column) => !named.includes(column));
  if (missing !== undefined) return refuse(`is ${item}, without :${missing}, which is of the key`, ["item"]);
  const foreign = named.find((name) => !key.includes(name));
  if (foreign !== undefined) return refuse(`has :${foreign}, which is not of the key (${key.join(", ")})`, ["item"]);
  const keyLeftOut = leaveOut.find((column) => key.includes(column) || column === version);
  if (keyLeftOut !== undefined) return refuse(`has ${keyLeftOut}, which tells rows apart; take it out`, ["leaveOut"]);
  return {
    database: {
      kind: "http",
      url: http,
      headers: written.headers ?? [],
      requestsPerSecond: written.rate ?? null,
      paging,
      limit: list.limit ?? null,
      pageRows: list.most ?? PAGE_ROWS.byDefault,
      items: list.items ?? "",
      total: list.total ?? null,
      item,
      create: written.create ?? "PUT",
      kinds,
      leaveOut,
      effects: written.effects ?? null,
    },
    table: url.pathname,
    key,
    version: version ?? null,
    tombstone: null,
  };
}

function pagingOf(list: z.output<typeof listSchema>, key: readonly string[], refuse: Refuse): RowListPaging {
  const { after, next, cursor, page, first } = list;
  const ways = [
    after === undefined ? null : "after",
    next === undefined ? null : "next",
    page === undefined ? null : "page",
  ];
  const written = ways.filter((way) => way !== null);
  if (written.length > 1) return refuse(`has ${written.join(" and ")}; a list goes on in one way`, ["list"]);
  if (cursor !== undefined && next === undefined) {
    return refuse("is there without next; write where an answer tells its value: next: answer:/next", [
      "list",
      "cursor",
    ]);
  }
  if (first !== undefined && page === undefined)
    return refuse("is of a list with page; leave it out", ["list", "first"]);
  if (after !== undefined) {
    if (after.length === key.length) return { by: "key", after };
    const have = `has ${after.length} ${after.length === 1 ? "parameter" : "parameters"}`;
    return refuse(`${have} for a key of ${key.length} (${key.join(", ")}); write one for each column`, [
      "list",
      "after",
    ]);
  }
  if (next !== undefined) return { by: "cursor", cursor: cursor ?? null, next };
  return page === undefined ? { by: "whole" } : { by: "page", page, first: first ?? 1 };
}

function parseWholePointer(text: string): Parsed<string> {
  const problem = text.includes("*") ? "holds *, which names no one place" : pointerProblem(text);
  return problem === null
    ? { ok: true, value: text }
    : { ok: false, error: `is ${showValue(text)}, which ${problem}; write /items` };
}

function parseItem(text: string): Parsed<Pattern> {
  const parsed = parsePattern(text);
  if (!parsed.ok) return { ok: false, error: `is ${showValue(text)}, which ${parsed.error}` };
  const { segments } = parsed.pattern;
  const isPlain = segments.every(
    (each) => each.kind === "literal" || (each.kind === "one" && each.name !== null && !each.optional),
  );
  if (isPlain) return { ok: true, value: parsed.pattern };
  return { ok: false, error: `is ${showValue(text)}, with a part that is neither text nor :column; write /users/:id` };
}
