/** JSON documents of the shapes that APIs answer with, of a size that is asked for, and the same with one field changed. */
import { chances } from "../support/json-spelling.ts";

const WORDS = ["red", "wooden", "chair", "with", "small", "table", "lamp", "blue", "and", "window"];

/** Repeatable chances and what is made of them. */
class Source {
  readonly #chance = chances(4711);

  below(bound: number): number {
    return Math.floor(this.#chance() * bound);
  }

  words(count: number): string {
    return Array.from({ length: count }, () => WORDS[this.below(WORDS.length)]).join(" ");
  }
}

type Make = (source: Source, n: number) => unknown;

const record: Make = (source, n) => ({
  id: 1000 + n,
  sku: `A-${source.below(1_000_000)}`,
  name: source.words(3),
  price: source.below(100_000) / 100,
  inStock: source.below(2) === 0,
  tags: [source.words(1), source.words(1)],
  createdAt: `2026-11-0${1 + source.below(9)}T10:00:00Z`,
  note: null,
});

const LISTS: Readonly<Record<string, Make>> = {
  records: record,
  integers: (source) => source.below(1_000_000),
  "integers below 100": (source) => source.below(100),
  "integers of 16 digits": (source) => 1e15 + source.below(1e15),
  decimals: (source) => 1 + source.below(1e8) / 1e4,
  sentences: (source) => source.words(6),
  "strings with escapes": (source) => `say "${source.words(3)}"\n\tü${source.words(2)}\\`,
  "strings beyond Latin": (source) => ({ n: `Größe ${source.words(3)} 東京` }),
};

/** Each shape by its name, as text of about that many bytes. */
export function documentsOf(bytes: number): ReadonlyMap<string, string> {
  const documents = new Map(Object.entries(LISTS).map(([name, make]) => [name, listOf(make, bytes)]));
  return documents.set("deep", deep(bytes));
}

function listOf(make: Make, bytes: number): string {
  const source = new Source();
  const parts: string[] = [];
  for (let length = 2; length < bytes; length += (parts.at(-1)?.length ?? 0) + 1) {
    parts.push(JSON.stringify(make(source, parts.length)));
  }
  return `[${parts.join()}]`;
}

function deep(bytes: number): string {
  const source = new Source();
  const opening: string[] = [];
  for (let length = 0; length < bytes; length += (opening.at(-1)?.length ?? 0) + 2) {
    opening.push(`{"id":${source.below(1000)},"name":"${source.words(1)}","child":[`);
  }
  return `${opening.join("")}1${"]}".repeat(opening.length)}`;
}

/** The document with one number, or one letter of a string, changed about its middle. */
export function changed(text: string): string {
  const middle = text.length >> 1;
  const number = /(?<=[[:,])[1-9](?=[0-9.]*[,\]}])/g;
  const letter = /(?<=[a-z])[a-z](?=[a-z ])/g;
  for (const pattern of [number, letter]) {
    pattern.lastIndex = middle;
    const at = pattern.exec(text)?.index;
    if (at === undefined) continue;
    const put = pattern === number ? String((Number(text[at]) % 9) + 1) : text[at] === "x" ? "y" : "x";
    return text.slice(0, at) + put + text.slice(at + 1);
  }
  throw new Error("there is nothing to change");
}
