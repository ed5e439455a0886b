/** What is known of places: one row each, written anew when it changes. */
import type { Database } from "better-sqlite3";
import type { KeptPlace } from "../../../proxy/evidence/places.ts";
import type { Retention } from "../retention.ts";

/** Every call is made inside a transaction. */
export function preparePlaces(
  db: Database,
  { keepMs, keepPlaces }: Retention,
): { keep(places: readonly KeptPlace[], now: number): void } {
  const put = db.prepare(
    `INSERT INTO noise_place (route, method, path, at, last_ms, known) VALUES (?, ?, ?, ?, ?, ?)
     ON CONFLICT (route, method, path, at) DO UPDATE SET last_ms = excluded.last_ms, known = excluded.known`,
  );
  const dropOld = db.prepare("DELETE FROM noise_place WHERE last_ms < ?");
  const dropMost = db.prepare(
    `DELETE FROM noise_place WHERE (route, method, path, at) IN (
       SELECT route, method, path, at FROM noise_place ORDER BY last_ms DESC LIMIT -1 OFFSET ?)`,
  );
  return {
    keep(places, now) {
      for (const { route, method, path, at, ...known } of places) {
        put.run(route, method, path, at, known.lastSeen, JSON.stringify(known));
      }
      dropOld.run(now - keepMs);
      dropMost.run(keepPlaces);
    },
  };
}

export function places(db: Database): readonly KeptPlace[] {
  return db
    .prepare<[], { route: string; method: string; path: string; at: string; known: string }>(
      "SELECT route, method, path, at, known FROM noise_place ORDER BY last_ms DESC",
    )
    .all()
    .map(({ known, ...address }) => ({ ...address, ...(JSON.parse(known) as Omit<KeptPlace, keyof typeof address>) }));
}
