/**
 * When a job over rows may go on with its next chunk. Whoever asks waits here for as long as there is a reason not to: it was
 * paused, the copies of live writes fall behind, or the replica that is read does, the target is slow to answer, or rows go faster than was allowed. The reason
 * is told in words.
 */
export interface ThrottleParts {
  /** Why somebody has it paused; null: nobody has. */
  readonly pausedBy: () => string | null;
  /** How far behind the copies of the route's live writes are, in ms; null: nobody knows, or there are none. */
  readonly lagMs: () => number | null;
  /** How far the source is behind its own primary, in ms; null: it is no replica, or nobody knows. @throws CrossfadeError */
  readonly sourceLagMs: () => Promise<number | null>;
  /** Asks the target for one row. @throws CrossfadeError */
  readonly probe: () => Promise<unknown>;
  /** While it waits, at every look: who has to hear of it is told. */
  readonly stillHere: () => Promise<void>;
  /** It waits, and for what; null: no more. */
  readonly waits: (why: string | null) => void;
  /** Monotonic, in ms. */
  readonly now: () => number;
  readonly wait: (ms: number, signal: AbortSignal) => Promise<void>;
}

export interface ThrottleBounds {
  /** null: however far. */
  readonly lagMs: number | null;
  /** null: however slow. */
  readonly latencyMs: number | null;
  /** null: as fast as it goes. */
  readonly rowsPerSecond: number | null;
}

export interface Throttle {
  /** Resolves when the next chunk may begin, or `signal` is aborted. `rows`: that were read in this run. */
  pass(rows: number, signal: AbortSignal): Promise<void>;
}

const LOOK_AGAIN_MS = 500;
/** A target that answered in time is not asked again before. */
const PROBE_EVERY_MS = 1_000;
/** Of so many answers the middle one counts: one that was slow says little. */
const PROBES = 3;

export function createThrottle(parts: ThrottleParts, bounds: ThrottleBounds): Throttle {
  const latencies: number[] = [];
  let probedAt = Number.NEGATIVE_INFINITY;
  const beganAt = parts.now();
  /** Time in which it was held up: rows that were not read meanwhile are not made up for. */
  let heldMs = 0;

  async function reason(): Promise<string | null> {
    const paused = parts.pausedBy();
    if (paused !== null) return paused;
    const lag = parts.lagMs();
    if (bounds.lagMs !== null && lag !== null && lag > bounds.lagMs) {
      return `copies of live writes are ${spell(lag)} behind (--max-lag ${spell(bounds.lagMs)})`;
    }
    const sourceLag = bounds.lagMs === null ? null : await parts.sourceLagMs();
    if (bounds.lagMs !== null && sourceLag !== null && sourceLag > bounds.lagMs) {
      return `the source is a replica, and ${spell(sourceLag)} behind (--max-lag ${spell(bounds.lagMs)})`;
    }
    const latency = bounds.latencyMs === null ? null : await latencyMs(bounds.latencyMs);
    if (latency === null || bounds.latencyMs === null || latency <= bounds.latencyMs) return null;
    return `the target takes ${spell(latency)} for one row (--max-latency ${spell(bounds.latencyMs)})`;
  }

  async function latencyMs(most: number): Promise<number> {
    const isSlow = latencies.length > 0 && middle(latencies) > most;
    if (isSlow || parts.now() - probedAt >= PROBE_EVERY_MS) {
      const began = parts.now();
      await parts.probe();
      probedAt = parts.now();
      latencies.push(probedAt - began);
      if (latencies.length > PROBES) latencies.shift();
    }
    return middle(latencies);
  }

  /** How long until as many rows are due as were read. */
  function earlyMs(rows: number): number {
    if (bounds.rowsPerSecond === null) return 0;
    return (rows / bounds.rowsPerSecond) * 1000 - (parts.now() - beganAt - heldMs);
  }

  return {
    async pass(rows, signal) {
      const began = parts.now();
      let why = await reason();
      const isHeld = why !== null;
      while (why !== null && !signal.aborted) {
        parts.waits(why);
        await parts.stillHere();
        await parts.wait(LOOK_AGAIN_MS, signal);
        why = signal.aborted ? null : await reason();
      }
      if (isHeld) heldMs += parts.now() - began;
      const early = earlyMs(rows);
      if (early > 0 && !signal.aborted) {
        parts.waits(`no more than ${bounds.rowsPerSecond} rows a second (--max-rate)`);
        await parts.wait(early, signal);
      }
      parts.waits(null);
    },
  };
}

function middle(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

function spell(ms: number): string {
  return ms < 1_000 ? `${Math.round(ms)} ms` : `${Number((ms / 1000).toFixed(1))} s`;
}
