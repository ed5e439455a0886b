/** Terms that several parts of `Settings` are made of. */

export const EFFECTS = ["suppressed", "sandboxed", "real"] as const;
export type Effects = (typeof EFFECTS)[number];

export const LOCATOR_SOURCES = ["path", "query", "header", "cookie", "body", "answer", "answer-header"] as const;
export type LocatorSource = (typeof LOCATOR_SOURCES)[number];

/**
 * Where a value stands: `path:id query:q header:x cookie:s body:/p answer:/p answer-header:x`, or `path` (the whole path).
 * `name` is the parameter, header (lower case) or cookie name, or a JSON pointer; empty for the whole path.
 */
export interface Locator {
  readonly source: LocatorSource;
  readonly name: string;
}

/** Personal data that is told by its looks; `jwt` is redacted in any case. */
