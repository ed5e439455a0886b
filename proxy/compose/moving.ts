/** What moves routes from phase to phase, over as many processes as share the store. */
import type { AuditedChange } from "../evidence/audit.ts";
import type { Settings } from "../config/settings.ts";
import type { Switchboard } from "../config/switchboard.ts";
import { createCutoverChecks } from "../moves/cutover-checks.ts";
import type { CutoverGate } from "../moves/cutover-gate.ts";
import { createCutover, type Cutover } from "../moves/cutover.ts";
import type { OpenTunnels } from "../forward/open-tunnels.ts";
import type { Journal } from "../journal.ts";
import { type Members, nameOf } from "../members/members.ts";
import type { Backlog } from "../mirror/backlog.ts";
import type { CountedWrites } from "../mirror/counted-writes.ts";
import { createLocalBarrier } from "../barrier/barrier.ts";
import { leftInStore } from "../barrier/left-in-store.ts";
import { createMemberPart, type MemberPart } from "../barrier/member-part.ts";
import type { OpenWrites } from "../phase/open-writes.ts";
import { createOwnWrites, type OwnWrites, type WorkerHolds } from "../barrier/own-writes.ts";
import type { OwnStanding } from "../barrier/standing.ts";
import type { PhaseBook } from "../phase/phase-book.ts";
import { createSharedBarrier } from "../barrier/shared-barrier.ts";
import type { WriteHold } from "../phase/write-hold.ts";
import type { Clock, Store } from "../ports.ts";
import { createOwnDigest } from "./settings-digest.ts";
import type { RetireReport } from "../moves/retire-report.ts";
import type { Transitions } from "../moves/transition.ts";

export interface MovingParts {
  readonly settings: Settings;
  readonly acting: Switchboard;
  readonly phases: PhaseBook;
  readonly store: Store;
  readonly journal: Journal;
  /** null: what writes left is in the store as soon as the store has taken it. */
  readonly counted: Pick<CountedWrites, "caughtUp"> | null;
  readonly backlog: Backlog;
  readonly gate: CutoverGate;
  readonly retire: RetireReport;
  /** See `CutoverChecksParts`. */
  readonly clash: (routes: Settings["routes"]) => Promise<string | null>;
  readonly members: Members;
  /** null: nobody shares the store. */
  readonly transitions: Transitions | null;
  readonly hold: WriteHold;
  readonly openWrites: OpenWrites;
  readonly tunnels: OpenTunnels;
  readonly workers: () => WorkerHolds | null;
  readonly standing: OwnStanding;
  /** The same for all who share the store. */
  readonly secretKey: Buffer;
  readonly clock: Clock;
  readonly audit: (change: AuditedChange) => void;
  readonly caught: (step: string, error: unknown) => void;
}

export interface Moving {
  readonly cutover: Cutover;
  readonly own: OwnWrites;
  /** What this member does in the moves of all; null: it is alone. */
  readonly part: MemberPart | null;
  /** A move is under way, whoever was asked for it. */
  readonly isMoving: () => boolean;
}

export function createMoving(parts: MovingParts): Moving {
  const { acting, phases, store, hold, openWrites, members, transitions, clock, caught } = parts;
  const tunnels = (route: string): number => parts.tunnels.lasting(route);
  const moved = (): void => acting.phasesMoved();
  const checks = createCutoverChecks({ ...parts, snapshot: acting.snapshot, tunnels });
  const own = createOwnWrites({
    hold,
    openWrites,
    workers: parts.workers,
    settled: (withinMs) => leftInStore({ store, counted: parts.counted }, withinMs),
  });
  const cutoverOver = (barrier: Parameters<typeof createCutover>[0]["barrier"]): Cutover =>
    createCutover({ ...parts, checks, barrier });
  if (transitions === null) {
    const cutover = cutoverOver(createLocalBarrier({ own, phases, moved, clock }));
    return { cutover, own, part: null, isMoving: () => cutover.isMoving };
  }
  const settings = createOwnDigest(parts.secretKey, acting);
  const { notClose } = checks;
  const monotonic = (): number => clock.monotonic();
  const part = createMemberPart({
    ...{ transitions, id: members.id, own, phases, settings, moved, notClose, tunnels, monotonic, caught },
    standing: parts.standing,
  });
  const nameOfMember = async (id: string): Promise<string> => {
    const member = (await members.list()).find((one) => one.id === id);
    return member === undefined ? id : nameOf(member);
  };
  const cutover = cutoverOver(
    createSharedBarrier({ transitions, part, phases, settings, nameOf: nameOfMember, clock }),
  );
  return { cutover, own, part, isMoving: () => cutover.isMoving || part.isUnderWay };
}
