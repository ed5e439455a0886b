/** How white space counts: `plain` always; `xml` and `html` not where a run of it is all there is between two tags. */
export type TextReading = "plain" | "xml" | "html";

const TAB = 0x09;
const LF = 0x0a;
const FF = 0x0c;
const CR = 0x0d;
const SPACE = 0x20;
const EXCLAMATION = 0x21;
const DOUBLE_QUOTE = 0x22;
const SINGLE_QUOTE = 0x27;
const SLASH = 0x2f;
const LESS = 0x3c;
const EQUALS = 0x3d;
const GREATER = 0x3e;
const QUESTION = 0x3f;

/** What follows one of these in a tag's place is taken as it is, up to its end. */
const VERBATIM: readonly (readonly [begin: string, end: string])[] = [
  ["<!--", "-->"],
  ["<![CDATA[", "]]>"],
  ["<?", "?>"],
];
/** HTML elements whose content is taken as it is. */
const RAW_ELEMENT = /<(pre|textarea|script|style)(?=[\s/>])/iy;
const RAW_END: Readonly<Record<string, RegExp>> = {
  pre: /<\/pre(?=[\s/>])/gi,
  textarea: /<\/textarea(?=[\s/>])/gi,
  script: /<\/script(?=[\s/>])/gi,
  style: /<\/style(?=[\s/>])/gi,
};

/**
 * Walks over the UTF-16 units of a text that count: CR LF is one line end, and in markup the white space between tags is
 * left out. Markup need not be well-formed. Holds nothing but its place, and the whole walk is linear.
 */
export class TextCursor {
  readonly #text: string;
  readonly #reading: TextReading;
  #at = 0;
  /** Up to here everything is taken as it is. */
  #verbatimEnd = 0;
  #inTag = false;
  /** White space that comes next may be all there is between two tags, or at either end of the document. */
  #isBetweenTags = true;
  #quote = 0;
  /** The last unit within a tag that is no white space. */
  #lastInTag = 0;
  #rawEnd: RegExp | null = null;
  /** Where the unit stands that `next` gave last. */
  from = 0;

  constructor(text: string, reading: TextReading) {
    this.#text = text;
    this.#reading = reading;
  }

  /** -1: at the end. */
  next(): number {
    const text = this.#text;
    if (this.#reading !== "plain" && !this.#inTag && this.#at >= this.#verbatimEnd) this.#leaveText();
    this.from = this.#at;
    if (this.#at >= text.length) return -1;
    let unit = text.charCodeAt(this.#at++);
    if (unit === CR && this.#at < text.length && text.charCodeAt(this.#at) === LF) {
      this.#at += 1;
      unit = LF;
    }
    if (this.#inTag) this.#stepInTag(unit);
    return unit;
  }

  /** Between tags: past white space that does not count, and into the tag, comment or other construct that begins here. */
  #leaveText(): void {
    const text = this.#text;
    if (this.#isBetweenTags) {
      let end = this.#at;
      while (end < text.length && isSpace(text.charCodeAt(end))) end += 1;
      if (end === text.length || (text.charCodeAt(end) === LESS && !text.startsWith("<![CDATA[", end))) this.#at = end;
      this.#isBetweenTags = false;
    }
    if (text.charCodeAt(this.#at) !== LESS) return;
    const next = this.#at + 1 < text.length ? text.charCodeAt(this.#at + 1) : 0;
    if ((next === EXCLAMATION || next === QUESTION) && this.#takeVerbatim()) return;
    // `a < b` is text.
    if (!isLetter(next) && next !== SLASH && next !== EXCLAMATION) return;
    this.#inTag = true;
    this.#quote = 0;
    this.#rawEnd = null;
    if (this.#reading === "xml") return;
    RAW_ELEMENT.lastIndex = this.#at;
    const name = RAW_ELEMENT.exec(text)?.[1]?.toLowerCase();
    if (name !== undefined) this.#rawEnd = RAW_END[name] ?? null;
  }

  /** Past a comment and the like; false: none begins here. */
  #takeVerbatim(): boolean {
    const text = this.#text;
    for (const [begin, end] of VERBATIM) {
      if (!text.startsWith(begin, this.#at)) continue;
      const ends = text.indexOf(end, this.#at + begin.length);
      this.#verbatimEnd = ends < 0 ? text.length : ends + end.length;
      this.#isBetweenTags = end !== "]]>";
      return true;
    }
    return false;
  }

  #stepInTag(unit: number): void {
    if (this.#quote !== 0) {
      if (unit === this.#quote) this.#quote = 0;
    } else if (unit === GREATER) {
      this.#inTag = false;
      this.#isBetweenTags = true;
      if (this.#rawEnd !== null && this.#lastInTag !== SLASH) this.#takeRaw(this.#rawEnd);
    } else if ((unit === DOUBLE_QUOTE || unit === SINGLE_QUOTE) && this.#lastInTag === EQUALS) {
      this.#quote = unit;
    }
    if (!isSpace(unit)) this.#lastInTag = unit;
  }

  #takeRaw(end: RegExp): void {
    end.lastIndex = this.#at;
    this.#verbatimEnd = end.exec(this.#text)?.index ?? this.#text.length;
    this.#isBetweenTags = false;
  }
}

function isLetter(unit: number): boolean {
  const lower = unit | 0x20;
  return lower >= 0x61 && lower <= 0x7a;
}

function isSpace(unit: number): boolean {
  return unit === SPACE || unit === LF || unit === CR || unit === TAB || unit === FF;
}

/** Where in each text the first unit stands that counts and is not the other's; null: what counts is the same. */
export function firstDifference(
  a: string,
  b: string,
  reading: TextReading,
): { readonly a: number; readonly b: number } | null {
  if (a === b) return null;
  const cursorA = new TextCursor(a, reading);
  const cursorB = new TextCursor(b, reading);
  for (;;) {
    const unit = cursorA.next();
    if (unit !== cursorB.next()) return { a: cursorA.from, b: cursorB.from };
    if (unit < 0) return null;
  }
}
