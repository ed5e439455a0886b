/** A backfill's side of the talk with the proxy that mirrors the writes of its rows (docs/rows.md, "Beside live writes"). */
import {
  COMMIT_WITHIN_MS,
  type Confirmed,
  FREEZE_MS,
  type FreezeAnswer,
  type FreezeOrder,
  type Marked,
  type OpenedBackfill,
} from "../rows/backfill-window.ts";
import type { CollectionSettings } from "../config/collection-settings.ts";
import type { LiveParts } from "../migrate/backfill.ts";
import type { LiveWrites } from "../migrate/live-chunk.ts";
import type { Row } from "../rows/rows.ts";
import type { Api } from "./api.ts";
import { SECOND } from "../config/units.ts";
import type { NamedCollection, OpenCollection } from "./collection.ts";
import { EXIT, Exit } from "./exit.ts";

export interface LiveBackfill extends LiveParts {
  end(how: "done" | "stopped"): Promise<void>;
}

/** What an API was sent while a freeze was confirmed has to be there before that freeze ends by itself. */
const LANDS_WITHIN_MS = FREEZE_MS - COMMIT_WITHIN_MS;
/** A window that is longer has more rows fall out of it: then it is opened anew. */
const CATCH_UP_WITHIN_MS = 5 * SECOND;
const RESTARTED = "the proxy was restarted";

/** @throws Exit: nothing answers, or it says why the rows cannot be brought over beside live writes */
export async function openLiveBackfill(
  api: Api,
  { collection, next }: Pick<NamedCollection, "collection" | "next">,
  { source, target }: OpenCollection,
  waits: (why: string | null) => void,
): Promise<LiveBackfill> {
  const idColumn = await idColumnOf(collection, source);
  if (target.upsertConfirmed === undefined) {
    throw refused(collection, `${target.name} cannot hold back a commit until the proxy has confirmed it`);
  }
  const { maxWorkMs } = next.asShadow;
  if (target.singly === true && maxWorkMs > LANDS_WITHIN_MS) {
    throw refused(
      collection,
      `a row that ${target.name} was sent is there up to ${maxWorkMs / SECOND} s later (services.${next.name}.asShadow.maxWork), ` +
        `and live writes wait for ${LANDS_WITHIN_MS / SECOND} s where the job is killed; write maxWork: ${LANDS_WITHIN_MS / SECOND}s if it takes no longer`,
    );
  }
  const isReplica = (await source.lags?.()) === true;
  if (isReplica && source.catchUp === undefined) {
    throw refused(
      collection,
      `${source.name} is a replica: it may lack what legacy has told its clients of; name the primary` +
        (collection.source.database.kind === "postgres" ? ", or write it beside the replica as primary: URL" : ""),
    );
  }
  // What is not the primary's replica is told before a session is opened.
  if (isReplica) await source.catchUp?.(0);
  const session = new Session(api, collection.name);
  await session.open();
  const upsertConfirmed = target.upsertConfirmed.bind(target);
  return {
    writes: session,
    idOf: (row) => idOf(row, idColumn),
    async behind() {
      if (!isReplica || (await source.catchUp?.(CATCH_UP_WITHIN_MS)) === true) return null;
      return `${source.name} is a replica, and has not applied yet what its primary had ${CATCH_UP_WITHIN_MS / SECOND} s ago`;
    },
    upsertConfirmed,
    waits,
    end: (how) => session.end(how),
  };
}

async function idColumnOf(
  { entityId, source: place, ...collection }: CollectionSettings,
  source: OpenCollection["source"],
) {
  const [only] = place.key;
  const column = entityId ?? (place.key.length === 1 ? only : undefined);
  const { columns } = await source.describe();
  if (column === undefined) {
    throw refused(
      collection,
      `its key has ${place.key.length} columns; write entityId: the one that the route's keys hold`,
    );
  }
  if (columns.some(({ name }) => name === column)) return column;
  const names = columns.map(({ name }) => name).join(", ");
  throw refused(collection, `entityId is ${column}, and ${source.name} has no such column; it has ${names}`);
}

function idOf(row: Row, column: string): string {
  const value = row[column];
  if (value === undefined || value === null || typeof value === "object") {
    throw new TypeError(`entityId ${column} of a row is no text and no number, so that nothing tells its writes`);
  }
  return String(value);
}

function refused({ name }: Pick<CollectionSettings, "name">, why: string): Exit {
  return new Exit(EXIT.no, `${name} cannot be brought over beside live writes: ${why}`);
}

/** Of a proxy that was restarted nothing is known any more: what was read is read again, in a session of its own. */
class Session implements LiveWrites {
  readonly #api: Api;
  readonly #collection: string;
  #id = "";
  /** What was opened has gone. */
  #isLost = false;

  constructor(api: Api, collection: string) {
    this.#api = api;
    this.#collection = collection;
  }

  async open(): Promise<void> {
    const opened = await this.#api.post<OpenedBackfill>("/api/v1/backfills", { collection: this.#collection });
    if (opened === null) {
      throw new Exit(
        EXIT.no,
        `the proxy at ${this.#api.url} knows no collection ${this.#collection}, or is older than this; give it this configuration`,
      );
    }
    this.#id = opened.id;
    this.#isLost = false;
  }

  async window(): Promise<number> {
    const marked = this.#isLost ? null : await this.#ask<Marked>("window", {});
    if (marked !== null) return marked.at;
    await this.open();
    const again = await this.#ask<Marked>("window", {});
    if (again === null) throw new Exit(EXIT.failed, `${this.#api.url}: ${RESTARTED} again and again`);
    return again.at;
  }

  async mark(): Promise<number> {
    const marked = await this.#ask<Marked>("mark", {});
    this.#isLost ||= marked === null;
    return marked?.at ?? 0;
  }

  async freeze(order: FreezeOrder): ReturnType<LiveWrites["freeze"]> {
    const answer = this.#isLost ? null : await this.#ask<FreezeAnswer>("freeze", order);
    this.#isLost ||= answer === null;
    if (answer?.end === "over") throw new Exit(EXIT.no, `${this.#collection}: ${answer.why}`);
    return answer ?? { end: "later", why: RESTARTED };
  }

  async confirm(freeze: number): Promise<boolean> {
    const confirmed = await this.#ask<Confirmed>("confirm", { freeze });
    this.#isLost ||= confirmed === null;
    return confirmed?.holds === true;
  }

  async thaw(freeze: number): Promise<void> {
    this.#isLost ||= (await this.#ask("thaw", { freeze })) === null;
  }

  async leaveToRepair(ids: readonly string[]): Promise<void> {
    if (!this.#isLost && (await this.#ask("repairs", { ids })) !== null) return;
    await this.open();
    await this.#ask("repairs", { ids });
  }

  async end(how: "done" | "stopped"): Promise<void> {
    // Whatever it answers, nothing of ours is left there that does not end by itself.
    await this.#ask("end", { how }).catch(() => null);
  }

  #ask<T>(what: string, order: unknown): Promise<T | null> {
    return this.#api.post<T>(`/api/v1/backfills/${this.#id}/${what}`, order);
  }
}
