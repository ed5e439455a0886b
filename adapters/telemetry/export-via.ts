import { type ExportResult, ExportResultCode } from "@opentelemetry/core";
import type { Tally } from "./outbox.ts";

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
      tally.ended(sizeOf(batch), result.code === ExportResultCode.SUCCESS ? null : wordsOf(result.error));
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
