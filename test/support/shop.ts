/** A shop as legacy and its rewrite have it, with what rewrites get wrong, and clients that use it: for those who look at evidence. */
import type { Answer, SeenRequest } from "./service.ts";
import { type Bench, type BenchOptions, type Cleanup, startBench } from "./crossfade.ts";

const ROUTES = `
routes:
  - name: users
    match: { path: "/users/**" }
    compare:
      mustMatch: [/balance]
      ignore: [{ at: /updatedAt, because: each service has a clock of its own }]
    redact: ["body:/phone"]
  - name: orders
    match: { path: "/orders/**" }
    mirror: { reads: 100% }
  - name: carts
    match: { path: "/carts/**" }
  - name: reports
    match: { path: "/reports/**" }
    phase: legacy-only
collections:
  - name: orders
    route: orders
    source: { sqlite: ./legacy.db, table: orders, key: id }
    target: { sqlite: ./next.db, table: orders, key: id }
`;

export interface Shop extends Bench {
  /** So many rounds of clients' requests, and every copy settled. */
  traffic(rounds: number): Promise<void>;
  /** What next answers with from now on to carts: as it should, or not at all. */
  breakCarts(broken: boolean): void;
}

/** `with` is added to what a bench takes. */
export async function openShop(t: Cleanup, options: BenchOptions = {}): Promise<Shop> {
  let broken = false;
  const carts: Answer = (seen, response) => {
    if (broken) response.destroy();
    else answerOf("next")(seen, response);
  };
  const bench = await startBench(t, {
    routes: ROUTES,
    store: "sqlite",
    nextService: 'effects: suppressed\nbuild: "header:x-build"\nasShadow: { timeout: 2s }',
    ...options,
    legacy: answerOf("legacy"),
    next: (seen, response) => (seen.target.startsWith("/carts/") ? carts : answerOf("next"))(seen, response),
  });
  let made = 0;
  let eligible = 0;
  return {
    ...bench,
    breakCarts: (now) => void (broken = now),
    async traffic(rounds) {
      for (let round = 0; round < rounds; round += 1) {
        made += 1;
        const user = {
          name: "Zoë Ångström",
          email: `u${made}@example.com`,
          phone: "+44 20 7946 0958",
          password: "hunter2",
        };
        await bench.send("PUT", `/users/${made}`, user, { authorization: "Bearer sk-live-51Hx0Qw9" });
        await bench.send("POST", "/orders", { items: [{ sku: "a-1", count: 2 }], userId: made });
        await bench.send("GET", `/orders/${made}?expand=items`);
        await bench.send("PATCH", `/carts/${made}`, { add: "a-1" });
        await bench.send("DELETE", `/carts/${made}`);
        await bench.send("GET", "/reports/today");
        eligible += 5;
      }
      await bench.settled(eligible);
    },
  };
}

type Side = "legacy" | "next";

function answerOf(side: Side): Answer {
  return (seen, response) => {
    const { status, body } = bodyOf(side, seen);
    const headers = side === "next" ? { "x-build": "9f3c" } : {};
    response.writeHead(status, { "content-type": "application/json", ...headers });
    response.end(status === 204 ? undefined : body);
  };
}

function bodyOf(side: Side, seen: SeenRequest): { readonly status: number; readonly body: string } {
  const [, collection = "", id = "0"] = (seen.target.split("?", 1)[0] as string).split("/");
  const isNext = side === "next";
  const n = Number(id);
  switch (collection) {
    case "users": {
      // A repair reads what it is about.
      const given = JSON.parse(seen.body.length === 0 ? "{}" : seen.body.toString()) as Record<string, unknown>;
      const { name, phone, ...rest } = given;
      // A rewrite that reads numbers into doubles, and another that pads.
      const balance = isNext && n % 4 === 0 ? "9007199254740992" : "9007199254740993";
      const shown = JSON.stringify({
        id: n,
        name: isNext && n % 5 === 0 ? `${String(name)} ` : name,
        phone: isNext && n % 7 === 0 ? "0044 20 7946 0958" : phone,
        ...rest,
      });
      const clock = isNext ? "2026-11-27T12:00:01Z" : "2026-11-27T12:00:00Z";
      return { status: 200, body: `${shown.slice(0, -1)},"balance":${balance},"updatedAt":"${clock}"}` };
    }
    case "orders": {
      if (seen.method === "POST") return { status: 201, body: '{"id":7,"total":"12.50","currency":"GBP"}' };
      const items = [
        { sku: "a-1", count: 2 },
        { sku: "b-2", count: 1 },
      ];
      const total = isNext && n % 3 === 0 ? 12.5 : "12.50";
      return { status: 200, body: JSON.stringify({ id: n, items: isNext ? items.toReversed() : items, total }) };
    }
    case "carts":
      if (seen.method === "DELETE")
        return { status: isNext && n % 2 === 0 ? 404 : 204, body: '{"error":"no such cart"}' };
      return { status: 200, body: JSON.stringify({ id: n, lines: ["a-1"] }) };
    default:
      return { status: 200, body: "{}" };
  }
}
