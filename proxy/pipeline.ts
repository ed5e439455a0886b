/**
 * The life of one request: listen → route → plan → journal → forward → answer → settle → lane → shadow → compare → record.
 * The steps are called in this order, by front.ts down to `answer`, for the client; by intake.ts, settlement.ts and
 * mirrored-copy.ts from `settle` on, for the record only: whatever goes wrong there is caught, counted and survived.
 */
import { createFront, type Front, type FrontParts } from "./life/front.ts";
import { createIntake, type Intake } from "./life/intake.ts";
import type { LeftOver } from "./journal.ts";
import { createJournalBacklog, settleLeftOver } from "./life/journal-backlog.ts";
import { Holes } from "./mirror/holes.ts";
import { Lanes } from "./mirror/lanes.ts";
import type { Copy } from "./life/copy.ts";
import { abandonCopies } from "./life/copy-ending.ts";
import { mirrorCopy } from "./life/mirrored-copy.ts";
import type { PipelineParts } from "./pipeline-parts.ts";
import type { QuietKey } from "./members/turns.ts";

/** How long an earlier intent without an answer holds up a lane. */
const LANE_INTENT_WAIT_MS = 5_000;

export interface Pipeline extends Front {
  /** For requests that come by another way than `handle`. */
  readonly intake: Intake;
  /** See `Lanes.visit`. */
  visit<T>(key: string, patienceMs: number, work: (turn: QuietKey) => Promise<T>): Promise<T | null>;
  /** Brings back what waits in the journal, also from an earlier process. */
  resume(leftOver: readonly LeftOver[]): void;
  /** Copies that wait or are being delivered. */
  queued(): number;
  whenIdle(): Promise<void>;
  /** Nothing more is brought back from the journal: what waits there alone is for the next process. */
  leaveJournal(): void;
  /** Gives up what waits: each ends `dropped(shutdown)` with a repair entry, unless the journal holds it. */
  abandon(): void;
}

export function createPipeline(
  given: Omit<PipelineParts, "holes" | "journalHasMore" | "journalCaughtUp">,
  client: Pick<FrontParts, "hold" | "tunnels" | "clients" | "dial" | "fallback">,
): Pipeline {
  const parts: PipelineParts = {
    ...given,
    holes: new Holes(),
    journalHasMore: () => backlog.wake(),
    journalCaughtUp: () => backlog.caughtUp(),
  };
  const lanes: Lanes<Copy> = new Lanes({
    deliver: (turn) => mirrorCopy(parts, lanes, turn),
    intentWaitMs: LANE_INTENT_WAIT_MS,
    monotonic: () => parts.clock.monotonic(),
  });

  const intake = createIntake(parts, lanes);
  const backlog = createJournalBacklog(parts, lanes);

  return {
    ...createFront({ ...parts, ...client, intake }),
    intake,
    // What waits in the journal alone is in no lane: it may be in what is read, and is yet to be delivered.
    visit(key, patienceMs, work) {
      const isBehind = (): boolean => parts.journal.waiting() > 0;
      if (isBehind()) return Promise.resolve(null);
      return lanes.visit(key, patienceMs, async ({ crossed }) => {
        const turn = await parts.turns.visit(key, patienceMs);
        if (turn === null) return null;
        try {
          return await work({ crossed: async () => isBehind() || crossed() || (await turn.crossed()) });
        } finally {
          turn.leave();
        }
      });
    },
    resume(leftOver) {
      settleLeftOver(parts, leftOver);
      backlog.wake();
    },
    leaveJournal: () => backlog.stop(),
    queued: () => lanes.queued,
    whenIdle: () => lanes.whenIdle(),
    abandon: () => {
      parts.values.stop();
      parts.turns.stop();
      // Gates are closed by now: what was held back is left to the journal, and not sent.
      parts.freezes.liftAll();
      abandonCopies(parts, lanes);
    },
  };
}
