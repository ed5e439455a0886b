/**
 * Whether a GraphQL request over POST reads. It does where every operation that may be executed is known and is a query; what
 * cannot be told is a write. Pure.
 */
import type { PersistedQuery } from "../config/settings.ts";
import type { RequestClass } from "../exchange.ts";
import { parseExact } from "../json/parse-exact.ts";
import { JsonObject, type JsonValue } from "../json/value.ts";

export interface GraphqlRequest {
  /** With its `?`, or "". */
  readonly query: string;
  /** `type/subtype`, lower case; null: none. */
  readonly contentType: string | null;
  /** Decoded; null: not in memory. */
  readonly body: Buffer | null;
}

/** A walk through it takes about a millisecond. */
const DOCUMENT_MAX_CHARS = 256 * 1024;
/** Parameters of a URL that servers take before what the body says. */
const SAYS_WHAT = /[?&](?:query|operationName|extensions|id|documentId|doc_id|queryId)=/i;
/** Where clients put the id of a text that the server has already. */
const IDS = ["id", "documentId", "doc_id", "queryId"];

export function classifyGraphql(request: GraphqlRequest, persisted: readonly PersistedQuery[]): RequestClass {
  const { query, contentType, body } = request;
  if (body === null || contentType === null || SAYS_WHAT.test(query)) return "write";
  if (contentType === "application/graphql") return isRead(classOfDocument(body.toString(), null));
  if (contentType !== "application/json" && !contentType.endsWith("+json")) return "write";
  const read = parseExact(body);
  if (!read.ok) return "write";
  const { value } = read;
  if (value instanceof JsonObject) return isRead(classOf(value, persisted));
  if (!Array.isArray(value) || value.length === 0) return "write";
  const all = value.map((each: JsonValue) => (each instanceof JsonObject ? classOf(each, persisted) : null));
  return all.every((each) => each === "read") ? "read" : "write";
}

function isRead(found: RequestClass | null): RequestClass {
  return found === "read" ? "read" : "write";
}

/** null: it cannot be told. */
function classOf(request: JsonObject, persisted: readonly PersistedQuery[]): RequestClass | null {
  // Of two members of one name nobody knows which the server takes.
  if (new Set(request.names).size !== request.names.length) return null;
  const text = memberOf(request, "query");
  const name = memberOf(request, "operationName");
  if (typeof text === "string") return classOfDocument(text, typeof name === "string" && name !== "" ? name : null);
  if (text !== null) return null;
  const extensions = memberOf(request, "extensions");
  const apollo = extensions instanceof JsonObject ? memberOf(extensions, "persistedQuery") : null;
  const hash = apollo instanceof JsonObject ? memberOf(apollo, "sha256Hash") : null;
  const ids = [hash, ...IDS.map((each) => memberOf(request, each))].filter((id) => typeof id === "string");
  const [id, ...more] = ids;
  return id === undefined || more.length > 0 ? null : (persisted.find(([known]) => known === id)?.[1] ?? null);
}

/** null where it is absent too. */
function memberOf({ names, values }: JsonObject, name: string): JsonValue {
  return values[names.indexOf(name)] ?? null;
}

function classOfDocument(text: string, name: string | null): RequestClass | null {
  const operations = text.length > DOCUMENT_MAX_CHARS ? null : operationsOf(text);
  if (operations === null || operations.length === 0) return null;
  const meant = name === null ? operations : operations.filter((operation) => operation.name === name);
  if (meant.length === 0) return null;
  return meant.every(({ kind }) => kind === "query") ? "read" : "write";
}

interface Operation {
  readonly kind: string;
  readonly name: string | null;
}

/** Comments, block strings, strings, names, and every other character by itself (GraphQL, October 2021, 2.1). */
const TOKEN = /#[^\n\r]*|"""(?:\\"""|[^])*?"""|"(?:\\.|[^"\\\n\r])*"|[A-Za-z_]\w*|[^\s,\uFEFF]/g;
const OPERATIONS: ReadonlySet<string> = new Set(["query", "mutation", "subscription"]);

/** null: not a document of operations and fragments alone. */
function operationsOf(text: string): readonly Operation[] | null {
  const operations: Operation[] = [];
  // Of the definition that is open: null where none is.
  let kind: string | null = null;
  let name: string | null = null;
  let depth = 0;
  for (const [token] of text.matchAll(TOKEN)) {
    if (token.startsWith("#")) continue;
    if (token === '"') return null;
    if (kind === null) {
      if (token === "{") kind = "query";
      else if (OPERATIONS.has(token) || token === "fragment") {
        kind = token;
        continue;
      } else return null;
    }
    if (token === "{" || token === "(" || token === "[") depth += 1;
    else if (token === "}" || token === ")" || token === "]") depth -= 1;
    else if (depth === 0 && name === null && /^\w/.test(token)) name = token;
    if (depth < 0) return null;
    if (token !== "}" || depth > 0) continue;
    if (kind !== "fragment") operations.push({ kind, name });
    kind = null;
    name = null;
  }
  return kind === null ? operations : null;
}

/** Whether the answer to an operation, or to one of a batch, tells of errors. What cannot be read does not. */
export function tellsErrors(answer: Buffer | null): boolean {
  const read = answer === null || answer.length > TOLD_MAX_BYTES ? null : parseExact(answer);
  if (read === null || !read.ok) return false;
  const results = Array.isArray(read.value) ? (read.value as readonly JsonValue[]) : [read.value];
  return results.some((one) => {
    if (!(one instanceof JsonObject)) return false;
    const errors = one.values[one.names.lastIndexOf("errors")];
    return Array.isArray(errors) && errors.length > 0;
  });
}

/** Errors come instead of data, or beside little of it. */
const TOLD_MAX_BYTES = 256 * 1024;
