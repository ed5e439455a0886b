/**
 * A replica that is read beside live writes. What its primary has committed by some moment is in the log before a position that the
 * primary tells, and can be read here once this replica has applied its log up to there.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Client } from "pg";
import { CrossfadeError } from "../../../proxy/errors.ts";
import { asRowsError } from "./failures.ts";

interface Connected {
  readonly client: Client;
  /** Of people. */
  readonly name: string;
}

export interface FollowedPrimary {
  /** @throws CrossfadeError `rows-unusable` where this is no replica of that database */
  catchUp(withinMs: number): Promise<boolean>;
  close(): Promise<void>;
}

const LOOK_EVERY_MS = 20;
/** The header of a page of the log, the longer one. */
const PAGE_HEADER_BYTES = 40n;

export function followPrimary(replica: Connected, primary: Connected): FollowedPrimary {
  let known: Promise<void> | null = null;

  async function ask({ client, name }: Connected, sql: string): Promise<readonly (string | null)[]> {
    try {
      const { rows } = await client.query<(string | null)[]>({
        text: sql,
        rowMode: "array",
        types: { getTypeParser: () => (raw: string) => raw },
      });
      return rows[0] ?? [];
    } catch (thrown) {
      throw asRowsError(name, thrown);
    }
  }

  /** Positions of two logs say nothing of each other. */
  async function checkBoth(): Promise<void> {
    const [ours, theirs] = [await ask(replica, WHO_SQL), await ask(primary, WHO_SQL)];
    const why =
      theirs[1] === "t"
        ? "is a replica itself"
        : ours[0] === theirs[0]
          ? null
          : `is not what ${replica.name} is a replica of`;
    if (why === null) return;
    throw new CrossfadeError("rows-unusable", `${primary.name}: it ${why}; write the right one as primary`, {
      source: "config",
    });
  }

  return {
    async catchUp(withinMs) {
      await (known ??= checkBoth());
      const [position = null, page = null] = await ask(primary, INSERTED_SQL);
      const wanted = endOfLog(position, BigInt(page ?? 0));
      for (const until = performance.now() + withinMs; ;) {
        const [applied = null] = await ask(replica, "SELECT pg_last_wal_replay_lsn()");
        if (applied !== null && bytesOf(applied) >= wanted) return true;
        if (performance.now() >= until) return false;
        await sleep(LOOK_EVERY_MS);
      }
    },
    close: async () => await primary.client.end(),
  };
}

/** Where the last record ends: the next one is to begin behind the header of a page, and nothing may come for long. */
function endOfLog(position: string | null, pageBytes: bigint): bigint {
  const at = bytesOf(position ?? "");
  const inPage = at % pageBytes;
  return inPage <= PAGE_HEADER_BYTES ? at - inPage : at;
}

/** `16/B374D848` */
function bytesOf(position: string): bigint {
  const [high, low] = position.split("/");
  return (BigInt(`0x${high}`) << 32n) + BigInt(`0x${low}`);
}

const WHO_SQL = "SELECT system_identifier, pg_is_in_recovery() FROM pg_control_system()";
/** Not what is on disk: a commit may be told before it is there (synchronous_commit = off). */
const INSERTED_SQL = "SELECT pg_current_wal_insert_lsn(), current_setting('wal_block_size')";
