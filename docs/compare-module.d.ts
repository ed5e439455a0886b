/**
 * What a module that `compare.module` names may export: either function, or both. See docs/comparing.md.
 *
 * In the module: `@type {import("crossfade/compare-module").Judge}`.
 */

/** An answer as it came, or as a function makes it. */
export interface Answer {
  /** 100 to 999. */
  status: number;
  /** In the order in which they came; a name may stand there more than once, in any case. At most 1,000 are taken back. */
  headers: [name: string, value: string][];
  /**
   * The body, its content coding (gzip, …) undone: a text where the content type says JSON, lines of JSON, a form, XML, HTML
   * or other text, and it is one in its charset; else bytes (multiparts, images, no content type); null: empty. A body that
   * does not decode comes as the bytes that it is. At most 32 MiB; pairs with a larger body are compared by rules alone.
   */
  body: string | Uint8Array | null;
}

export type Side = "primary" | "shadow";

/**
 * Makes answers comparable: called for each side on its own. Gives back an answer, or undefined for one that stays as it is.
 * What it changes is compared only: clients get what the services sent.
 */
export type Normalise = (answer: Answer, side: Side) => Answer | undefined;

export type DifferenceKind =
  | "status"
  | "header"
  | "type"
  | "value"
  | "missing"
  | "extra"
  | "order"
  | "length"
  | "precision"
  | "body"
  | "conflict";

/** One place where the two answers disagree, and which no rule excuses. */
export interface Difference {
  /** A JSON pointer, `header:name`, or empty for the status or the whole body. */
  at: string;
  kind: DifferenceKind;
  /** JSON texts (`"10:00"` with its quotes, 9007199254740993 with all its digits), or header values; null: absent. */
  primary: string | null;
  shadow: string | null;
  /** The route's name and the request's method. */
  route?: string;
  method?: string;
}

/** Decides about one difference. undefined is "keep". */
export type Judge = (difference: Difference) => "excuse" | "keep" | undefined;
