import { pino } from "pino";
import type { AuditedChange } from "../audit.ts";
import { makeUlid } from "../identity.ts";
import type { Clock, Store } from "../ports.ts";

/** Where a process says what happens to it: its log, the sentences for operators, the audit trail. */
export interface Desk {
  readonly log: pino.Logger;
  /** Every sentence so far. */
  readonly warnings: readonly string[];
  readonly warn: (line: string) => void;
  /** Something failed on the shadow's side of the line; counted by step. */
  readonly caught: (step: string, error: unknown) => void;
  readonly caughtByStep: Readonly<Record<string, number>>;
}

export type Audit = (change: AuditedChange) => void;

/** `logLevel`: pino's; logs go to stderr. `warn` is called with each sentence too. */
export function createDesk(logLevel: string, warn: ((line: string) => void) | undefined): Desk {
  const log = pino({ level: logLevel, name: "crossfade" }, pino.destination({ dest: 2, sync: false }));
  const warnings: string[] = [];
  const caughtByStep: Record<string, number> = {};
  return {
    log,
    warnings,
    warn(line) {
      warnings.push(line);
      warn?.(line);
    },
    caught(step, error) {
      caughtByStep[step] = (caughtByStep[step] ?? 0) + 1;
      log.error({ err: error, step }, "caught on the shadow's side");
    },
    caughtByStep,
  };
}

export function createAudit(store: Pick<Store, "append">, log: pino.Logger, clock: Clock): Audit {
  return (change) => {
    const now = clock.now();
    const entry = { id: makeUlid(now), at: new Date(now).toISOString(), ...change };
    store.append([{ type: "audit", entry }]);
    log.info({ audit: entry }, "changed by an operator");
  };
}
