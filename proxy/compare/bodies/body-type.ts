import { headerOf, type RawHeaders } from "../../exchange.ts";
import { isJsonType, type MediaType, parseMediaType } from "../decode.ts";

/**
 * How a body is read. `json-lines`: documents in lines; `json-seq`: documents behind record separators (RFC 7464);
 * `markup`: XML and HTML; `binary`: never shown; `unsaid`: there is no Content-Type, or none that can be read.
 */
export type BodyKind =
  | "json"
  | "json-lines"
  | "json-seq"
  | "form"
  | "multipart"
  | "markup"
  | "text"
  | "binary"
  | "unsaid";

export interface BodyType {
  readonly kind: BodyKind;
  /** In lower case; null: not said. */
  readonly charset: string | null;
  /** Of a multipart. */
  readonly boundary: string | null;
  /** HTML, whose `<pre>` and `<script>` hold text as it is; XML has no such elements. */
  readonly isHtml: boolean;
  /** A multipart whose parts have names (RFC 7578). */
  readonly isFormData: boolean;
}

const UNSAID: BodyType = { kind: "unsaid", charset: null, boundary: null, isHtml: false, isFormData: false };

const JSON_LINES: ReadonlySet<string> = new Set([
  "application/x-ndjson",
  "application/ndjson",
  "application/jsonl",
  "application/x-jsonl",
  "application/jsonlines",
  "application/x-jsonlines",
  "application/json-lines",
  "application/stream+json",
  "application/x-json-stream",
  "text/x-ndjson",
  "text/jsonl",
]);

const TEXT: ReadonlySet<string> = new Set([
  "application/javascript",
  "application/x-javascript",
  "application/ecmascript",
  "application/yaml",
  "application/x-yaml",
  "application/toml",
  "application/graphql",
  "application/sql",
]);

const HTML: ReadonlySet<string> = new Set(["text/html", "application/xhtml+xml"]);

/** Services send a handful of types; one that sends ever new ones must not fill the memory. */
const KNOWN_MAX = 256;
const known = new Map<string, BodyType>();

export function bodyTypeOf(headers: RawHeaders): BodyType {
  const contentType = headerOf(headers, "content-type");
  if (contentType === null) return UNSAID;
  let type = known.get(contentType);
  if (type !== undefined) return type;
  type = bodyTypeFor(parseMediaType(contentType));
  if (known.size >= KNOWN_MAX) known.clear();
  if (contentType.length <= 256) known.set(contentType, type);
  return type;
}

export function bodyTypeFor(type: MediaType | null): BodyType {
  if (type === null) return UNSAID;
  return {
    kind: kindOf(type.essence),
    charset: parameterOf(type, "charset")?.toLowerCase() ?? null,
    boundary: parameterOf(type, "boundary"),
    isHtml: HTML.has(type.essence),
    isFormData: type.essence === "multipart/form-data",
  };
}

function kindOf(essence: string): BodyKind {
  if (JSON_LINES.has(essence)) return "json-lines";
  if (isJsonType(essence)) return "json";
  if (essence === "application/json-seq" || essence.endsWith("+json-seq")) return "json-seq";
  if (essence === "application/x-www-form-urlencoded") return "form";
  if (essence.startsWith("multipart/")) return "multipart";
  if (essence === "application/xml" || essence === "text/xml" || essence.endsWith("+xml") || HTML.has(essence)) {
    return "markup";
  }
  // A stream of events ends when somebody hangs up: its text says less than its length.
  if (essence === "text/event-stream") return "binary";
  return essence.startsWith("text/") || essence.endsWith("+yaml") || TEXT.has(essence) ? "text" : "binary";
}

function parameterOf(type: MediaType, name: string): string | null {
  return type.parameters.find(([each]) => each === name)?.[1] ?? null;
}
