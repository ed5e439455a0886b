/**
 * A service of a migration, in a process of its own: an API over the table of each pair, exact to the digit. It applies a write with
 * an idempotency key once. `/PAIR/places` is as legacy has it; `/PAIR/v2/places` has other members, and is what next's team offers.
 */
import { createHash } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { COLUMNS, type Place, type PlaceValue } from "./rows.ts";
import { type Changes, openTable, type PlaceTable, type TableAddress } from "./tables.ts";

type Answered = readonly [status: number, body: string];

const tables = new Map<string, PlaceTable>(
  Object.entries(JSON.parse(process.argv[2] ?? "{}") as Record<string, TableAddress>).map(([pair, address]) => [
    pair,
    openTable(address),
  ]),
);
/** By idempotency key: what it was answered, or will be. */
const applied = new Map<string, Promise<Answered>>();
const REMEMBERED = 200_000;

const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => {
    const { method = "GET", url = "/", headers } = request;
    const key = headers["idempotency-key"];
    const known = typeof key === "string" ? applied.get(key) : undefined;
    const answered = known ?? handle(method, url, Buffer.concat(chunks).toString(), headers["if-match"] ?? null);
    if (typeof key === "string" && known === undefined) remember(key, answered);
    // What was refused may be taken when it comes again.
    const forget = (): void => void (typeof key === "string" && applied.delete(key));
    answered.then(([status]) => status >= 400 && forget(), forget);
    void answered
      .catch((error: unknown): Answered => [500, JSON.stringify({ error: String(error) })])
      .then(([status, body]) => {
        response.writeHead(status, {
          "content-type": "application/json",
          "content-length": Buffer.byteLength(body),
          ...(url.includes("/v2/places/") && status < 300 ? { etag: etagOf(body) } : {}),
        });
        response.end(body);
      });
  });
});
server.listen(0, "127.0.0.1", () => process.send?.({ port: (server.address() as AddressInfo).port }));
process.once("disconnect", () => process.exit(0));

function remember(key: string, answered: Promise<Answered>): void {
  applied.set(key, answered);
  const [oldest] = applied.size > REMEMBERED ? applied.keys() : [];
  if (oldest !== undefined) applied.delete(oldest);
}

async function handle(method: string, target: string, body: string, ifMatch: string | null): Promise<Answered> {
  const { pathname, searchParams } = new URL(target, "http://service");
  const [, pair = "", ...parts] = pathname.split("/");
  const table = tables.get(pair);
  if (table === undefined) return NOT_FOUND;
  const isOwn = parts[0] === "v2";
  const [collection = "", id] = isOwn ? parts.slice(1) : parts;
  const spell = isOwn ? spellOwn : spellPlace;
  if (method === "GET" && id === undefined && collection === "places") {
    const rows = await table.page(searchParams.get("after") ?? "0", Number(searchParams.get("limit") ?? "100"));
    return [200, `[${rows.map(spell).join(",")}]`];
  }
  const given = body === "" ? {} : parseExact(body);
  if (isOwn) return id === undefined ? NOT_FOUND : await ownItem(table, method, id, given, ifMatch);
  const shown = async (of: string, status = 200): Promise<Answered> => {
    const row = await table.get(of);
    return row === null ? NOT_FOUND : [status, spell(row)];
  };
  switch (`${method} ${collection}`) {
    case "GET places":
      return await shown(id ?? "");
    case "POST places":
      return await shown(await table.insert(given["id"] ?? null, changesOf(given)), 201);
    case "PUT places":
      return (await table.update(id ?? "", changesOf(given))) ? await shown(id ?? "") : NOT_FOUND;
    case "PATCH places":
      return (await table.bump(id ?? "")) ? await shown(id ?? "") : NOT_FOUND;
    case "DELETE places":
      return (await table.remove(id ?? "")) ? [200, `{"id":${id}}`] : NOT_FOUND;
    case "POST transfers":
      await table.transfer(given["from"] ?? "", given["to"] ?? "");
      return DONE;
    case "POST raise":
      await table.raise(Number(given["of"]));
      return DONE;
    default:
      return NOT_FOUND;
  }
}

/** A row by next's own API. Its table answers at once, so that nothing comes between the look and the write. */
async function ownItem(
  table: PlaceTable,
  method: string,
  id: string,
  given: Readonly<Record<string, PlaceValue>>,
  ifMatch: string | null,
): Promise<Answered> {
  const there = await table.get(id);
  if (method === "GET") return there === null ? NOT_FOUND : [200, spellOwn(there)];
  if (ifMatch !== null && (there === null || etagOf(spellOwn(there)) !== ifMatch)) return [412, "{}"];
  if (method === "DELETE") return (await table.remove(id)) ? [200, `{"id":${id}}`] : NOT_FOUND;
  if (method !== "PUT") return [405, "{}"];
  const { title = null, seen_at: seen = null, label = null, ...same } = given;
  if (title === null || label !== labelOf(title)) return [422, '{"error":"a label is its title in lower case"}'];
  const changes = changesOf({ ...same, name: title, seen });
  if (there === null) await table.insert(id, changes);
  else await table.update(id, changes);
  const now = await table.get(id);
  return now === null ? NOT_FOUND : [there === null ? 201 : 200, spellOwn(now)];
}

const NOT_FOUND: Answered = [404, '{"error":"there is no such place"}'];
const DONE: Answered = [200, '{"done":true}'];

/** Of numbers their digits. */
function parseExact(text: string): Record<string, PlaceValue> {
  const reviver = (_: string, value: unknown, { source }: { readonly source?: string }): unknown =>
    typeof value === "number" ? source : value;
  return JSON.parse(text, reviver as never) as Record<string, PlaceValue>;
}

function changesOf(given: Readonly<Record<string, PlaceValue>>): Changes {
  const named = COLUMNS.filter((column) => Object.hasOwn(given, column));
  return Object.fromEntries(
    named.map((column) => {
      const value = given[column] ?? null;
      return [column, column === "code" && value !== null ? Buffer.from(value, "base64").toString("hex") : value];
    }),
  );
}

const NUMBERS: ReadonlySet<string> = new Set(["area", "far", "n"]);

function spellMembers(row: Place, called: (column: string) => string, more: string): string {
  const members = COLUMNS.map((column) => {
    const value = row[column];
    const spelled =
      value === null || NUMBERS.has(column)
        ? value
        : JSON.stringify(column === "code" ? Buffer.from(value, "hex").toString("base64") : value);
    return `"${called(column)}":${spelled}`;
  });
  return `{"id":${row.id},${members.join(",")}${more}}`;
}

function spellPlace(row: Place): string {
  return spellMembers(row, (column) => column, "");
}

function spellOwn(row: Place): string {
  const called = (column: string): string => ({ name: "title", seen: "seen_at" })[column] ?? column;
  return spellMembers(row, called, `,"label":${JSON.stringify(labelOf(row.name))}`);
}

function labelOf(title: string): string {
  return title.trim().toLowerCase();
}

function etagOf(body: string): string {
  return `"${createHash("sha1").update(body).digest("base64url")}"`;
}
