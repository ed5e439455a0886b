/**
 * What becomes of everything that is handed to one signal's exporter: sent, given up, or dropped because too much waited. The
 * SDK's batch processors bound their queues too, but tell nobody what they drop.
 */
import { type ExportResult, ExportResultCode } from "@opentelemetry/core";

export type SentResult = "sent" | "failed" | "dropped";

/** What became of what was given to an exporter. */
export class Tally {
  readonly counts: Record<SentResult, number> = { sent: 0, failed: 0, dropped: 0 };
  /** Why the last batch failed, or null where it did not. */
  problem: string | null = null;
  readonly #count: (result: SentResult, count: number) => void;

  constructor(count: (result: SentResult, count: number) => void) {
    this.#count = count;
  }

  /** They have been lost for want of room. */
  lost(count: number): void {
    this.#add("dropped", count);
  }

  ended(count: number, { code, error }: ExportResult): void {
    const isSent = code === ExportResultCode.SUCCESS;
    this.problem = isSent ? null : wordsOf(error);
    this.#add(isSent ? "sent" : "failed", count);
  }

  #add(result: SentResult, count: number): void {
    this.counts[result] += count;
    this.#count(result, count);
  }
}

/** With a bound on what waits, until the collector has it, or will not. */
export class Outbox<Item> extends Tally {
  readonly #capacity: number;
  #waiting = 0;
  /** Come before there was anybody to take them. */
  #early: Item[] = [];
  #take: ((item: Item) => void) | null = null;

  constructor(capacity: number, count: (result: SentResult, count: number) => void) {
    super(count);
    this.#capacity = capacity;
  }

  get waiting(): number {
    return this.#waiting;
  }

  /** Never waits. */
  offer(item: Item): void {
    if (this.#waiting >= this.#capacity) {
      this.lost(1);
      return;
    }
    this.#waiting += 1;
    if (this.#take === null) this.#early.push(item);
    else this.#take(item);
  }

  /** `take` gets what has waited for it, and then all that is offered. */
  open(take: (item: Item) => void): void {
    this.#take = take;
    const early = this.#early;
    this.#early = [];
    for (const item of early) take(item);
  }

  override ended(count: number, result: ExportResult): void {
    this.#waiting -= count;
    super.ended(count, result);
  }
}

interface Exporter<Batch> {
  export(batch: Batch, done: (result: ExportResult) => void): void;
}

/** The exporter's `export`, with its end tallied, and an end for each batch: `cut` ends what is under way. */
export function exportVia<Batch>(
  exporter: Exporter<Batch>,
  tally: Tally,
  sizeOf: (batch: Batch) => number,
  { limitMs, cut }: { readonly limitMs: number; readonly cut: () => void },
): Exporter<Batch>["export"] {
  return (batch, done) => {
    const timer = setTimeout(cut, limitMs);
    timer.unref();
    let isOver = false;
    const over = (result: ExportResult): void => {
      if (isOver) return;
      isOver = true;
      clearTimeout(timer);
      tally.ended(sizeOf(batch), result);
      done(result);
    };
    try {
      exporter.export(batch, over);
    } catch (error) {
      over({ code: ExportResultCode.FAILED, error: error instanceof Error ? error : new Error(String(error)) });
    }
  };
}

/** A code at most: messages of the network name hosts and ports, those of others may name anything. */
function wordsOf(error: Error | undefined): string {
  if (error === undefined) return "failed";
  const { code } = error as { code?: unknown };
  if (typeof code === "number") return `answered ${code}`;
  if (typeof code === "string") return code;
  if (error.message === "Request timed out") return "no answer in time";
  return error.name === "OTLPExporterError" ? "answered that it cannot take it now" : error.name;
}
