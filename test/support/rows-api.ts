/** A small API over rows, on a free port: JSON as it was sent, to the digit; lists by key, cursor or page; strong ETags. */
import { createHash } from "node:crypto";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { parseExact } from "../../proxy/json/parse-exact.ts";
import { printExact } from "../../proxy/json/print-exact.ts";
import { JsonNumber, JsonObject, type JsonValue } from "../../proxy/json/value.ts";

export interface RowsApi {
  /** Of the list: `/t`, or `/wrapped`. */
  readonly url: string;
  /** As they are stored, in the order of their keys. */
  bodies(): readonly string[];
  body(key: string): string | undefined;
  /** As if somebody else had written it. */
  store(body: string): void;
  drop(key: string): void;
  readonly requests: { readonly method: string; readonly target: string }[];
  /** Called before each request is looked at; what it returns is answered in its place. */
  before: ((method: string, target: string) => { status: number; headers?: Record<string, string> } | null) | null;
  close(): Promise<void>;
}

export interface RowsApiGiven {
  readonly key: readonly string[];
  /** Asked of each request as `authorization`. */
  readonly authorization?: string;
  /** Rows in one answer at most, whatever is asked for. Default: 7. */
  readonly most?: number;
  /** Members that may not be null or absent. */
  readonly required?: readonly string[];
  readonly etags?: boolean;
  /** PUT makes no row; POST to the list does. */
  readonly onlyPost?: boolean;
  /** t: the answer is the list; wrapped: it is `{ items, count, next }`. */
  readonly list?: "t" | "wrapped";
}

/** A row is at `/t/…`, with a part for each column of the key. */
export async function startRowsApi(given: RowsApiGiven): Promise<RowsApi> {
  const { key, most = 7, required = [], etags = true, onlyPost = false, list: named = "t" } = given;
  const rows = new Map<string, { readonly body: string; readonly parts: readonly (bigint | string)[] }>();
  const sorted = () => [...rows.entries()].sort(([, a], [, b]) => compare(a.parts, b.parts));

  const read = (body: string): { readonly id: string; readonly parts: readonly (bigint | string)[] } | null => {
    const parsed = parseExact(body);
    if (!parsed.ok || !(parsed.value instanceof JsonObject)) return null;
    const object = parsed.value;
    const member = (name: string): JsonValue => object.values[object.names.indexOf(name)] ?? null;
    if (required.some((name) => member(name) === null)) return null;
    const values = key.map(member);
    const parts = values.map((value) => (value instanceof JsonNumber ? BigInt(value.raw) : String(value)));
    return { id: parts.join("/"), parts };
  };
  const etag = (body: string): Record<string, string> =>
    etags ? { etag: `"${createHash("sha1").update(body).digest("hex")}"` } : {};

  const api: RowsApi = {
    url: "",
    requests: [],
    before: null,
    bodies: () => sorted().map(([, { body }]) => body),
    body: (id) => rows.get(id)?.body,
    store(body) {
      const of = read(body);
      if (of === null) throw new TypeError(`no row: ${body}`);
      rows.set(of.id, { body, parts: of.parts });
    },
    drop: (id) => void rows.delete(id),
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };

  const server = http.createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const { method = "", url: target = "" } = request;
      const answer = (status: number, body = "", headers: Record<string, string> = {}): void => {
        response.writeHead(status, { "content-type": "application/json", ...headers });
        response.end(body);
      };
      api.requests.push({ method, target });
      const instead = api.before?.(method, target) ?? null;
      if (instead !== null) return answer(instead.status, "{}", instead.headers);
      if (given.authorization !== undefined && request.headers.authorization !== given.authorization)
        return answer(401);
      const url = new URL(target, "http://x");
      const [, list = "", ...parts] = url.pathname.split("/").map(decodeURIComponent);
      if (list !== "t" && list !== "wrapped") return answer(404);
      const body = Buffer.concat(chunks).toString("utf8");
      if (parts.length > 0) return item(parts.join("/"), method, body, request.headers, answer);
      if (method === "POST") return post(body, answer);
      if (method !== "GET") return answer(405);
      const { items, next } = listed(url.searchParams);
      if (list === "t")
        return answer(200, `[${items.join(",")}]`, { "x-total-count": String(rows.size), ...link(url, next) });
      return answer(200, `{"items":[${items.join(",")}],"count":${rows.size},"next":${JSON.stringify(next)}}`);
    });
  });

  type Reply = (status: number, body?: string, headers?: Record<string, string>) => void;

  function item(id: string, method: string, body: string, headers: http.IncomingHttpHeaders, answer: Reply): void {
    const there = rows.get(id)?.body;
    if (there === undefined && (method === "GET" || method === "DELETE" || onlyPost)) return answer(404);
    if (method === "GET") return answer(200, there ?? "", etag(there ?? ""));
    const isMatched = headers["if-match"] === undefined || headers["if-match"] === etag(there ?? "")["etag"];
    if (!isMatched || (headers["if-none-match"] === "*" && there !== undefined)) return answer(412);
    if (method === "DELETE") {
      rows.delete(id);
      return answer(204);
    }
    const of = read(body);
    if (of === null || of.id !== id) return answer(422, '{"error":"hush"}');
    rows.set(id, { body, parts: of.parts });
    return answer(there === undefined ? 201 : 200, body, etag(body));
  }

  function post(body: string, answer: Reply): void {
    const of = read(body);
    if (of === null || rows.has(of.id)) return answer(of === null ? 422 : 409);
    rows.set(of.id, { body, parts: of.parts });
    answer(201, body);
  }

  function listed(query: URLSearchParams): { readonly items: readonly string[]; readonly next: string | null } {
    const all = sorted();
    const size = Math.min(most, Number(query.get("limit") ?? most));
    const after = key.map((column) => query.get(`${column}_gt`));
    const page = query.get("page");
    const cursor = query.get("cursor");
    let from = 0;
    if (page !== null) from = (Number(page) - 1) * size;
    if (cursor !== null) from = Number(Buffer.from(cursor, "base64url").toString());
    if (after[0] !== null) {
      const parts = after.map((value, i) =>
        typeof all[0]?.[1].parts[i] === "bigint" ? BigInt(value ?? "") : (value ?? ""),
      );
      from = all.findIndex(([, row]) => compare(row.parts, parts) > 0);
      if (from === -1) from = all.length;
    }
    const items = all.slice(from, from + size).map(([, { body }]) => body);
    const isMore = from + size < all.length;
    return { items, next: isMore ? Buffer.from(String(from + size)).toString("base64url") : null };
  }

  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return Object.assign(api, { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/${named}` });
}

function link(url: URL, next: string | null): Record<string, string> {
  if (next === null) return {};
  const to = new URL(url);
  to.searchParams.set("cursor", next);
  return { link: `<${to.pathname}?page=0>; rel="first", <${to.pathname}${to.search}>; title="a, b"; rel="next"` };
}

function compare(a: readonly (bigint | string)[], b: readonly (bigint | string)[]): number {
  for (const [i, value] of a.entries()) {
    const other = b[i] ?? "";
    if (value !== other) return value < other ? -1 : 1;
  }
  return 0;
}

/** In one spelling, whitespace and escapes aside. */
export function canonicalJson(text: string): string {
  const read = parseExact(text);
  if (!read.ok) throw new TypeError(read.why);
  return printExact(read.value, Number.POSITIVE_INFINITY);
}
