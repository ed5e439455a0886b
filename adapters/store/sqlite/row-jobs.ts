/** How jobs over rows ended: the last of each, written anew. */
import type { Database } from "better-sqlite3";
import type { RowJobEnd } from "../../../proxy/rows/row-jobs.ts";
import { rowJobName } from "../rows.ts";

/** Every call is made inside a transaction. */
export function prepareRowJobs(db: Database): (end: RowJobEnd) => void {
  const put = db.prepare("INSERT OR REPLACE INTO row_job (name, ended) VALUES (?, ?)");
  return (end) => put.run(rowJobName(end), JSON.stringify(end));
}

export function rowJobs(db: Database): readonly RowJobEnd[] {
  const rows = db.prepare<[], string>("SELECT ended FROM row_job ORDER BY name").pluck().all();
  return rows.map((ended) => JSON.parse(ended) as RowJobEnd);
}
