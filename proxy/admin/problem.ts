import { STATUS_CODES } from "node:http";
import { CrossfadeError } from "../errors.ts";

/** An error answer: problem+json (RFC 9457) with what the caller can do about it in `detail`. */
export class Problem extends Error {
  override readonly name = "Problem";
  readonly status: number;
  /** Members beside type, title, status and detail (`parameter`, `value`, `allowed`). */
  readonly members: Readonly<Record<string, unknown>>;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    status: number,
    detail: string,
    more: { members?: Readonly<Record<string, unknown>>; headers?: Readonly<Record<string, string>> } = {},
  ) {
    super(detail);
    this.status = status;
    this.members = more.members ?? {};
    this.headers = more.headers ?? {};
  }

  toJSON(): Record<string, unknown> {
    const title = STATUS_CODES[this.status] ?? "Error";
    return { type: "about:blank", title, status: this.status, detail: this.message, ...this.members };
  }
}

/** What a caller is told about anything that was thrown; null: nobody foresaw it, so it is logged and told as a bare 500. */
export function problemFor(thrown: unknown): Problem | null {
  if (thrown instanceof Problem) return thrown;
  if (thrown instanceof CrossfadeError) {
    if (thrown.source === "client") return new Problem(400, thrown.message);
    if (thrown.source === "store") {
      return new Problem(503, thrown.message, { members: { code: thrown.code }, headers: { "retry-after": "1" } });
    }
    return null;
  }
  // Fastify's own refusals (a malformed URL, a body where none belongs) carry their status.
  if (thrown instanceof Error && "statusCode" in thrown) {
    const status = thrown.statusCode;
    if (typeof status === "number" && status >= 400 && status < 500) return new Problem(status, thrown.message);
  }
  return null;
}
