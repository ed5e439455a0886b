/** The YAML of one file as a plain tree, with the line and column of every part of it. */
import {
  type Alias,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  visit,
  type Document,
  type Node,
} from "yaml";
import type { ConfigMessage, ConfigPath } from "./message.ts";

export interface ConfigSource {
  readonly file: string;
  /** As parsed; {} for an empty file. Strings hold `${NAME}` as written. */
  readonly tree: unknown;
  /** Where the value at `path` stands; of what is not written, the innermost part around it that is. */
  placeOf(path: ConfigPath): Place;
  /** Where the last key of `path` stands. */
  placeOfKey(path: ConfigPath): Place;
}

export interface Place {
  readonly line: number;
  readonly column: number;
}

export type SourceResult =
  | { readonly ok: true; readonly source: ConfigSource; readonly warnings: readonly ConfigMessage[] }
  | { readonly ok: false; readonly errors: readonly ConfigMessage[] };

/** A config of 500 routes is about 100 KiB. */
const MAX_BYTES = 1024 * 1024;
/** Nodes that aliases may stand for, each counted once for every alias above it: ends "billion laughs" early. */
const MAX_ALIASES = 1000;
/** One slip can make hundreds of follow-up errors; nobody reads more. */
const MAX_ERRORS = 20;

export function readSource(file: string, bytes: Buffer): SourceResult {
  const refuse = (text: string, place: Place | null): SourceResult => ({
    ok: false,
    errors: [{ file, line: place?.line ?? null, column: place?.column ?? null, text }],
  });
  if (bytes.length > MAX_BYTES) return refuse(`has ${bytes.length} bytes; a config file may have ${MAX_BYTES}`, null);
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return refuse("is not UTF-8 text", null);
  }
  try {
    return readYaml(file, text);
  } catch (thrown) {
    const why = thrown instanceof Error ? thrown.message : String(thrown);
    return refuse(plainWords("", why), { line: 1, column: 1 });
  }
}

function readYaml(file: string, text: string): SourceResult {
  const lines = new LineCounter();
  // The parser's own check for duplicate keys is quadratic: 7 s for 100,000 of them (yaml 2.9).
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: false });
  const message = ({
    pos,
    code,
    message: words,
  }: {
    pos: readonly [number, number];
    code: string;
    message: string;
  }) => ({
    file,
    ...placeAt(lines, pos[0]),
    text: plainWords(code, words),
  });
  const refuse = (errors: readonly ConfigMessage[]): SourceResult => ({
    ok: false,
    errors: errors.slice(0, MAX_ERRORS),
  });
  if (document.errors.length > 0) {
    const errors = document.errors.map(message);
    const first = errors.findIndex(({ line }) => bareReference(text, line) !== null);
    if (first === -1) return refuse(errors);
    // What follows such a brace is taken apart wrongly: further errors are only its echo.
    return refuse(
      errors
        .slice(0, first + 1)
        .map((error, i) => (i < first ? error : { ...error, text: `${error.text}; ${inQuotes(text, error.line)}` })),
    );
  }
  const twice = duplicateKeys(document).map(({ name, offset }) => ({
    file,
    ...placeAt(lines, offset),
    text: `${name} stands twice in one group; keep one of them`,
  }));
  if (twice.length > 0) return refuse(twice);
  const root = document.contents;
  if (root !== null && !isMap(root) && !(isScalar(root) && root.value === null)) {
    const words = "does not hold settings; write key: value lines, such as listen: 127.0.0.1:8080";
    return refuse([{ file, line: 1, column: 1, text: words }]);
  }
  const tree: unknown = document.toJS({ maxAliasCount: MAX_ALIASES }) ?? {};
  if (holdsItself(tree, new Set())) {
    return refuse([{ file, line: 1, column: 1, text: "has an alias inside of what it stands for" }]);
  }
  return { ok: true, source: new YamlSource(file, tree, document, lines), warnings: document.warnings.map(message) };
}

