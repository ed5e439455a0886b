/** One API, implemented for each scheme of ids: users, their orders, a login that hands out a token and a session. */
import type { Answer, SeenRequest } from "./service.ts";

export interface User {
  readonly id: string | number;
  name: string;
  managerId: string | number | null;
}

export interface Order {
  readonly id: string | number;
  readonly userId: string | number;
  note: string;
}

export interface IdApi {
  readonly answer: Answer;
  /** Does it, and answers nobody. */
  take(seen: SeenRequest): void;
  readonly users: Map<string, User>;
  readonly orders: Map<string, Order>;
  /** Whose token or session each note was written under. */
  readonly notes: { readonly by: string; readonly text: string }[];
  /** `METHOD target` of what was answered 401 or 404. */
  readonly refused: string[];
}

export interface IdScheme {
  /** The next id. */
  readonly makeId: () => string | number;
  /** A token or session id for this login. */
  readonly makeSecret: (name: string) => string;
}

/** Database ids. */
export function countedFrom(first: number): () => number {
  let last = first - 1;
  return () => ++last;
}

/** As a service with ids of its own makes them; the same in every run. */
export function wordIds(prefix: string): () => string {
  let last = 0;
  return () => `${prefix}-${(++last * 7919).toString(36)}-${(last * 104729).toString(36)}`;
}

export function createIdApi({ makeId, makeSecret }: IdScheme): IdApi {
  const users = new Map<string, User>();
  const orders = new Map<string, Order>();
  const notes: IdApi["notes"] = [];
  const refused: string[] = [];
  const secrets = new Map<string, string>();

  const answer: Answer = (seen, response) => {
    const { status, body, headers = {} } = act(seen);
    if (status === 401 || status === 404) refused.push(`${seen.method} ${seen.target}`);
    response.writeHead(status, { "content-type": "application/json", ...headers });
    response.end(JSON.stringify(body));
  };

  function act(seen: SeenRequest): { status: number; body: unknown; headers?: Record<string, string> } {
    const [path = ""] = seen.target.split("?");
    const [collection = "", id = "", sub = ""] = path.split("/").slice(1).map(decodeURIComponent);
    const missing = { status: 404, body: { error: "no such entity" } };
    const sent = bodyOf(seen);
    if (collection === "login") {
      const secret = makeSecret(String(sent["name"]));
      secrets.set(secret, String(sent["name"]));
      return { status: 200, body: { token: secret }, headers: { "set-cookie": `sid=${secret}; Path=/; HttpOnly` } };
    }
    if (collection === "notes") {
      const bearer = /^Bearer (.*)$/.exec(seen.header("authorization") ?? "")?.[1];
      const session = /(?:^|; )sid=([^;]*)/.exec(seen.header("cookie") ?? "")?.[1];
      const by = secrets.get(bearer ?? session ?? "");
      if (by === undefined) return { status: 401, body: { error: "who are you?" } };
      notes.push({ by, text: String(sent["text"]) });
      return { status: 201, body: { text: sent["text"] } };
    }
    if (collection === "users" && sub === "orders") {
      if (!users.has(id)) return missing;
      const order: Order = { id: makeId(), userId: users.get(id)?.id ?? "", note: String(sent["note"]) };
      orders.set(String(order.id), order);
      return { status: 201, body: order, headers: { location: `/users/${id}/orders/${order.id}` } };
    }
    if (collection === "users" && seen.method === "POST") {
      const managerId = sent["managerId"] ?? null;
      if (managerId !== null && !users.has(String(managerId))) return missing;
      const user: User = { id: makeId(), name: String(sent["name"]), managerId: managerId as User["managerId"] };
      users.set(String(user.id), user);
      return { status: 201, body: user, headers: { location: `/users/${user.id}` } };
    }
    if (collection === "users") {
      const user = users.get(id);
      if (user === undefined) return missing;
      if (seen.method === "DELETE") users.delete(id);
      else if (seen.method !== "GET") Object.assign(user, sent);
      return { status: 200, body: user };
    }
    const order = orders.get(id);
    if (collection !== "orders" || order === undefined) return missing;
    if (sent["userId"] !== undefined && !users.has(String(sent["userId"]))) return missing;
    Object.assign(order, sent);
    return { status: 200, body: { id: order.id, note: order.note } };
  }

  return { answer, take: (seen) => void act(seen), users, orders, notes, refused };
}

function bodyOf({ body, header }: SeenRequest): Record<string, unknown> {
  if (body.length === 0) return {};
  const text = body.toString();
  if (header("content-type")?.startsWith("application/x-www-form-urlencoded") === true)
    return Object.fromEntries(new URLSearchParams(text));
  return JSON.parse(text) as Record<string, unknown>;
}

/** `values` for it. */
export const ID_API_ROUTES = `routes:
  - name: login
    match: { path: /login }
    values:
      learn: [{ at: "answer:/token", kind: session, keep: 1d }, { at: "cookie:sid", kind: session, keep: 1d }]
  - name: notes
    match: { path: /notes }
    values:
      apply: [{ at: "header:authorization", kind: session }, { at: "cookie:sid", kind: session }]
  - name: user-orders
    match: { path: "/users/:user/orders" }
    entity: orders
    key: ["answer:/id"]
    values:
      learn:
        - { at: "answer:/id", kind: order }
        - { at: "answer-header:location", kind: order }
      apply:
        - { at: "path:user", kind: user }
        - { at: "answer:/userId", kind: user }
        - { at: "answer-header:location", kind: user, segment: 2 }
  - name: users
    match: { path: "/users/:id?" }
    mirror: { reads: 100% }
    values:
      learn: [{ at: "answer:/id", kind: user }, { at: "answer-header:location", kind: user }]
      apply: [{ at: "path:id", kind: user }, { at: "query:as", kind: user }, { at: "body:/managerId", kind: user }]
  - name: orders
    match: { path: "/orders/:id" }
    values:
      apply: [{ at: "path:id", kind: order }, { at: "body:/userId", kind: user }, { at: "answer:/id", kind: order }]
`;
