/** The memory that docs/limits.md promises, in one formula. What each part costs was measured (`npm run scale`). */

export interface Load {
  /** Clients' connections without a request under way. */
  readonly idle: number;
  /** Answers that go on: event streams, long polls, slow downloads. */
  readonly streams: number;
  readonly tunnels: number;
  /** Large bodies on their way, either direction. */
  readonly transfers: number;
}

const KIB_PER_IDLE = 24;
const KIB_PER_STREAM = 64;
const KIB_PER_TUNNEL = 64;
const MIB_PER_TRANSFER = 4;
/** What V8 may put off collecting while bodies pass. */
const GARBAGE_MIB = 128;

/** How far the resident memory may go beyond that of the idle process, with `limits.queued` at `queuedMib`. */
export function allowedGrowthMib(load: Load, queuedMib: number): number {
  const kib = load.idle * KIB_PER_IDLE + load.streams * KIB_PER_STREAM + load.tunnels * KIB_PER_TUNNEL;
  return kib / 1024 + load.transfers * MIB_PER_TRANSFER + queuedMib + GARBAGE_MIB;
}
