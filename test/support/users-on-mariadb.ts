/** A service whose users are rows of a MariaDB table, so that requests and a backfill write the same ones. */
import { createPool, type Pool, type ResultSetHeader, type RowDataPacket } from "mysql2/promise";
import { type Answer, json, type SeenRequest } from "./service.ts";

export const MARIADB_USERS_SQL =
  "CREATE TABLE users (id bigint AUTO_INCREMENT PRIMARY KEY, name varchar(100) NOT NULL, n integer NOT NULL DEFAULT 0)";

type Answered = readonly [status: number, body: unknown];

/** As `usersOnPostgres`: PUT and PATCH of a row that is not there are 404; POST /users takes the id of its body, or numbers the row itself. */
export function usersOnMariadb(url: string): { readonly answer: Answer; close(): Promise<void> } {
  const pool = createPool({ uri: url, connectionLimit: 8, supportBigNumbers: true, bigNumberStrings: true });
  return {
    answer(seen, response) {
      void handle(pool, seen)
        .then(([status, body]) => json(status, body)(seen, response))
        .catch((error: unknown) => json(500, { error: String(error) })(seen, response));
    },
    close: () => pool.end(),
  };
}

async function handle(pool: Pool, { method, target, body }: SeenRequest): Promise<Answered> {
  const given = (body.length === 0 ? {} : JSON.parse(body.toString())) as Record<string, unknown>;
  const [, collection = "", id = ""] = target.split("/");
  const change = async (sql: string, values: readonly unknown[]): Promise<number> =>
    (await pool.query<ResultSetHeader>(sql, [...values]))[0].affectedRows;
  const shown = async (of: unknown, status = 200): Promise<Answered> => {
    const [[row]] = await pool.query<RowDataPacket[]>("SELECT id, name, n FROM users WHERE id = ?", [of]);
    return row === undefined ? [404, { error: "no such user" }] : [status, { ...row, id: String(row["id"]) }];
  };
  const changed = async (sql: string, values: readonly unknown[]): Promise<Answered> =>
    (await change(sql, values)) === 0 ? [404, { error: "no such user" }] : await shown(id);
  switch (`${method} ${collection}`) {
    case "POST users": {
      const sql = "INSERT INTO users (id, name, n) VALUES (?, ?, ?)";
      const [{ insertId }] = await pool.query<ResultSetHeader>(sql, [
        given["id"] ?? null,
        given["name"],
        given["n"] ?? 0,
      ]);
      return await shown(given["id"] ?? insertId, 201);
    }
    case "PUT users":
      // A client's has the name alone, a repair's is the whole entity.
      return given["id"] === undefined
        ? await changed("UPDATE users SET name = ? WHERE id = ?", [given["name"], id])
        : await changed("UPDATE users SET name = ?, n = ? WHERE id = ?", [given["name"], given["n"], id]);
    case "PATCH users":
      return await changed("UPDATE users SET n = n + 1 WHERE id = ?", [id]);
    case "DELETE users":
      return (await change("DELETE FROM users WHERE id = ?", [id])) === 0 ? [404, {}] : [200, { id }];
    case "GET users":
      return await shown(id);
    case "POST transfers":
      await change("UPDATE users SET n = n + 1 WHERE id IN (?)", [[given["from"], given["to"]]]);
      return [200, { done: true }];
    case "POST raise":
      await change("UPDATE users SET n = n + 1 WHERE id % 100 = ?", [given["of"]]);
      return [200, { done: true }];
    default:
      return [404, {}];
  }
}
