/** What the schema finds wrong, in the words of this project: predicates that follow a setting's name. */
import { z } from "zod";
import { knownElsewhere } from "./known-elsewhere.ts";
import { showValue, type ConfigPath } from "./message.ts";
import { nearestName } from "./nearest.ts";
import { configSchema, type Written } from "./schema.ts";

export interface Issue {
  readonly path: ConfigPath;
  /** Where to point: the value of `path`, or its key. */
  readonly at: "value" | "key";
  readonly predicate: string;
}

export type Validated =
  | { readonly ok: true; readonly written: Written }
  | { readonly ok: false; readonly issues: readonly Issue[] };

export function validate(tree: unknown): Validated {
  const parsed = configSchema.safeParse(tree, { error: describeIssue });
  if (parsed.success) return { ok: true, written: parsed.data };
  return { ok: false, issues: parsed.error.issues.flatMap(toIssues) };
}

function toIssues(issue: z.core.$ZodIssue): Issue[] {
  const path = issue.path.map((key) => (typeof key === "symbol" ? String(key) : key));
  // A union with words of its own says them for all its branches.
  if (issue.code === "invalid_union" && issue.message === "Invalid input") {
    const fitting = issue.errors.find((branch) => branch.every((one) => !isOtherType(one))) ?? issue.errors[0];
    if (fitting !== undefined)
      return fitting.flatMap((one) => toIssues({ ...one, path: [...issue.path, ...one.path] }));
  }
  if (issue.code !== "unrecognized_keys") return [{ path, at: "value", predicate: issue.message }];
  const known = knownNames(path);
  return issue.keys.map((key): Issue => {
    const at = [...path, key];
    return { path: at, at: "key", predicate: knownElsewhere(at) ?? unknownName(key, known) };
  });
}

/** Whether the value is of another type than this branch of a union is about. */
function isOtherType({ code, path }: z.core.$ZodIssue): boolean {
  return code === "invalid_type" && path.length === 0;
}

function unknownName(name: string, known: readonly string[]): string {
  const near = nearestName(name, known);
  if (near !== null) return `is not a setting; did you mean ${near}?`;
  return known.length === 0 ? "is not a setting; take it out" : `is not a setting; known here: ${known.join(", ")}`;
}

/** How the keys that must be there are written. */
const REQUIRED: Readonly<Record<string, string>> = {
  name: "name: users",
  match: 'match: { path: "/users/**" }',
  path: 'path: "/users/**"',
  at: "at: /updatedAt",
  because: "because: clock",
  as: "as: trim",
  within: "within: 0.001",
  values: "values: [[active, ACTIVE]]",
  role: "role: read",
  token: 'token: "${CROSSFADE_TOKEN}"',
  cert: "cert: FILE",
  key: "key: FILE",
};

function describeIssue(issue: z.core.$ZodRawIssue): string | undefined {
  const { input } = issue;
  if (input === undefined) {
    const key = String(issue.path?.at(-1) ?? "");
    return REQUIRED[key] === undefined ? "is missing" : `is missing; write ${REQUIRED[key]}`;
  }
  if (input === null) return "has no value; write one, or take the key out";
  if (issue.code === "too_small") return "is an empty list; write at least one entry, or take the key out";
  if (issue.code !== "invalid_type") return undefined;
  const shown = showValue(input);
  switch (issue.expected) {
    case "string":
      return `is ${shown} where a text is expected${isScalar(input) ? `; write "${String(input)}"` : ""}`;
    case "array":
      return `is ${shown} where a list is expected${isScalar(input) ? `; write [${shown}]` : ""}`;
    case "boolean":
      return `is ${shown}; write true or false`;
    case "object":
    case "record":
      return `is ${shown} where a group of settings is expected; write key: value lines below it`;
    default:
      return `is ${shown}; a ${issue.expected} is expected`;
  }
}

function isScalar(value: unknown): value is number | boolean | string {
  return typeof value === "number" || typeof value === "boolean" || typeof value === "string";
}

/**
 * What came from the environment is text; where the schema wants a number or a switch it becomes one, and where not it
 * stays text, however it looks: a token of digits is no number.
 */
export function convertText(path: ConfigPath, text: string): unknown {
  const schema = schemaAt(path);
  const number =
    schema instanceof z.ZodUnion
      ? schema.options.some((one) => one instanceof z.ZodNumber)
      : schema instanceof z.ZodNumber;
  if (number && /^\d{1,15}$/.test(text)) return Number(text);
  if (schema instanceof z.ZodBoolean && (text === "true" || text === "false")) return text === "true";
  return text;
}

function knownNames(path: ConfigPath): readonly string[] {
  const found = schemaAt(path);
  const schema =
    found instanceof z.ZodUnion ? found.options.map(unwrap).find((one) => one instanceof z.ZodObject) : found;
  return schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
}

/** The schema of the value at `path`, wrappers taken off; null where the schema does not know such a place. */
function schemaAt(path: ConfigPath): z.core.$ZodType | null {
  let schema: z.core.$ZodType | null = unwrap(configSchema);
  for (const key of path) {
    if (schema instanceof z.ZodUnion)
      schema = schema.options.map(unwrap).find((one) => one instanceof z.ZodObject) ?? null;
    if (schema instanceof z.ZodObject) {
      const inside: unknown = Object.hasOwn(schema.shape, key) ? schema.shape[key] : schema.def.catchall;
      schema = inside instanceof z.core.$ZodType ? unwrap(inside) : null;
    } else if (schema instanceof z.ZodArray) {
      schema = unwrap(schema.element);
    } else if (schema instanceof z.ZodRecord) {
      schema = unwrap(schema.valueType);
    } else {
      return null;
    }
  }
  return schema;
}

function unwrap(schema: z.core.$ZodType): z.core.$ZodType {
  if (schema instanceof z.ZodOptional) return unwrap(schema.unwrap());
  if (schema instanceof z.ZodPipe) return unwrap(schema.in);
  return schema;
}
