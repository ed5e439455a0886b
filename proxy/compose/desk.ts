import { pino } from "pino";
import type { AuditedChange } from "../evidence/audit.ts";
import type { Caught } from "../caught.ts";
import { makeUlid } from "../identity.ts";
import type { Clock, Store } from "../ports.ts";

/** Where a process says what happens to it: its log, the sentences for operators, the audit trail. */
export interface Desk {
  readonly log: pino.Logger;
  /** `listener` gets every further line of the log, as it is written. */
  readonly onLine: (listener: (line: string) => void) => void;
  /** Every sentence so far. */
  readonly warnings: readonly string[];
  readonly warn: (line: string) => void;
  /** Something failed on the shadow's side of the line; counted by step. */
  readonly caught: Caught;
  readonly caughtByStep: Readonly<Record<string, number>>;
}

export type Audit = (change: AuditedChange) => void;

/** `logLevel`: pino's; logs go to stderr. `warn` is called with each sentence too. */
export function createDesk(logLevel: string, warn: ((line: string) => void) | undefined): Desk {
  const stderr = pino.destination({ dest: 2, sync: false });
  let listener: ((line: string) => void) | null = null;
  const log = pino(
    { level: logLevel, name: "crossfade" },
    {
      write(line: string) {
        stderr.write(line);
        listener?.(line);
      },
    },
  );
  const warnings: string[] = [];
  const caughtByStep: Record<string, number> = {};
  return {
    log,
    onLine: (one) => (listener = one),
    warnings,
    warn(line) {
      warnings.push(line);
      warn?.(line);
    },
    caught(step, error, request) {
      caughtByStep[step] = (caughtByStep[step] ?? 0) + 1;
      const of = request === undefined ? {} : { exchange: request.id ?? undefined, traceId: request.traceId };
      log.error({ err: error, step, ...of }, "caught on the shadow's side");
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
