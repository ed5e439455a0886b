/** A service with state: a collection at `/users` that a test looks into, breaks and holds. */
import { json, type Answer, type SeenRequest } from "./service.ts";

export interface Stateful {
  readonly answer: Answer;
  /** By id: the JSON text of each user, as it was sent. */
  readonly users: Map<string, string>;
  /** PUT to an id that there is not: created, or refused with this status. */
  putCreates: boolean | number;
  /** Asked first; what it returns true for is answered by it alone. */
  before: (seen: SeenRequest, response: Parameters<Answer>[1]) => boolean;
}

/** Bodies are kept byte for byte; POST takes the id of the body, or makes one. */
export function stateful(users: Readonly<Record<string, unknown>> = {}): Stateful {
  let made = 100;
  const state: Stateful = {
    users: new Map(Object.entries(users).map(([id, user]) => [id, JSON.stringify(user)])),
    putCreates: true,
    before: () => false,
    answer(seen, response) {
      if (!state.before(seen, response)) handle(seen, response);
    },
  };

  function handle(seen: SeenRequest, response: Parameters<Answer>[1]): void {
    const [, id = "", part] = /^\/users(?:\/([^/?]+))?(\/[^?]*)?/.exec(seen.target) ?? [];
    const known = state.users.get(id);
    const say = (status: number, body: string): void => json(status, body)(seen, response);
    if (id === "") {
      if (seen.method !== "POST") return say(405, "{}");
      const given = JSON.parse(seen.body.toString()) as { id?: unknown };
      const newId = String(given.id ?? ++made);
      if (state.users.has(newId)) return say(409, '{"error":"exists"}');
      state.users.set(newId, JSON.stringify({ ...given, id: given.id ?? newId }));
      return say(201, state.users.get(newId) as string);
    }
    switch (seen.method) {
      case "GET":
        return known === undefined ? say(404, '{"error":"no such user"}') : say(200, known);
      case "PUT":
        if (known === undefined && state.putCreates !== true) return say(Number(state.putCreates), "{}");
        state.users.set(id, seen.body.toString());
        return say(200, seen.body.toString());
      case "PATCH":
      case "POST": {
        if (known === undefined) return say(404, "{}");
        const user = JSON.parse(known) as { n?: number };
        state.users.set(id, JSON.stringify({ ...user, n: (user.n ?? 0) + 1, ...(part === undefined ? {} : { part }) }));
        return say(200, state.users.get(id) as string);
      }
      case "DELETE":
        state.users.delete(id);
        response.writeHead(known === undefined ? 404 : 204);
        response.end();
        return;
      default:
        return say(405, "{}");
    }
  }
  return state;
}