/** The value with a `${NAME}` that stands in `line` (from 1) without quotes: inside { } or [ ] its brace is YAML's own. */
function bareReference(text: string, line: number): string | null {
  const bare = (text.split("\n")[line - 1] ?? "").replace(/"(?:[^"\\]|\\.)*"|'[^']*'/g, "");
  return /[^\s,[\]{}"']*\$\{[^}]*\}[^\s,[\]{}"']*/.exec(bare)?.[0] ?? null;
}

function inQuotes(text: string, line: number): string {
  return `put it in quotes: "${bareReference(text, line) ?? ""}"`;
}

function duplicateKeys(document: Document): { readonly name: string; readonly offset: number }[] {
  const found: { name: string; offset: number }[] = [];
  visit(document, {
    Map(_, map) {
      const seen = new Set<string>();
      for (const { key } of map.items) {
        if (!isScalar(key)) continue;
        const name = String(key.value);
        if (seen.has(name)) found.push({ name, offset: key.range?.[0] ?? 0 });
        seen.add(name);
      }
    },
  });
  return found;
}

function holdsItself(value: unknown, around: Set<unknown>): boolean {
  if (typeof value !== "object" || value === null) return false;
  if (around.has(value)) return true;
  around.add(value);
  const found = Object.values(value).some((inner) => holdsItself(inner, around));
  around.delete(value);
  return found;
}

/** The parser's words, made plainer where operators meet them. */
function plainWords(code: string, words: string): string {
  if (code === "MULTIPLE_DOCS") return "a second document begins here (---); a config file holds one";
  if (code === "TAB_AS_INDENT") return "a tab indents this line; YAML wants spaces";
  if (code === "BLOCK_AS_IMPLICIT_KEY")
    return "a colon in this value makes YAML read it as a key; put the value in quotes";
  // A RangeError: thousands of brackets exhaust the parser's stack.
  if (words.includes("call stack")) return "is nested too deeply";
  if (words.includes("Excessive alias count")) return `has aliases that stand for more than ${MAX_ALIASES} parts`;
  return words.replace(/\s+/g, " ");
}

function placeAt(lines: LineCounter, offset: number): Place {
  const { line, col } = lines.linePos(offset);
  return { line: Math.max(line, 1), column: Math.max(col, 1) };
}

class YamlSource implements ConfigSource {
  readonly file: string;
  readonly tree: unknown;
  readonly #document: Document;
  readonly #lines: LineCounter;

  constructor(file: string, tree: unknown, document: Document, lines: LineCounter) {
    this.file = file;
    this.tree = tree;
    this.#document = document;
    this.#lines = lines;
  }

  placeOf(path: ConfigPath): Place {
    return this.#place(this.#walk(path).node);
  }

  placeOfKey(path: ConfigPath): Place {
    return this.#place(this.#walk(path).key);
  }

  /** The innermost written part along `path`, and the key that leads to it. */
  #walk(path: ConfigPath): { readonly node: Node | null; readonly key: Node | null } {
    let node: Node | null = this.#document.contents;
    let key: Node | null = node;
    for (const name of path) {
      const inside: Node | null = isAlias(node) ? ((node as Alias).resolve(this.#document) ?? null) : node;
      if (isMap<Node, Node | null>(inside)) {
        const pair = inside.items.find(
          (item) => String(isScalar(item.key) ? item.key.value : item.key) === String(name),
        );
        if (pair === undefined) break;
        key = pair.key;
        // `routes:` with nothing behind it: the key is all there is to point at.
        node = pair.value ?? pair.key;
      } else if (isSeq<Node>(inside) && typeof name === "number" && inside.items[name] !== undefined) {
        key = node = inside.items[name] ?? null;
      } else break;
    }
    return { node, key };
  }

  #place(node: Node | null): Place {
    return node?.range ? placeAt(this.#lines, node.range[0]) : { line: 1, column: 1 };
  }
}
