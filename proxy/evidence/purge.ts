/** Erasure of what is known of one entity: what is asked, and what became of it. */

export interface PurgeRequest {
  /** The plain entity key, `users/42`. */
  readonly key: string;
  /** Only of this route; null: of all. */
  readonly route: string | null;
  /** Counts what would go, and changes nothing. */
  readonly dryRun: boolean;
  /** Why, in words of whoever asks; null: nothing was said. */
  readonly reason: string | null;
  /** Who asks. */
  readonly by: string;
}

export interface PurgeResult {
  readonly dryRun: boolean;
  /** Divergence records in the store. */
  readonly records: number;
  /** Records among them that were samples of their groups. */
  readonly samples: number;
  /** Exchanges that were kept whole. */
  readonly pairs: number;
  /** Lines of the divergence log, rotated files included. */
  readonly logLines: number;
  /** What still holds the key, or may, and why: a sentence each. */
  readonly kept: readonly string[];
}
