/**
 * Rows behind an API: its list is the table, and each row has an address. There are no transactions and no locks; a row that
 * comes with a strong ETag is written only while it is the one that was read.
 */
import type { HttpRows } from "../../../proxy/config/collection-settings.ts";
import { CrossfadeError } from "../../../proxy/errors.ts";
import { JsonObject } from "../../../proxy/json/value.ts";
import {
  type ColumnKind,
  type CommitGuard,
  lastOfEachKey,
  type Row,
  type RowColumn,
  type RowKey,
  type RowTarget,
  spellKey,
  type TableShape,
  type Written,
} from "../../../proxy/rows/rows.ts";
import { answerReader } from "./answers.ts";
import { AT_ONCE, NotAllowed, pathOf, type RowAnswer, type RowClient, type RowRequest } from "./client.ts";
import { rowList, spellPart } from "./list.ts";
import { kindOf, spellObject, withMembers } from "./values.ts";

export interface HttpTable {
  readonly name: string;
  readonly place: HttpRows;
  readonly key: readonly string[];
  readonly version: string | null;
  readonly readOnly: boolean;
}

/** What stands at a row's address. */
interface Standing {
  readonly row: Row;
  readonly object: JsonObject;
  /** Strong ones alone. */
  readonly etag: string | null;
}

/** What became of one row. `moved`: it is another one than was read. */
type RowEnd = "written" | "kept" | "moved";

/** Other writers of the same row come between so often, and no oftener. */
const MOST_MOVES = 5;
const EMPTY = new JsonObject([], []);

