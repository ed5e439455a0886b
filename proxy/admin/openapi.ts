import type { Action } from "./action.ts";
import { ACTIONS } from "./actions.ts";
import { ENDPOINTS, type Endpoint } from "./endpoints.ts";
import { EVENT_PARAMETERS } from "./events.ts";
import { PARAMETERS, type ParameterName, spellParameter } from "./query.ts";
import { type SchemaName, SCHEMAS } from "./schemas.ts";

type Json = Readonly<Record<string, unknown>>;

/** The least role that is let in; OpenAPI 3.1 lists roles that a scheme without scopes needs. `{}`: a loopback listener without tokens. */
function needs(role: "read" | "bodies" | "operate"): readonly Json[] {
  return [{}, { bearer: [role] }];
}

const NOBODY_IN_PARTICULAR: readonly Json[] = [{}];

/** Paths that are not in the table of endpoints because their answers are no single values. */
export const PAGE_PATH = "/";
/** Scripts and styles of the page. */
export const ASSETS_PATH = "/assets";
export const EVENTS_PATH = "/api/v1/events";
export const OPENAPI_PATH = "/api/v1/openapi.json";

/** `GET /api/v1/openapi.json`: what this version answers, no more. */
export function describeApi(version: string): Json {
  const paths: Record<string, Json> = {};
  for (const endpoint of ENDPOINTS) {
    paths[endpoint.path] = { get: describeEndpoint(endpoint), ...describeChange(endpoint) };
  }
  for (const action of ACTIONS) paths[action.path] = { post: describeAction(action) };
  paths[EVENTS_PATH] = {
    get: operation(
      "Live: `divergence` events as they are recorded, a `status` event when counts change, `missed` with how many a slow reader was spared",
      {
        parameters: EVENT_PARAMETERS.map(queryParameter),
        content: { "text/event-stream": { schema: { type: "string" } } },
        security: needs("read"),
      },
    ),
  };
  paths[OPENAPI_PATH] = {
    get: operation("This document", {
      parameters: [],
      content: { "application/json": { schema: { type: "object" } } },
      security: needs("read"),
    }),
  };
  paths[PAGE_PATH] = {
    get: operation("The dashboard", {
      parameters: [],
      content: { "text/html": { schema: { type: "string" } } },
      security: NOBODY_IN_PARTICULAR,
    }),
  };
  return {
    openapi: "3.1.0",
    info: { title: "Crossfade admin API", version, license: { name: "Apache-2.0", identifier: "Apache-2.0" } },
    security: needs("read"),
    paths,
    components: {
      schemas: SCHEMAS,
      securitySchemes: {
        bearer: {
          type: "http",
          scheme: "bearer",
          description:
            "A token of admin.tokens. Roles: read; bodies, which may also see whole requests and answers; operate, which may do everything",
        },
      },
    },
  };
}

function schemaOf(name: SchemaName): Json {
  return { "application/json": { schema: { $ref: `#/components/schemas/${name}` } } };
}

/** An empty body is `{}` there. */
const MAY_BE_EMPTY: ReadonlySet<SchemaName> = new Set(["RepairRun", "BackfillNothing"]);

function describeAction({ path, summary, takes, answers }: Action): Json {
  const post = operation(summary, {
    parameters: pathParameters(path),
    content: schemaOf(answers),
    security: needs("operate"),
  });
  return { ...post, requestBody: { required: !MAY_BE_EMPTY.has(takes), content: schemaOf(takes) } };
}

function describeChange({ path, change }: Endpoint): Json {
  if (change === undefined) return {};
  const patch = operation(change.summary, {
    parameters: pathParameters(path),
    content: schemaOf(change.answers),
    security: needs("operate"),
  });
  return { patch: { ...patch, requestBody: { required: true, content: schemaOf(change.takes) } } };
}

function pathParameters(path: string): readonly Json[] {
  const inPath = /\{(\w+)\}/.exec(path)?.[1];
  return inPath === undefined ? [] : [{ name: inPath, in: "path", required: true, schema: { type: "string" } }];
}

function describeEndpoint(endpoint: Endpoint): Json {
  const parameters = [...pathParameters(endpoint.path), ...(endpoint.parameters ?? []).map(queryParameter)];
  return operation(endpoint.summary, {
    parameters,
    content: contentOf(endpoint),
    security: endpoint.open === true ? NOBODY_IN_PARTICULAR : needs(endpoint.bodies === true ? "bodies" : "read"),
    ...(endpoint.path === "/readyz"
      ? { also: { "503": { description: "Not ready", content: contentOf(endpoint) } } }
      : {}),
  });
}

function contentOf({ answers }: Endpoint): Json {
  if ("type" in answers) return { [answers.type.split(";")[0] as string]: { schema: { type: "string" } } };
  const item = { $ref: `#/components/schemas/${answers.json}` };
  if (answers.list !== true) return { "application/json": { schema: item } };
  const page = {
    type: "object",
    properties: { items: { type: "array", items: item }, next: { anyOf: [{ type: "string" }, { type: "null" }] } },
    required: ["items", "next"],
    additionalProperties: false,
  };
  return { "application/json": { schema: page } };
}

interface Described {
  readonly parameters: readonly Json[];
  readonly content: Json;
  readonly security: readonly Json[];
  readonly also?: Json;
}

function operation(summary: string, { parameters, content, security, also }: Described): Json {
  const problem = { "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } } };
  return {
    summary,
    parameters,
    security,
    responses: {
      "200": { description: summary, content },
      ...also,
      default: { description: "What is wrong", content: problem },
    },
  };
}

function queryParameter(name: ParameterName): Json {
  const { description, schema } = PARAMETERS[name];
  return { name: spellParameter(name), in: "query", required: false, description, schema };
}
