/** What moves routes without anybody being asked: a file that may, and the way back from a next that fails. */
import { randomInt } from "node:crypto";
import type { Switchboard } from "../config/switchboard.ts";
import type { Cutover } from "../moves/cutover.ts";
import type { Settled } from "../exchange.ts";
import { createFailingNext } from "../moves/failing-next.ts";
import type { PhaseBook } from "../phase/phase-book.ts";
import type { Clock } from "../ports.ts";
import { createUnattended } from "../moves/unattended.ts";
import type { Desk } from "./desk.ts";

export interface MovingAloneParts {
  readonly acting: Switchboard;
  readonly phases: Pick<PhaseBook, "rowOf">;
  readonly move: Cutover["move"];
  readonly clock: Clock;
  readonly desk: Desk;
  /** See `StartOptions`. */
  readonly failingBlockMs: number | undefined;
}

export interface MovingAlone {
  /** An eligible exchange has its outcome. */
  settled(settled: Settled): void;
  warnings(): readonly string[];
  /** The proxy serves: moves may be made. */
  begin(): void;
  stop(): void;
}

export function createMovingAlone({
  acting,
  phases,
  move,
  clock,
  desk,
  failingBlockMs,
}: MovingAloneParts): MovingAlone {
  const moved = (sentence: string): void =>
    desk.log.info({ sentence }, "a route was moved without anybody being asked");
  const unattended = createUnattended({ acting, phases, move, moved, caught: desk.caught });
  const failing = createFailingNext({
    snapshot: acting.snapshot,
    ...{ move, clock, moved },
    seed: randomInt(2 ** 32),
    caught: desk.caught,
    ...(failingBlockMs === undefined ? {} : { blockMs: failingBlockMs }),
  });
  return {
    settled: (settled) => failing.settled(settled),
    warnings: () => [...unattended.warnings(), ...failing.warnings()],
    begin() {
      acting.onChange(() => void unattended.look());
      void unattended.look();
    },
    stop() {
      unattended.stop();
      failing.stop();
    },
  };
}
