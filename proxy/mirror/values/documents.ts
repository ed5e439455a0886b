/** What values stand in, and how it is edited: each place is replaced where it stands, the rest stays to the byte. */
import type { RawHeaders } from "../../exchange.ts";
import { framedFor } from "../../headers.ts";

export type BodyForm = "json" | "form" | "none";

/** A request without its answer, or an answer (whose `target` is empty). */
export interface Documents {
  readonly target: string;
  readonly headers: RawHeaders;
  /** Whole, and not encoded; null: there is none that could be read. */
  readonly body: Buffer | null;
  readonly form: BodyForm;
}

export type DocumentName = "target" | "body" | number;

export interface Edit {
  /** A header by the index of its value. */
  readonly in: DocumentName;
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

export interface Edited {
  readonly target: string;
  readonly headers: string[];
  readonly body: Buffer | null;
}

/** Of two edits that overlap, as where two entries of the configuration meet in one place, the first counts. */
export function edit(documents: Documents, edits: readonly Edit[]): Edited {
  const headers = [...documents.headers];
  let { target, body } = documents;
  const names = new Set(edits.map((each) => each.in));
  for (const name of names) {
    const own = withoutOverlaps(edits.filter((each) => each.in === name));
    if (name === "target") target = replaceIn(target, own);
    else if (name === "body") body = body === null ? null : replaceInBytes(body, own);
    else headers[name] = replaceIn(headers[name] as string, own);
  }
  if (body === null || body === documents.body) return { target, headers, body };
  return { target, headers: framedFor(headers, body.length), body };
}

function withoutOverlaps(edits: readonly Edit[]): readonly Edit[] {
  const kept: Edit[] = [];
  for (const one of edits) if (!kept.some(({ start, end }) => one.start < end && start < one.end)) kept.push(one);
  return kept.toSorted((a, b) => a.start - b.start);
}

function replaceIn(text: string, edits: readonly Edit[]): string {
  let replaced = "";
  let from = 0;
  for (const { start, end, text: by } of edits) {
    replaced += text.slice(from, start) + by;
    from = end;
  }
  return replaced + text.slice(from);
}

function replaceInBytes(bytes: Buffer, edits: readonly Edit[]): Buffer {
  const chunks: Buffer[] = [];
  let from = 0;
  for (const { start, end, text } of edits) {
    chunks.push(bytes.subarray(from, start), Buffer.from(text));
    from = end;
  }
  chunks.push(bytes.subarray(from));
  return Buffer.concat(chunks);
}

/** Its body is not encoded any more. */
export function withoutCoding(headers: RawHeaders): string[] {
  return headers.filter((_, i) => (headers[i - (i % 2)] as string).toLowerCase() !== "content-encoding");
}
