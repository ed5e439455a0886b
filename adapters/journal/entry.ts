import type { Segment } from "./segment.ts";

/** A record that a crash would need. */
export interface Pin {
  /** Of the record. */
  readonly position: number;
  segment: Segment;
  readonly bytes: number;
}

/** A write without an outcome, as far as it is in memory. */
export interface Entry {
  readonly entry: number;
  readonly exchangeId: string;
  readonly route: string;
  /** Its accepted record holds all that delivering it needs. */
  isWhole: boolean;
  /** Until there is an answer. */
  spelled: string | null;
  intent: Pin | null;
  accepted: Pin | null;
  /** The accepted record stands for attempt 1 as well. */
  sentAtOnce: boolean;
  /** A record of an attempt is there, or is waited for. */
  isTold: boolean;
  sent: Pin | null;
}
