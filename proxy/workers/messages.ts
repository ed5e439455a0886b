/**
 * What the parent and its workers tell each other. Numbers name exchanges and watched requests of one worker. Bytes that belong
 * to a message stand behind it in its frame.
 */
import type { Identity, RawHeaders, RequestClass, RequestHead } from "../exchange.ts";
import type { OfRequest } from "../caught.ts";
import type { LastingKind } from "../forward/open-tunnels.ts";
import type { DialQuestion } from "../reads/dial.ts";
import type { DialResult } from "../reads/dial-results.ts";
import type { ErrorCode } from "../errors.ts";
import type { Miss } from "../reads/fallback.ts";
import type { FallbackResult } from "../reads/fallback-results.ts";
import type { Sought } from "../mirror/values/pair-book.ts";
import type { ValuePair } from "../mirror/values/seal.ts";
import type { MappingTold } from "./relayed-mappings.ts";
import type { Endpoint } from "../config/settings.ts";
import type { HoldBounds } from "../phase/write-hold.ts";
import type { EndedSpan } from "../tracing/spans.ts";
import type { ToldTrace } from "../tracing/trace.ts";

/** The worker's end of the link, behind its standard streams and Node's own channel. */
export const LINK_FD = 4;

/** How the primary's side of a request ended; `PrimaryEnding` without its bodies. */
export type EndingTold =
  | {
      readonly end: "answered";
      readonly status: number;
      readonly headers: RawHeaders;
      readonly requestComplete: boolean;
      readonly ms: number;
      readonly isAnothers?: true;
    }
  | { readonly end: "unknown"; readonly status: number | null; readonly why: string; readonly ms: number }
  | { readonly end: "unreached"; readonly why: string };

/** One body of an exchange, of which `kept` bytes stand behind the message; what went before as `body` comes before those. */
export interface BodyTold {
  readonly length: number;
  readonly kept: number;
  /** The worker had no room for it. */
  readonly isLost: boolean;
}

/** A request as it is matched again, under the same settings. */
export interface RequestTold {
  /** Of the settings that it arrived under. */
  readonly revision: number;
  readonly request: RequestHead;
  readonly primary: Identity;
  readonly requestClass: RequestClass;
}

/** Client requests that are over, or exchanges with a primary, of one kind: `count` durations in ms, as doubles of this machine. */
export type Series = { readonly route: string; readonly count: number } & (
  | { readonly of: "server"; readonly method: string; readonly status: number }
  | { readonly of: "primary"; readonly status: number | null }
);

/** Reads of a route that another service than its primary was to answer, or might have been. */
export interface ReadsTold<Result extends string> {
  readonly route: string;
  readonly result: Result;
  readonly times: number;
}

export type FromWorker =
  /** It takes connections. */
  | { readonly type: "ready"; readonly address: Endpoint }
  | { readonly type: "not-listening"; readonly code: ErrorCode; readonly why: string }
  /** Requests that arrive from now on are told under this revision. */
  | { readonly type: "took"; readonly revision: number }
  /**
   * A request that is to be mirrored; where it `waits`, the primary is not called before `go`. `shadow` null: a write to a database
   * that both services use, which is not mirrored.
   */
  | ({
      readonly type: "open";
      readonly exchange: number;
      readonly shadow: Identity | null;
      readonly waits: boolean;
      /** null: it is not traced. */
      readonly trace: ToldTrace | null;
    } & RequestTold)
  /** More of a body that is too large to be told at once. */
  | { readonly type: "body"; readonly exchange: number; readonly of: "request" | "answer" }
  /** Both bodies stand behind it, the request's first. Where `isHeld`, the answer's last byte waits for `placed`. */
  | {
      readonly type: "ended";
      readonly exchange: number;
      readonly ending: EndingTold;
      readonly request: BodyTold;
      readonly answer: BodyTold;
      readonly isHeld: boolean;
    }
  /** A request whose noise is learnt. */
  | ({ readonly type: "watch"; readonly watched: number } & RequestTold)
  /** The answer's body stands behind it, where there is one. */
  | {
      readonly type: "watch-ended";
      readonly watched: number;
      readonly ending: EndingTold;
      readonly answer: BodyTold | null;
    }
  | { readonly type: "watch-closed"; readonly watched: number }
  | { readonly type: "primary-failed"; readonly origin: string }
  /** The durations stand behind it, in the order of the series. */
  | { readonly type: "timings"; readonly series: readonly Series[] }
  /** Of requests that are traced. `lost`: spans that there was no room for. */
  | { readonly type: "spans"; readonly spans: readonly EndedSpan[]; readonly lost: number }
  | { readonly type: "caught"; readonly step: string; readonly why: string; readonly request: OfRequest | null }
  /** What these are at the other service. */
  | { readonly type: "values"; readonly question: number; readonly sought: readonly Sought[] }
  | { readonly type: "mapped-for-clients"; readonly counts: readonly MappingTold[] }
  /** A connection of the route has changed its protocol, or an event stream has begun; or either has ended after that. */
  | { readonly type: "lasting"; readonly route: string; readonly kind: LastingKind; readonly more: 1 | -1 }
  /** Whether next may answer a read, or legacy one that next had nothing for. */
  | ({ readonly type: "dial" | "fallback"; readonly question: number } & DialQuestion)
  | { readonly type: "dialled"; readonly counts: readonly ReadsTold<DialResult>[] }
  | { readonly type: "fell-back"; readonly counts: readonly ReadsTold<FallbackResult>[] }
  | { readonly type: "missed"; readonly miss: Miss }
  /** It holds back since `hold`, has told of all that it had let through before, and its writes that are not mirrored have ended. */
  | { readonly type: "quiet"; readonly hold: number }
  /** Writes that it holds back now, and those it has refused in this hold. */
  | { readonly type: "holding"; readonly hold: number; readonly held: number; readonly refused: number }
  /** Every exchange with its clients has ended. */
  | { readonly type: "closed" };

export type ToWorker =
  /** The settings stand behind it, as V8 serialises them. The first ones have it listen. */
  | {
      readonly type: "settings";
      readonly revision: number;
      readonly mirroringEnabled: boolean;
      /** The store is away at a start, and these routes are answered 503; null: it is there. */
      readonly refused: readonly string[] | null;
      /** See `Snapshot`. */
      readonly epochs: readonly (readonly [route: string, epoch: number])[];
    }
  /** In the order of the question, null for what nobody knows; null for all: the store did not say. */
  | { readonly type: "values"; readonly question: number; readonly found: readonly (ValuePair | null)[] | null }
  | { readonly type: "dial" | "fallback"; readonly question: number; readonly mayAsk: boolean }
  /** Where `isHeld`, the answer's last byte waits for `placed`, whatever tells its key. */
  | { readonly type: "go"; readonly exchange: number; readonly isHeld: boolean }
  /** It could not be entered into the books, or was held back for too long: instead of `go`. */
  | { readonly type: "not-entered"; readonly exchange: number; readonly isRefused: boolean }
  | { readonly type: "placed"; readonly exchange: number }
  /** New writes of these routes wait, within these bounds. Answered with `quiet`. */
  | { readonly type: "hold"; readonly hold: number; readonly routes: readonly string[]; readonly bounds: HoldBounds }
  /** They go on, under the settings that were told last. */
  | { readonly type: "release"; readonly hold: number }
  /** No new connections or requests. */
  | { readonly type: "close" }
  | { readonly type: "cut-off" };
