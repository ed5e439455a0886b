/** How far a backfill has come: a small file that is replaced after each chunk, so that a kill loses one chunk at most. */
import { readFileSync, rmSync } from "node:fs";
import { CrossfadeError } from "../errors.ts";
import type { Dropped } from "./live-chunk.ts";
import type { RowKey, RowValue } from "../rows/rows.ts";
import { writeWhole } from "../process/whole-file.ts";

export interface SetAside {
  readonly key: string;
  readonly why: string;
}

/** The rows after the last key that is done and up to another (null: from the first, to the last). */
export interface KeyRangeDone {
  readonly after: RowKey | null;
  readonly upTo: RowKey | null;
  readonly done: boolean;
}

export interface Checkpoint {
  readonly collection: string;
  /** Of both tables, the key and the transform: rows that were made in another way are not gone on with. */
  readonly fingerprint: string;
  /** It was written beside live writes that were mirrored; false: at rest. */
  readonly beside: boolean;
  /** The last key that is done, where all keys are one range; null: none is. */
  readonly after: RowKey | null;
  /** How far each range has come, in the order of their keys; null: all keys are one. */
  readonly ranges: readonly KeyRangeDone[] | null;
  readonly done: boolean;
  /** Beside live writes: rows before `after` that were written meanwhile, and are yet to be read again. */
  readonly left: readonly Dropped[];
  readonly read: number;
  readonly written: number;
  /** The target had a version as new, or newer. */
  readonly kept: number;
  /** The transform made nothing of them. */
  readonly leftOut: number;
  /** Beside live writes: rows that were written meanwhile, each time that they were read again. */
  readonly readAgain: number;
  /** Those that were written too often, and are on the repair list. */
  readonly toRepair: number;
  /** How long copies of a chunk's rows were held back at the longest. */
  readonly longestFreezeMs: number;
  readonly setAside: readonly SetAside[];
  /** Keys of rows that differ from the target's of the same version. */
  readonly conflicts: readonly string[];
}

/** What a file of an earlier version has not. */
const NONE = { beside: false, left: [], readAgain: 0, toRepair: 0, longestFreezeMs: 0, conflicts: [], ranges: null };

/** null: there is none. @throws CrossfadeError where it cannot be read */
export function readCheckpoint(file: string): Checkpoint | null {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw unusable(file, (thrown as Error).message);
  }
  try {
    const written = { ...NONE, ...(JSON.parse(text) as Spelled) };
    const ranges = written.ranges?.map(({ after, upTo, done }) => ({
      after: readKey(after),
      upTo: readKey(upTo),
      done,
    }));
    const left = written.left.map(({ key, times }) => ({ key: key.map(readSpelled), times }));
    return { ...written, after: readKey(written.after), ranges: ranges ?? null, left };
  } catch (thrown) {
    throw unusable(file, (thrown as Error).message);
  }
}

/** Whole or not at all, also when the machine loses its power. @throws CrossfadeError */
export function writeCheckpoint(file: string, checkpoint: Checkpoint): void {
  try {
    const ranges = checkpoint.ranges?.map(({ after, upTo, done }) => ({
      after: spellAll(after),
      upTo: spellAll(upTo),
      done,
    }));
    const left = checkpoint.left.map(({ key, times }) => ({ key: key.map(spell), times }));
    const spelled: Spelled = { ...checkpoint, after: spellAll(checkpoint.after), ranges: ranges ?? null, left };
    writeWhole(file, `${JSON.stringify(spelled)}\n`);
  } catch (thrown) {
    throw unusable(file, (thrown as Error).message);
  }
}

export function removeCheckpoint(file: string): void {
  rmSync(file, { force: true });
}

function unusable(file: string, why: string): CrossfadeError {
  const way = "mend it, or begin anew with --restart";
  return new CrossfadeError("rows-unusable", `the checkpoint ${file} cannot be used: ${why}; ${way}`, {
    source: "config",
  });
}

type SpelledKey = readonly SpelledValue[] | null;
type Spelled = Omit<Checkpoint, "after" | "ranges" | "left"> & {
  readonly after: SpelledKey;
  readonly left: readonly { readonly key: readonly SpelledValue[]; readonly times: number }[];
  readonly ranges: readonly { readonly after: SpelledKey; readonly upTo: SpelledKey; readonly done: boolean }[] | null;
};

function spellAll(key: RowKey | null): SpelledKey {
  return key === null ? null : key.map(spell);
}

function readKey(key: SpelledKey): RowKey | null {
  return key === null ? null : key.map(readSpelled);
}

/** What JSON has no value for is an object with one member. */
type SpelledValue = null | boolean | string | { readonly [kind: string]: string };

function spell(value: RowValue): SpelledValue {
  if (typeof value === "bigint") return { integer: String(value) };
  if (typeof value === "number") return { double: String(value) };
  if (value instanceof Uint8Array) return { bytes: Buffer.from(value).toString("base64") };
  if (typeof value === "object" && value !== null) throw new TypeError("an array is no key to go on after");
  return value;
}

function readSpelled(value: SpelledValue): RowValue {
  if (typeof value !== "object" || value === null) return value;
  const { integer, double, bytes } = value;
  if (integer !== undefined) return BigInt(integer);
  if (double !== undefined) return Number(double);
  if (bytes !== undefined) return Buffer.from(bytes, "base64");
  throw new TypeError("a value of no kind that is known");
}
