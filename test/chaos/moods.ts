/** How a service of the chaos run can behave. */
export const MOODS = [
  "well",
  /** Applies and answers a moment later, each at another. */
  "slow",
  /** Applies and answers when its mood changes. */
  "hanging",
  /** Takes the request, never answers, and applies it when nobody waits any more. */
  "late",
  /** Cuts the connection, and applies later what it had read. */
  "reset-then-late",
  "reset-before",
  "reset-after",
  "failing",
  /** Takes no connection. */
  "refusing",
  /** Applies each write again a moment later, as a network does that delivers twice. */
  "duplicating",
] as const;
export type Mood = (typeof MOODS)[number];

export interface MoodOrder {
  readonly mood: Mood;
  /** Of the writes that come, 0 to 1. */
  readonly share: number;
}

/** Later than either service is waited for (stage.ts). */
export const LATE_MS = 900;
/** Below what either is waited for, and longer than a client takes to write to the same entity again. */
export const SLOWEST_MS = 120;