/** `client` is closed with the table. */
export function httpTable({ name, place, key, version, readOnly }: HttpTable, client: RowClient): RowTarget {
  const url = new URL(place.url);
  const leaveOut = new Set(place.leaveOut);
  let shape: TableShape | null = null;

  const unusable = (why: string): CrossfadeError =>
    new CrossfadeError("rows-unusable", `${name}: ${why}`, { source: "config" });
  const refused = (why: string): CrossfadeError =>
    new CrossfadeError("rows-refused", `${name}: ${why}`, { source: "upstream" });
  const reader = answerReader({ place, key, unusable });
  const list = rowList({
    place,
    reader,
    unusable,
    what: `GET ${url.pathname}`,
    async get(target) {
      const answer = await client.ask({ method: "GET", target });
      if (answer.status === 404 || answer.status === 410) {
        throw unusable(`there is no table: GET ${pathOf(target)} answered ${answer.status}`);
      }
      return ok(answer, { method: "GET", target });
    },
  });

  function ok(answer: RowAnswer, { method, target }: RowRequest): RowAnswer {
    const { status } = answer;
    if (status >= 200 && status < 300) return answer;
    const said = `${method} ${pathOf(target)} answered ${status}`;
    if (status === 401 || status === 403) throw unusable(`${said}; write headers: { authorization: … }`);
    if (status >= 300 && status < 400) throw unusable(`${said}, and redirects are not followed; write where it is now`);
    if (status === 405 || status === 501)
      throw unusable(`${said}: it is not written in this way (create: PUT or POST)`);
    if (method === "GET") throw unusable(said);
    throw status >= 500
      ? new CrossfadeError("rows-unavailable", `${name}: ${said}`, { source: "upstream", retryable: true })
      : refused(said);
  }

  function addressOf(of: RowKey): string {
    return place.item
      .split("/")
      .map((part) => {
        if (!part.startsWith(":")) return part;
        const text = spellPart(of[key.indexOf(part.slice(1))] ?? null);
        if (text !== "" && text !== "." && text !== "..") return encodeURIComponent(text);
        throw refused(`no path can name the key ${JSON.stringify(text)}`);
      })
      .join("/");
  }

  /** null: there is none. */
  async function standing(of: RowKey): Promise<Standing | null> {
    const wanted: RowRequest = { method: "GET", target: addressOf(of) };
    const answer = await client.ask(wanted);
    if (answer.status === 404 || answer.status === 410) return null;
    ok(answer, wanted);
    const object = reader.json(answer, `GET ${wanted.target}`);
    if (!(object instanceof JsonObject)) throw unusable(`GET ${wanted.target} answered no object`);
    const row = reader.row(object);
    const found = spellKey(reader.key(row));
    // Another spelling of the key is another row.
    if (found !== spellKey(of)) throw refused(`GET ${wanted.target} answered the row ${found}`);
    const etag = answer.header("etag");
    return { row, object, etag: etag !== null && etag.startsWith('"') ? etag : null };
  }

  async function put(row: Row, there: Standing | null, allowed?: RowRequest["allowed"]): Promise<RowEnd> {
    const of = reader.key(row);
    const body = bodyOf(row, there);
    // It is there already as it should be: nothing that hangs on a write is set off.
    if (there !== null && body === spellObject(withMembers(there.object, {}, place.kinds, leaveOut))) return "written";
    const isPosted = there === null && place.create === "POST";
    const condition = there === null ? { "if-none-match": "*" } : there.etag === null ? {} : { "if-match": there.etag };
    const sent = { body, ...(allowed === undefined ? {} : { allowed }) };
    const wanted: RowRequest = isPosted
      ? { method: "POST", target: `${url.pathname}${url.search}`, ...sent }
      : { method: "PUT", target: addressOf(of), ...sent, headers: condition };
    const answer = await client.ask(wanted);
    if (answer.status === 412) return "moved";
    if (there === null && !isPosted && (answer.status === 404 || answer.status === 410)) {
      throw refused(`PUT ${wanted.target} answered ${answer.status}: it makes no row there; write create: POST`);
    }
    ok(answer, wanted);
    if (isPosted && (await standing(of)) === null) {
      throw refused(`POST ${url.pathname} made no row ${spellKey(of)}: it gives rows keys of its own`);
    }
    return "written";
  }

  function bodyOf(row: Row, there: Standing | null): string {
    try {
      return spellObject(withMembers(there?.object ?? EMPTY, row, place.kinds, leaveOut));
    } catch (thrown) {
      throw refused((thrown as Error).message);
    }
  }

  async function upsertOne(row: Row, allowed?: RowRequest["allowed"]): Promise<RowEnd> {
    for (let moves = 0; moves < MOST_MOVES; moves += 1) {
      const there = await standing(reader.key(row));
      if (there !== null && version !== null && Object.hasOwn(row, version) && !isNewer(row, there.row)) return "kept";
      const end = await put(row, there, allowed);
      if (end !== "moved") return end;
    }
    throw busy(spellKey(reader.key(row)));
  }

  function isNewer(row: Row, there: Row): boolean {
    const [mine, theirs] = [row, there].map((each) => (version === null ? null : (each[version] ?? null)));
    if (theirs === null || theirs === undefined) return true;
    if (mine === null) return false;
    if (typeof mine === "bigint" && typeof theirs === "bigint") return mine > theirs;
    throw unusable(`its version ${version} has to be a whole number`);
  }

  function busy(of: string): CrossfadeError {
    const why = `row ${of} is written by others again and again`;
    return new CrossfadeError("rows-unavailable", `${name}: ${why}`, { source: "upstream", retryable: true });
  }

  const changed = (of: string): CrossfadeError => refused(`row ${of} was written by another meanwhile`);

  async function removeOne(of: RowKey, etag: string | null = null): Promise<"removed" | "absent" | "moved"> {
    const wanted: RowRequest = {
      method: "DELETE",
      target: addressOf(of),
      headers: etag === null ? {} : { "if-match": etag },
    };
    const answer = await client.ask(wanted);
    if (answer.status === 404 || answer.status === 410) return "absent";
    if (answer.status === 412) return "moved";
    ok(answer, wanted);
    return "removed";
  }

  function writable(): void {
    if (readOnly) throw refused("it was opened to be read alone");
  }

  async function describe(): Promise<TableShape> {
    if (shape !== null) return shape;
    const { rows, total } = await list.sample();
    const kinds = new Map<string, ColumnKind>(Object.entries(place.kinds));
    for (const row of rows) {
      for (const [column, value] of Object.entries(row)) {
        if (!kinds.has(column) || kinds.get(column) === "other") kinds.set(column, kindOf(value) ?? "other");
      }
    }
    for (const column of version === null ? key : [...key, version]) {
      if (kinds.has(column)) continue;
      if (rows.length > 0) throw unusable(`it has no column ${column}; it has ${[...kinds.keys()].join(", ")}`);
      kinds.set(column, "other");
    }
    const columns = [...kinds].map(([column, kind]): RowColumn => ({
      name: column,
      kind,
      declared: Object.hasOwn(place.kinds, column) ? kind : "",
      nullable: !key.includes(column),
      generated: false,
    }));
    return (shape = { columns, estimate: total, sampled: true });
  }

  return {
    name,
    key,
    singly: true,
    digests: null,
    describe,
    page: async (after, limit, upTo = null) => await list.page(after, limit, upTo),
    async byKeys(keys) {
      const there = await severalOf(keys, async (of) => await standing(of));
      return there.flatMap((each) => (each === null ? [] : [each.row]));
    },
    async upsert(rows): Promise<Written> {
      writable();
      return writtenOf(await severalOf(lastOfEachKey(rows, key), (row) => upsertOne(row)));
    },
    // Each row is a commit of its own: it is sent while what was confirmed holds, and is there before that ends.
    async upsertConfirmed(rows, guard): Promise<Written | null> {
      writable();
      const allowed = confirmedFor(guard);
      try {
        return writtenOf(await severalOf(lastOfEachKey(rows, key), (row) => upsertOne(row, allowed)));
      } catch (thrown) {
        if (thrown instanceof NotAllowed) return null;
        throw thrown;
      }
    },
    async revise(keys, decide): Promise<void> {
      writable();
      const read = await severalOf(keys, async (of) => await standing(of));
      const there = new Map(keys.map((of, i) => [spellKey(of), read[i] ?? null]));
      const { add, replace, remove } = decide(read.flatMap((each) => (each === null ? [] : [each.row])));
      await severalOf([...add, ...replace], async (row) => {
        const of = spellKey(reader.key(row));
        if ((await put(row, there.get(of) ?? null)) === "moved") throw changed(of);
      });
      await severalOf(remove, async (of) => {
        const spelled = spellKey(of);
        if ((await removeOne(of, there.get(spelled)?.etag ?? null)) === "moved") throw changed(spelled);
      });
    },
    async remove(keys) {
      writable();
      const ends = await severalOf(keys, async (of) => await removeOne(of));
      return ends.filter((end) => end === "removed").length;
    },
    // Whoever gives out numbers behind the API goes on as it does.
    settleCounters: async () => await Promise.resolve(),
    close: async () => await client.close(),
  };
}

