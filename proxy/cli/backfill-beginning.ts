/** Where a backfill begins: at what was noted by an earlier run of the same command, or anew, as one range of keys or as several. */
import { fingerprintOf, firstCheckpoint, rangesBetween } from "../migrate/backfill.ts";
import { type Checkpoint, readCheckpoint, removeCheckpoint } from "../migrate/checkpoint.ts";
import type { RowValues } from "../rows/row-values.ts";
import type { Api } from "./api.ts";
import { type BackfillFlags, choiceOf } from "./backfill-flags.ts";
import { chosenText } from "./chosen-rows.ts";
import { digestOfRules, type NamedCollection, type OpenCollection } from "./collection.ts";
import { EXIT, Exit } from "./exit.ts";

export interface Noting {
  /** null: nothing is noted. */
  readonly file: string | null;
  readonly beside: boolean;
}

export async function beginning(
  { source, target }: OpenCollection,
  collection: NamedCollection["collection"],
  { file, beside }: Noting,
  options: BackfillFlags,
): Promise<Checkpoint> {
  const { name } = collection;
  const { restart } = options;
  const choice = choiceOf(options);
  const fingerprint = await fingerprintOf(source, target, digestOfRules(collection), chosenText(options));
  const first = firstCheckpoint(name, fingerprint, beside);
  if (file === null) return first;
  if (restart === true) removeCheckpoint(file);
  const noted = readCheckpoint(file);
  // Of some rows whoever asks again wants them again.
  if (noted === null || (choice !== null && noted.done)) return first;
  if (noted.fingerprint !== fingerprint || noted.collection !== name) {
    const other = choice === null ? "" : `, or --${choice}`;
    const of = `${file} is of a backfill of ${noted.collection} with other tables, columns or transform${other}`;
    throw new Exit(EXIT.no, `${of}; begin anew with --restart`);
  }
  if (noted.done || noted.beside === beside) return noted;
  const then = noted.beside
    ? "beside live writes that were mirrored, and they no longer are"
    : "while no writes were mirrored";
  throw new Exit(
    EXIT.no,
    `${file} is of a backfill that was begun ${then}: what legacy changed in between is not in what it copied; begin anew with --restart`,
  );
}

/** What was begun goes on in the ranges that it was begun in. */
export async function splitInto(
  ranges: number,
  from: Checkpoint,
  source: OpenCollection["source"],
): Promise<Checkpoint> {
  if (ranges === 1 || from.read > 0 || from.done || from.ranges !== null) return from;
  return { ...from, ranges: rangesBetween((await source.splits?.(ranges)) ?? []) };
}

/** null: several ranges may be brought over at the same time. */
export function whyOneRange(beside: Api | null, values: RowValues | null, { source }: OpenCollection): string | null {
  if (beside !== null)
    return "its writes are mirrored, and the windows and freezes of several ranges would stand in each other's way; leave --ranges out";
  if (values !== null)
    return "ids of its rows are others at next (values), and rows may name others of a range that is not there yet; leave --ranges out";
  return source.splits === undefined ? `${source.name} cannot be split by keys; leave --ranges out` : null;
}
