/** A batch as the commit script reads it. */
import { isFailure } from "../../../proxy/evidence/groups.ts";
import type { GroupRecord } from "../../../proxy/evidence/evidence.ts";
import { leaningName } from "../../../proxy/moves/leanings.ts";
import { hourOf } from "../../../proxy/evidence/trend.ts";
import { placeKey } from "../place-key.ts";
import { epochMs, type Batch, type ControlRow, rowJobName } from "../rows.ts";
import { sampleRank } from "../samples.ts";
import type { LedgerRows } from "./ledger.ts";

const DAY_MS = 24 * 60 * 60 * 1000;

/**
 * Positions of one process, over all its partitions: rows are listed in this order, so they go up with time, and one
 * is never below the arrival of its record (the filter `since` counts on that).
 */
export class Positions {
  #last = 0;

  next(now: number, at: number = now): number {
    // An arrival far in the future is a clock that was wrong; it must not lift all that follow.
    const time = Number.isNaN(at) ? now : Math.max(now, Math.min(at, now + DAY_MS));
    this.#last = Math.max(this.#last + 1, Math.trunc(time) * 1000);
    return this.#last;
  }
}

function spellControl(row: ControlRow): { readonly type: string; readonly key?: string; readonly text?: string } {
  switch (row.type) {
    case "audit":
      return { type: row.type, text: JSON.stringify(row.entry) };
    case "pin": {
      const { route, setting } = row.override;
      return { type: row.type, key: JSON.stringify([route, setting]), text: JSON.stringify(row.override) };
    }
    case "unpin":
      return { type: row.type, key: JSON.stringify([row.route, row.setting]) };
    default: {
      const never: never = row;
      throw new TypeError(`no such change: ${JSON.stringify(never)}`);
    }
  }
}

export interface CommitOrder {
  readonly run: string;
  readonly partition: number;
  readonly number: number;
  /** The last batch that Redis has confirmed. */
  readonly acknowledged: number;
  readonly now: number;
  readonly silentMs: number;
  readonly repairKeys: number;
  readonly keepMs: number;
  readonly keepPlaces: number;
  /** Of this partition's pairs. */
  readonly pairBytes: number;
  /** Of a lasting run; else null. */
  readonly life: string | null;
  readonly generation: number;
  /** The journal's position up to which everything is counted with this batch. */
  readonly mark: number;
  /** Routes of this run in this partition. */
  readonly routes: readonly string[];
}

/**
 * `texts` go beside the order, since records need not be valid in Lua's JSON (lone surrogates); so do keys of repairs,
 * written as JSON within it.
 */
export function spellCommit(
  order: CommitOrder,
  ledger: LedgerRows,
  batch: Batch,
  positions: Positions,
): { readonly order: object; readonly texts: readonly string[] } {
  const { sealedAt, essentials, evidence, pairs } = batch;
  const place = (): number => positions.next(sealedAt);
  return {
    order: {
      ...order,
      ...ledger,
      repairs: essentials.repairs.map(({ key, ...row }) => ({
        ...row,
        key: key === null ? null : JSON.stringify(key),
        notBefore: row.notBefore === null ? null : epochMs(row.notBefore, sealedAt),
        position: place(),
      })),
      gaps: essentials.gaps.map((row) =>
        row.change === "opened"
          ? { ...row, from: epochMs(row.from, sealedAt), position: place() }
          : row.change === "closed"
            ? { ...row, to: epochMs(row.to, sealedAt) }
            : row,
      ),
      pairs: pairs.map(({ pair: _text, key: _key, ...row }) => ({
        ...row,
        bucket: row.bucket.toWellFormed(),
        rank: sampleRank(row.id),
      })),
      places: essentials.places.map((each) => ({
        key: placeKey(each),
        text: JSON.stringify(each),
        lastSeen: each.lastSeen,
      })),
      gateEvidence: essentials.gateEvidence.map((row) => ({
        name: JSON.stringify([row.route, order.run]),
        text: JSON.stringify(row),
      })),
      shadows: essentials.shadows,
      leanings: essentials.leanings.map(({ times, first, last, ...of }) => ({
        name: leaningName(of),
        ...{ times, first: Math.trunc(first), last: Math.trunc(last) },
      })),
      rowJobs: essentials.rowJobs.map((end) => ({ name: rowJobName(end), text: JSON.stringify(end) })),
      controls: essentials.controls.map((row) => ({ ...spellControl(row), position: place() })),
      evidence: evidence.map(({ record: _text, ...row }) => ({
        ...row,
        build: row.build?.toWellFormed() ?? null,
        rank: sampleRank(row.id),
        hour: hourOf(row.at),
        failure: row.signature !== null && isFailure(JSON.parse(row.signature) as GroupRecord["signature"]),
      })),
    },
    texts: [...evidence.map(({ record }) => record), ...pairs.map(({ pair }) => pair)],
  };
}