function writtenOf(ends: readonly RowEnd[]): Written {
  const kept = ends.filter((end) => end === "kept").length;
  return { written: ends.length - kept, kept };
}

/** Whether a row may be sent now: what was confirmed is confirmed again once half of its time is over. */
function confirmedFor({ confirm, withinMs }: CommitGuard): () => Promise<boolean> {
  let askedAt = Number.NEGATIVE_INFINITY;
  let asking: Promise<boolean> | null = null;
  let isOver = false;
  const ask = async (): Promise<boolean> => {
    const now = performance.now();
    const isConfirmed = await confirm();
    if (isConfirmed) askedAt = now;
    else isOver = true;
    return isConfirmed;
  };
  return async () => {
    if (isOver) return false;
    if (performance.now() - askedAt > withinMs / 2) {
      asking ??= ask().finally(() => (asking = null));
      if (!(await asking)) return false;
    }
    return performance.now() - askedAt <= withinMs;
  };
}

/** A few at once. Where one fails no further one begins, and it is told once all that had begun have ended. */
async function severalOf<T, R>(all: readonly T[], work: (each: T) => Promise<R>): Promise<R[]> {
  const results = new Array<R>(all.length);
  const failures: unknown[] = [];
  let next = 0;
  const one = async (): Promise<void> => {
    while (next < all.length && failures.length === 0) {
      const i = next;
      next += 1;
      try {
        results[i] = await work(all[i] as T);
      } catch (thrown) {
        failures.push(thrown);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, all.length) }, one));
  if (failures.length > 0) throw failures[0];
  return results;
}
