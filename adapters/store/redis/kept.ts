/** What is kept of the store as a whole, in partition 0: what operators set and changed, places, and evidence of the gate. */
import type { AuditEntry } from "../../../proxy/evidence/audit.ts";
import type { KeptGateEvidence } from "../../../proxy/moves/gate-evidence.ts";
import type { Override } from "../../../proxy/moves/overrides.ts";
import type { KeptPlace } from "../../../proxy/evidence/places.ts";
import type { Page } from "../../../proxy/ports.ts";
import type { RowJobEnd } from "../../../proxy/rows/row-jobs.ts";
import { decodeCursor, pageLimit } from "../cursor.ts";
import { page } from "../page.ts";
import type { Reading } from "./reading.ts";

export async function overrides(reading: Reading): Promise<readonly Override[]> {
  const texts = await reading.ask(() => reading.call(0, "overrides", (client, key) => client.hvals(key)));
  return texts.map((text) => JSON.parse(text) as Override);
}

/** The newest first. */
export async function audit(
  reading: Reading,
  query: { readonly limit: number; readonly cursor?: string },
): Promise<Page<AuditEntry>> {
  const limit = pageLimit(query.limit);
  const before = query.cursor === undefined ? "+inf" : `(${decodeCursor("audit", query.cursor).number}`;
  const flat = await reading.ask(() =>
    reading.call(0, "audit", (client, key) =>
      client.zrevrangebyscore(key, before, "-inf", "WITHSCORES", "LIMIT", 0, limit + 1),
    ),
  );
  const rows: { readonly position: number; readonly text: string }[] = [];
  for (let i = 0; i < flat.length; i += 2) rows.push({ text: flat[i] ?? "", position: Number(flat[i + 1]) });
  return page(
    "audit",
    rows,
    limit,
    ({ position }) => [position],
    ({ text }) => JSON.parse(text) as AuditEntry,
  );
}

/** At most `keepPlaces` of them. */
export async function places(reading: Reading): Promise<readonly KeptPlace[]> {
  const texts = await reading.ask(() => reading.call(0, "places", (client, key) => client.hvals(key)));
  return texts.map((text) => JSON.parse(text) as KeptPlace).sort((a, b) => b.lastSeen - a.lastSeen);
}

export async function rowJobs(reading: Reading): Promise<readonly RowJobEnd[]> {
  const texts = await reading.ask(() => reading.call(0, "row-jobs", (client, key) => client.hvals(key)));
  return texts.map((text) => JSON.parse(text) as RowJobEnd);
}

/** Of one run's rows, or of all others'. */
export async function gateEvidence(
  reading: Reading,
  isAsked: (run: string) => boolean,
): Promise<readonly KeptGateEvidence[]> {
  const rows = await reading.ask(() => reading.call(0, "gate-evidence", (client, key) => client.hgetall(key)));
  return Object.entries(rows).flatMap(([name, text]) => {
    const [, run] = JSON.parse(name) as [route: string, run: string];
    return isAsked(run) ? [JSON.parse(text) as KeptGateEvidence] : [];
  });
}
