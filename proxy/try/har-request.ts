/** One recorded request, as it can be sent again. Pure. */
import { NOT_IN_FIELD } from "../controls.ts";
import type { RequestHead } from "../exchange.ts";
import { HarFault } from "./har-scan.ts";

export interface RecordedRequest {
  readonly head: RequestHead;
  /** Lower case, without port. */
  readonly host: string;
  /** null: it had one, and the file does not hold what it was. */
  readonly body: Buffer | null;
}

export type Unsendable = "not-http" | "unsendable";

/** The proxy would have stood on the same machine. */
const REMOTE_ADDRESS = "127.0.0.1";

const HTTP_URL = /^(https?):\/\/([^/?#]*)([^#]*)/i;
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** Of the connection that was recorded; the body is sent complete, and framed anew. */
const NOT_SENT: ReadonlySet<string> = new Set(["content-length", "transfer-encoding", "te", "trailer", "expect"]);

/**
 * `json`: the value of an entry's `request`; `where`: its entry, in words. Path, query and headers stay as they were
 * recorded, but for headers that belong to one connection.
 * @throws HarFault: a part is missing or is not what HAR 1.2 says it is
 */
export function readRequest(json: Buffer, where: string): RecordedRequest | Unsendable {
  const request = parse(json, where);
  const method = textIn(request, "method", where);
  const url = textIn(request, "url", where);
  const recorded = headersIn(request, where);
  const [, scheme, authority, rest] = HTTP_URL.exec(url) ?? [];
  if (scheme === undefined || authority === undefined || rest === undefined) return "not-http";
  const host = authority.slice(authority.lastIndexOf("@") + 1);
  const headers = headersToSend(recorded, host);
  const target = asBytes(rest.startsWith("/") ? rest : `/${rest}`);
  if (headers === null || !TOKEN.test(method) || /[\t ]/.test(target) || NOT_IN_FIELD.test(target)) return "unsendable";
  const mark = target.indexOf("?");
  const head: RequestHead = {
    method,
    target,
    path: mark === -1 ? target : target.slice(0, mark),
    query: mark === -1 ? "" : target.slice(mark + 1),
    headers,
    remoteAddress: REMOTE_ADDRESS,
    scheme: scheme.toLowerCase() === "https" ? "https" : "http",
  };
  return { head, host: host.replace(/:\d*$/, "").toLowerCase(), body: bodyIn(request, recorded) };
}

type Header = readonly [name: string, value: string];

function parse(json: Buffer, where: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(json.toString("utf8"));
    if (isObject(value)) return value;
  } catch {
    // The parser's own words quote what stands there: it may be a secret.
    throw new HarFault(`has a request in ${where} that is not JSON; take it out`);
  }
  throw new HarFault(`has no object as the request of ${where}; take it out`);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function textIn(request: Readonly<Record<string, unknown>>, name: "method" | "url", where: string): string {
  const value = request[name];
  if (typeof value === "string") return value;
  throw new HarFault(`has a request without "${name}" (a text) in ${where}; take it out`);
}

function headersIn({ headers }: Readonly<Record<string, unknown>>, where: string): readonly Header[] {
  if (!Array.isArray(headers)) {
    throw new HarFault(`has a request without "headers" (a list) in ${where}; write [] if it had none`);
  }
  return headers.map((header: unknown, i): Header => {
    const { name, value } = isObject(header) ? header : {};
    if (typeof name === "string" && typeof value === "string") return [name, value];
    throw new HarFault(
      `has a header without "name" and "value" (texts) in ${where}, request.headers[${i}]; take it out`,
    );
  });
}

/** Flat, with the Host first; null: one of them cannot be written. HTTP/2 splits cookies, HTTP/1.1 must not (RFC 9113, 8.2.3). */
function headersToSend(recorded: readonly Header[], urlHost: string): string[] | null {
  const valueOf = (wanted: string): string | undefined => recorded.find(([name]) => name.toLowerCase() === wanted)?.[1];
  const cookies = recorded.filter(([name]) => name.toLowerCase() === "cookie").map(([, value]) => value);
  const headers = ["Host", valueOf("host") ?? valueOf(":authority") ?? urlHost];
  let cookiesSent = false;
  for (const [name, value] of recorded) {
    const lower = name.toLowerCase();
    if (lower === "host" || lower.startsWith(":") || NOT_SENT.has(lower)) continue;
    if (lower === "cookie") {
      if (!cookiesSent) headers.push(name, cookies.join("; "));
      cookiesSent = true;
    } else headers.push(name, value);
  }
  for (let i = 0; i < headers.length; i += 2) {
    const value = asBytes(headers[i + 1] as string);
    if (!TOKEN.test(headers[i] as string) || NOT_IN_FIELD.test(value)) return null;
    headers[i + 1] = value;
  }
  return headers;
}

/** One character a byte, as a head is written: what does not fit into a byte was UTF-8. */
function asBytes(text: string): string {
  return /[\u0100-\uffff]/.test(text) ? Buffer.from(text, "utf8").toString("latin1") : text;
}

const NO_BODY = Buffer.alloc(0);

function bodyIn({ postData, bodySize }: Readonly<Record<string, unknown>>, headers: readonly Header[]): Buffer | null {
  const had = typeof bodySize === "number" && bodySize > 0;
  if (!isObject(postData)) return had ? null : NO_BODY;
  // The file holds what was in it; its packed bytes are gone.
  if (headers.some(([name, value]) => name.toLowerCase() === "content-encoding" && value !== "identity")) return null;
  const { text, encoding, params, mimeType } = postData;
  if (typeof text === "string" && (text !== "" || !had))
    return Buffer.from(text, encoding === "base64" ? "base64" : "utf8");
  const isForm = typeof mimeType === "string" && /^application\/x-www-form-urlencoded\b/i.test(mimeType);
  if (isForm && Array.isArray(params) && params.length > 0) return formOf(params);
  return had ? null : NO_BODY;
}

/** null: a parameter is not told in full. */
function formOf(params: readonly unknown[]): Buffer | null {
  const form = new URLSearchParams();
  for (const param of params) {
    const { name, value } = isObject(param) ? param : {};
    if (typeof name !== "string" || typeof value !== "string") return null;
    form.append(name, value);
  }
  return Buffer.from(form.toString());
}
