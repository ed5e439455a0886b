/** What a value of one service is at the other, as a store keeps it. Delivery data: exact, and sealed. */
import type { Identity } from "../exchange.ts";

export interface ValuePairRow {
  readonly kind: string;
  /** Keyed hash of kind and text, for each side. The two are equal where the texts are. */
  readonly legacy: string;
  readonly next: string;
  /** Both texts, encrypted; null: they are the same and nobody needs to be told them. */
  readonly sealed: string | null;
  /** Epoch ms. */
  readonly at: number;
  /** Epoch ms from which on it is not there any more; null: it stays. */
  readonly until: number | null;
}

/** kept: it is new. known: it was there. conflict: one of its two values has another partner, and keeps it. */
export type PairTaught = "kept" | "known" | "conflict";

export interface PairSought {
  readonly kind: string;
  readonly side: Identity;
  readonly hash: string;
}

export interface PairsQuery {
  readonly kind?: string;
  readonly limit: number;
  readonly cursor?: string;
}

/** A pair as the API shows it. */
export interface ListedValue {
  readonly kind: string;
  /** null: secret; or the same on both sides, of which no text is kept. */
  readonly legacy: string | null;
  readonly next: string | null;
  readonly same: boolean;
  readonly secret: boolean;
  /** Whose of the two clients hold: of who was the primary when it was learnt. null: secret, or the same on both sides. */
  readonly held: Identity | null;
  /** ISO 8601, UTC. */
  readonly since: string;
  readonly until: string | null;
}
