/** `docs/reference/api.md`: every operation of the admin listener, from the OpenAPI document that it serves. Pure. */
import { describeApi } from "../../proxy/admin/openapi.ts";
import { GENERATED, row, type Schema, tableHead, typeOf } from "./json-schema.ts";

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

interface Operation {
  readonly summary: string;
  readonly security: readonly Readonly<Record<string, readonly string[]>>[];
  readonly parameters: readonly {
    readonly name: string;
    readonly in: string;
    readonly description?: string;
    readonly schema: Schema;
  }[];
  readonly requestBody?: { readonly content: Content };
  readonly responses: Readonly<Record<string, { readonly content: Content }>>;
}

type Content = Readonly<Record<string, { readonly schema: Schema }>>;

export function apiReference(): string {
  const document = describeApi("0") as unknown as Document;
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => describe(method.toUpperCase(), path, operation)),
  );
  const schemas = Object.entries(document.components.schemas).map(([name, schema]) => describeSchema(name, schema));
  return `${GENERATED}

# Admin API

What the admin listener answers, as its OpenAPI document (\`GET /api/v1/openapi.json\`) says it. Lists answer \`{"items": […], "next": cursor or null}\`: ask again with
\`cursor\`. Errors are \`application/problem+json\` and name the parameter, its value and what to write. Where \`admin.tokens\` are set, send \`Authorization: Bearer TOKEN\`; a role may
do what those before it may: read, bodies, operate. Changes are told in the audit, with the token's name.

${operations.join("\n\n")}

# What is sent and answered

${schemas.join("\n\n")}
`;
}

function linkTo(name: string): string {
  return `[${name}](#${name.toLowerCase()})`;
}

function describe(
  method: string,
  path: string,
  { summary, security, parameters, requestBody, responses }: Operation,
): string {
  const role = security.flatMap(({ bearer = [] }) => bearer)[0];
  const lines = [`## ${method} ${path}`, "", `${summary}.`, "", `- role: ${role ?? "none, it answers everybody"}`];
  if (requestBody !== undefined) lines.push(`- takes ${contentOf(requestBody.content)}`);
  lines.push(`- answers ${contentOf(responses["200"]?.content ?? {})}`);
  const asked = parameters.filter((parameter) => parameter.in === "query");
  if (asked.length > 0) {
    lines.push("", tableHead("parameter", "takes", "what it does"));
    for (const { name, description = "", schema } of asked) lines.push(row(`\`${name}\``, typeOf(schema), description));
  }
  return lines.join("\n");
}

function contentOf(content: Content): string {
  const [first] = Object.entries(content);
  if (first === undefined) return "nothing";
  const [type, { schema }] = first;
  const items = schema.properties?.["items"]?.items;
  if (items !== undefined && schema.properties?.["next"] !== undefined) return `a page of ${typeOf(items, linkTo)}`;
  return schema.$ref === undefined ? `\`${type}\`` : typeOf(schema, linkTo);
}

function describeSchema(name: string, schema: Schema): string {
  const rows = [...membersOf("", schema)].map(({ path, member, required }) =>
    row(`\`${path}\`${required ? "" : " (may be absent)"}`, typeOf(member, linkTo), member.description ?? ""),
  );
  const head = `## ${name}${schema.description === undefined ? "" : `\n\n${schema.description}`}`;
  if (rows.length === 0) return `${head}\n\n${typeOf(schema, linkTo)}`;
  return [head, "", tableHead("member", "is", ""), ...rows].join("\n");
}

interface Member {
  readonly path: string;
  readonly member: Schema;
  readonly required: boolean;
}

function* membersOf(above: string, schema: Schema): Generator<Member> {
  for (const kind of schema.anyOf ?? [schema]) {
    if (kind.items !== undefined) yield* membersOf(`${above}[]`, kind.items);
    for (const [name, member] of Object.entries(kind.properties ?? {})) {
      const path = above === "" ? name : `${above}.${name}`;
      yield { path, member, required: kind.required?.includes(name) === true };
      yield* membersOf(path, member);
    }
  }
}
