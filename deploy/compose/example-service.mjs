/**
 * Stands in for your two services in compose.yaml: documents in memory under /items. `FLAVOUR=next` answers as a rewrite
 * would that has one thing wrong: it rounds prices.
 */
import { createServer } from "node:http";

const isNext = process.env["FLAVOUR"] === "next";
/** @type {Map<string, Record<string, unknown>>} */
const items = new Map();

const server = createServer((request, response) => {
  /** @type {Buffer[]} */
  const chunks = [];
  request.on("data", (/** @type {Buffer} */ chunk) => chunks.push(chunk));
  request.on("end", () => {
    const [, id = ""] = /^\/items\/(\w+)$/.exec(request.url ?? "") ?? [];
    const found = items.get(id);
    if (request.url === "/healthz") return answer(200, { ok: true });
    if (id === "") return answer(404, { error: "only /items/ID is here" });
    if (request.method === "PUT") {
      const body = readObject(Buffer.concat(chunks).toString());
      if (body === null) return answer(400, { error: "the body is no JSON object" });
      items.set(id, { ...body, id });
      return answer(found === undefined ? 201 : 200, shown({ ...body, id }));
    }
    if (found === undefined) return answer(404, { error: `there is no item ${id}` });
    if (request.method === "DELETE") items.delete(id);
    return answer(200, shown(found));
  });

  /** @param {number} status @param {unknown} body */
  function answer(status, body) {
    response.writeHead(status, { "content-type": "application/json" });
    response.end(JSON.stringify(body));
  }
});

/** @param {Record<string, unknown>} item */
function shown(item) {
  const price = item["price"];
  return isNext && typeof price === "number" ? { ...item, price: Math.round(price) } : item;
}

/** @param {string} text @returns {Record<string, unknown> | null} */
function readObject(text) {
  try {
    const value = /** @type {unknown} */ (JSON.parse(text));
    return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : null;
  } catch {
    return null;
  }
}

server.listen(Number(process.env["PORT"] ?? 3000), process.env["HOST"] ?? "0.0.0.0");
process.on("SIGTERM", () => {
  server.close();
  server.closeIdleConnections();
});
