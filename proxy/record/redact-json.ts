/**
 * Redacts inside the JSON text of a value, by the names on the way to each scalar. Works on the text itself, so that
 * digits stay as they were; and on a text that was cut at its end (it ends in `…`), as far as it goes. A text that is
 * neither is redacted whole: what cannot be read must not leak.
 */
import { printExact } from "../json/print-exact.ts";
import { parseExact } from "../json/parse-exact.ts";
import { mayNameSecrets } from "./secret-names.ts";

export interface JsonRedaction {
  /** Whether everything under this place is secret; `tokens` from the document's root, which begins with the difference's. */
  isSecret(tokens: readonly string[]): boolean;
  /** A string's content as it may be shown. */
  shownText(text: string): string;
  /** A number as it may be shown: itself, or a text that stands in for it. */
  shownNumber(digits: string): string;
  /** Stands in for a whole value, given its content: a string's text, a number's digits, else compact JSON. */
  mask(content: string): string;
}

const CUT = "…";
const MAX_DEPTH = 200;

class Unreadable extends Error {}

/** Reading one takes ten times as long as looking for secrets in it as in any text. */
const DOCUMENT_MAX_CHARS = 16 * 1024;

/** Whether a string holds a document of its own, an object or an array, in which a member may have a secret's name. */
export function holdsSecretDocument(text: string): boolean {
  if (text.length > DOCUMENT_MAX_CHARS || !/^\s*[[{]/.test(text)) return false;
  return mayNameSecrets(text) && parseExact(text).ok;
}

/** `at`: where the value stands, as tokens. */
export function redactJsonText(text: string, at: readonly string[], redaction: JsonRedaction): string {
  if (redaction.isSecret(at)) return isNothing(text) ? text : redaction.mask(contentOf(text));
  // A cut out of the middle of one scalar (print-exact.ts, printPair): no names in it but those in a string.
  if (text.startsWith(CUT)) return redaction.shownText(text);
  try {
    return new Rewriter(text, at, redaction).rewrite();
  } catch (thrown) {
    if (thrown instanceof Unreadable) return redaction.mask(text);
    throw thrown;
  }
}

/** Tells at most whether there is a secret, which is none. */
function isNothing(text: string): boolean {
  return text === "null" || text === '""' || text === "true" || text === "false";
}

/** The same content has the same stand-in, however it is spelled. */
function contentOf(text: string): string {
  const read = parseExact(text);
  if (!read.ok) return text;
  return typeof read.value === "string" ? read.value : printExact(read.value, text.length + 2);
}

class Rewriter {
  readonly #text: string;
  readonly #path: string[];
  readonly #redaction: JsonRedaction;
  /** Where the text ends, the mark of a cut aside. */
  readonly #end: number;
  readonly #isCut: boolean;
  #at = 0;
  #out = "";

  constructor(text: string, at: readonly string[], redaction: JsonRedaction) {
    this.#text = text;
    this.#path = [...at];
    this.#redaction = redaction;
    this.#isCut = text.endsWith(CUT);
    this.#end = this.#isCut ? text.length - CUT.length : text.length;
  }

  rewrite(): string {
    this.#value(0);
    if (this.#at < this.#end) throw new Unreadable();
    return this.#isCut ? this.#out + CUT : this.#out;
  }

  #value(depth: number): void {
    if (depth > MAX_DEPTH) throw new Unreadable();
    this.#space();
    if (this.#ended()) return;
    const first = this.#text[this.#at] as string;
    if (first === "{") this.#container("}", () => this.#member(depth));
    else if (first === "[") this.#elements(depth);
    else this.#scalar();
    this.#space();
  }

  #elements(depth: number): void {
    let index = 0;
    this.#container("]", () => {
      this.#path.push(String(index++));
      this.#valueAt(depth + 1);
      this.#path.pop();
    });
  }

  #container(close: string, item: () => void): void {
    this.#copy(1);
    this.#space();
    if (this.#text[this.#at] === close && this.#at < this.#end) return this.#copy(1);
    for (;;) {
      item();
      this.#space();
      if (this.#ended()) return;
      const next = this.#text[this.#at];
      this.#copy(1);
      if (next === close) return;
      if (next !== ",") throw new Unreadable();
    }
  }

  #member(depth: number): void {
    this.#space();
    if (this.#ended()) return;
    const name = this.#stringToken();
    // A name that was cut is left out: it may be the beginning of a secret's.
    if (name.content === null) return;
    this.#string(name.raw, name.content);
    this.#space();
    if (this.#ended()) return;
    if (this.#text[this.#at] !== ":") throw new Unreadable();
    this.#copy(1);
    this.#path.push(name.content);
    this.#valueAt(depth + 1);
    this.#path.pop();
  }

  /** The value at the path, whole where the path is secret. */
  #valueAt(depth: number): void {
    this.#space();
    if (this.#ended()) return;
    if (!this.#redaction.isSecret(this.#path)) return this.#value(depth);
    const before = this.#out;
    const from = this.#at;
    this.#value(depth);
    const raw = this.#text.slice(from, this.#at).trim();
    if (!isNothing(raw)) this.#out = before + JSON.stringify(this.#redaction.mask(contentOf(raw)));
  }

  #scalar(): void {
    if (this.#text[this.#at] === '"') {
      const token = this.#stringToken();
      if (token.content === null) this.#out += this.#partialString(token.raw);
      else this.#string(token.raw, token.content);
      return;
    }
    const word = /[^,\]}\s]*/y;
    word.lastIndex = this.#at;
    const found = (word.exec(this.#text)?.[0] ?? "").slice(0, this.#end - this.#at);
    const isWhole = /^(?:true|false|null|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)$/.test(found);
    const isPrefix = this.#at + found.length === this.#end && this.#isCut && /^[-+.\deE]*$|^[a-z]{1,4}$/.test(found);
    if (found === "" || !(isWhole || isPrefix)) throw new Unreadable();
    const shown = this.#redaction.shownNumber(found);
    if (shown === found) return this.#copy(found.length);
    this.#out += JSON.stringify(shown);
    this.#at += found.length;
  }

  /** As it was spelled, unless there is something to redact in it. */
  #string(raw: string, content: string): void {
    const shown = this.#redaction.shownText(content);
    this.#out += shown === content ? raw : JSON.stringify(shown);
  }

  /** A string that was cut: shown as far as it goes, unless there is something to redact in it. */
  #partialString(raw: string): string {
    const content = raw.slice(1);
    const shown = this.#redaction.shownText(content);
    return shown === content ? raw : `"${shown}`;
  }

  /** Moves past a string; `content` null where the text ends inside it. */
  #stringToken(): { readonly raw: string; readonly content: string | null } {
    if (this.#text[this.#at] !== '"') throw new Unreadable();
    const from = this.#at;
    for (let at = from + 1; at < this.#end; at++) {
      const unit = this.#text[at];
      if (unit === "\\") at += 1;
      else if (unit === '"') {
        const raw = this.#text.slice(from, at + 1);
        const read = parseExact(raw);
        if (!read.ok || typeof read.value !== "string") throw new Unreadable();
        this.#at = at + 1;
        return { raw, content: read.value };
      }
    }
    if (!this.#isCut) throw new Unreadable();
    this.#at = this.#end;
    return { raw: this.#text.slice(from, this.#end), content: null };
  }

  #copy(length: number): void {
    this.#out += this.#text.slice(this.#at, this.#at + length);
    this.#at += length;
  }

  #space(): void {
    const from = this.#at;
    while (this.#at < this.#end && /\s/.test(this.#text[this.#at] as string)) this.#at += 1;
    this.#out += this.#text.slice(from, this.#at);
  }

  /** The text ends here: as it may where it was cut, and nowhere else. */
  #ended(): boolean {
    if (this.#at < this.#end) return false;
    if (!this.#isCut) throw new Unreadable();
    return true;
  }
}
