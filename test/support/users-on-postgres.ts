/** A service whose users are rows of a PostgreSQL table, so that requests and a backfill write the same ones. */
import pg from "pg";
import { type Answer, json, type SeenRequest } from "./service.ts";

export const USERS_SQL =
  "CREATE TABLE users (id bigserial PRIMARY KEY, name text NOT NULL, n integer NOT NULL DEFAULT 0, photo bytea, at timestamptz)";

/** The same with ids of its own, which are texts. */
export const OWN_IDS_SQL =
  "CREATE SEQUENCE own; CREATE TABLE users (id text PRIMARY KEY, name text NOT NULL, n integer NOT NULL DEFAULT 0, photo bytea, at timestamptz)";

const NEW_ID = { number: "coalesce($1::bigint, nextval('users_id_seq'))", own: "coalesce($1, 'k' || nextval('own'))" };

const SHOWN = "id, name, n, encode(photo, 'hex') AS photo, at::text AS at";

type Answered = readonly [status: number, body: unknown];

export interface UsersOnPostgres {
  readonly answer: Answer;
  /** Requests wait for it, once they have come: null lets them go on. */
  hold: ((seen: SeenRequest) => Promise<unknown> | null) | null;
  close(): Promise<void>;
}

/**
 * PUT and PATCH of a row that is not there are 404. PATCH adds one; so does POST /transfers to two rows, and POST /raise to
 * every hundredth. POST /users takes the id of its body, or numbers the row itself.
 */
export function usersOnPostgres(url: string, ids: keyof typeof NEW_ID = "number"): UsersOnPostgres {
  const pool = new pg.Pool({ connectionString: url, max: 8 });
  pool.on("error", () => "told by the query that meets it");
  const users: UsersOnPostgres = {
    hold: null,
    answer(seen, response) {
      void Promise.resolve(users.hold?.(seen))
        .then(() => handle(pool, seen, NEW_ID[ids]))
        .then(([status, body]) => json(status, body)(seen, response))
        .catch((error: unknown) => json(500, { error: String(error) })(seen, response));
    },
    close: () => pool.end(),
  };
  return users;
}

async function handle(pool: pg.Pool, { method, target, body }: SeenRequest, newId: string): Promise<Answered> {
  const given = (body.length === 0 ? {} : JSON.parse(body.toString())) as Record<string, unknown>;
  const [, collection = "", id] = target.split("/");
  const one = async (sql: string, values: readonly unknown[], found = 200): Promise<Answered> => {
    const { rows } = await pool.query<{ id: string }>(sql, [...values]);
    return rows[0] === undefined ? [404, { error: "no such user" }] : [found, rows[0]];
  };
  switch (`${method} ${collection}`) {
    case "POST users":
      return await one(
        `INSERT INTO users (id, name, n, photo, at) VALUES (${newId}, $2, coalesce($3, 0), decode($4, 'hex'), $5) RETURNING ${SHOWN}`,
        [given["id"], given["name"], given["n"], given["photo"], given["at"]],
        201,
      );
    case "PUT users":
      // A client's has the name alone, a repair's is the whole entity.
      if (given["id"] === undefined)
        return await one(`UPDATE users SET name = $2 WHERE id = $1 RETURNING ${SHOWN}`, [id, given["name"]]);
      return await one(
        `UPDATE users SET name = $2, n = $3, photo = decode($4, 'hex'), at = $5 WHERE id = $1 RETURNING ${SHOWN}`,
        [id, given["name"], given["n"], given["photo"], given["at"]],
      );
    case "PATCH users":
      return await one(`UPDATE users SET n = n + 1 WHERE id = $1 RETURNING ${SHOWN}`, [id]);
    case "DELETE users":
      return await one("DELETE FROM users WHERE id = $1 RETURNING id", [id]);
    case "GET users":
      return await one(`SELECT ${SHOWN} FROM users WHERE id = $1`, [id]);
    case "POST transfers":
      await pool.query("UPDATE users SET n = n + 1 WHERE id = ANY ($1)", [[given["from"], given["to"]]]);
      return [200, { done: true }];
    case "POST raise":
      await pool.query("UPDATE users SET n = n + 1 WHERE id % 100 = $1", [given["of"]]);
      return [200, { done: true }];
    default:
      return [404, {}];
  }
}
