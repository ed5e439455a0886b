/**
 * What a module that `transform.module` names may export: either function, or both. See docs/ids-and-tokens.md.
 *
 * In the module: `@type {import("crossfade/transform-module").ToNext}`.
 */

/** A request (a copy's, or with next as primary a client's) as next would get it by the settings beside `module`: values mapped, path, method, headers and members moved. */
export interface Request {
  /** One of HTTP's, but CONNECT. */
  method: string;
  /** Path and query: begins with /, without spaces. */
  target: string;
  /**
   * In the order in which they came; a name may stand there more than once, in any case. Not among them, and not to be given
   * back: host, content-length, idempotency-key, traceparent, x-crossfade-* and what belongs to one connection.
   */
  headers: [name: string, value: string][];
  /**
   * The body, its content coding (gzip, …) undone: a text where the content type says JSON, a form, XML or other text, and it is
   * one in its charset; else bytes; null: empty.
   */
  body: string | Uint8Array | null;
}

/** An answer of next's as it came, or as the function makes it. */
export interface Answer {
  /** 100 to 999. */
  status: number;
  headers: [name: string, value: string][];
  /** As of a request. */
  body: string | Uint8Array | null;
}

/** Makes of a request what next is sent in its place; undefined: it stays as it is. Pure, and not async. */
export type ToNext = (request: Request) => Request | undefined;

/** Makes of an answer of next's what legacy would have answered; undefined: it stays as it is. Pure, and not async. */
export type AnswerOf = (answer: Answer) => Answer | undefined;
