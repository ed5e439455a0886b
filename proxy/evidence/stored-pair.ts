/**
 * An exchange kept whole as evidence: the request and both answers, redacted as all evidence is (record/pair-redaction.ts).
 * Shape of store, API and fixtures.
 */
import type { Phase } from "../config/settings.ts";
import type { Difference } from "./evidence.ts";
import type { RawHeaders } from "../exchange.ts";

export const PAIR_OUTCOMES = ["match", "ignored", "divergent"] as const;
export type PairOutcome = (typeof PAIR_OUTCOMES)[number];

/**
 * Why a body is not there: no text in UTF-8; or of a kind, or broken in a way, in which what is secret cannot be told from
 * what is not (a content coding that cannot be undone, too).
 */
export const BODY_LEFT_OUT = ["binary", "unreadable"] as const;
export type BodyLeftOut = (typeof BODY_LEFT_OUT)[number];

export type PairBody =
  /** Without its content coding. */
  | { readonly text: string }
  /** `digest`: keyed, so that same and different stay visible. Of what came, where its coding cannot be undone. */
  | { readonly leftOut: BodyLeftOut; readonly bytes: number; readonly digest: string };

export interface PairMessage {
  /** In order; of an answer `Content-Encoding` too, although the body is without it. */
  readonly headers: RawHeaders;
  readonly body: PairBody;
  /** What of it is not as it was: `header:NAME`, `body`; of a request also `target`. */
  readonly redacted: readonly string[];
}

export interface PairRequest extends PairMessage {
  readonly method: string;
  readonly target: string;
  readonly scheme: "http" | "https";
}

export interface PairAnswer extends PairMessage {
  readonly service: string;
  readonly status: number;
}

export interface StoredPair {
  /** Of the exchange; where it was divergent, that of the divergence. */
  readonly id: string;
  /** ISO 8601, UTC, of the arrival. */
  readonly time: string;
  readonly route: string;
  readonly phase: Phase;
  readonly key: string | null;
  readonly build: string | null;
  readonly outcome: PairOutcome;
  /** Group of the divergence, or null. */
  readonly group: string | null;
  readonly request: PairRequest;
  readonly primary: PairAnswer;
  readonly shadow: PairAnswer;
  /** Names of the rules on values that it was compared by: what they excused of redacted values, they still do. */
  readonly rules: readonly string[];
  /** As they were found when it was recorded, then redacted. */
  readonly differences: readonly Difference[];
  readonly moreDifferences: number;
}

/** What stands in for a secret in all evidence. */
export const STAND_IN = /\[redacted [0-9a-f]{8}\]/;

export const PAIR_LOSSES = ["too-large", "failed", "no-room"] as const;
/** Why a pair that was to be kept is not: its size, an error in redacting it, a store that is behind. */
export type PairLoss = (typeof PAIR_LOSSES)[number];

/** What a store holds of them. */
export interface PairsKept {
  readonly kept: number;
  readonly bytes: number;
  readonly limitBytes: number;
  /** Pairs that it could not take since the process began. */
  readonly lost: number;
}
