/** Text that fits a terminal: cut, padded, wrapped by what is seen of it. Pure. */
import { stripVTControlCharacters } from "node:util";

const segmenter = new Intl.Segmenter("en", { granularity: "grapheme" });
/** Two columns: East Asian wide and fullwidth (UAX 11, the blocks in use), and emoji. */
const WIDE =
  /^[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}|[\u{20000}-\u{3fffd}]/u;

/** Columns that a text takes; styles take none. */
export function widthOf(text: string): number {
  const plain = stripVTControlCharacters(text);
  if (/^[\u0020-\u007e]*$/.test(plain)) return plain.length;
  let width = 0;
  for (const { segment } of segmenter.segment(plain)) width += WIDE.test(segment) ? 2 : 1;
  return width;
}

/** At most `width` columns of an unstyled text; what is cut ends in `…`. */
export function cut(text: string, width: number): string {
  if (widthOf(text) <= width) return text;
  let kept = "";
  let taken = 0;
  for (const { segment } of segmenter.segment(text)) {
    const more = WIDE.test(segment) ? 2 : 1;
    if (taken + more > width - 1) break;
    kept += segment;
    taken += more;
  }
  return width < 1 ? "" : `${kept}…`;
}

export function pad(text: string, width: number): string {
  return text + " ".repeat(Math.max(0, width - widthOf(text)));
}

export function padStart(text: string, width: number): string {
  return " ".repeat(Math.max(0, width - widthOf(text))) + text;
}

/** Breaks at blanks; lines after the first begin with `indent` blanks. A word longer than the line stands alone in full. */
export function wrap(text: string, width: number, indent = 0): readonly string[] {
  return wrapWords(text.split(" "), width, indent);
}

/** The same for words that may hold blanks. */
export function wrapWords(words: readonly string[], width: number, indent = 0): readonly string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of words) {
    const room = lines.length === 0 ? width : width - indent;
    if (line !== "" && widthOf(line) + 1 + widthOf(word) > room) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  lines.push(line);
  return lines.map((each, i) => (i === 0 ? each : " ".repeat(indent) + each));
}

export interface Column {
  readonly title: string;
  readonly align?: "right";
  /** Cut to this many columns before anything else is. */
  readonly atMost?: number;
}

const GAP = "  ";

/** A table without lines. The last column takes what is left and is cut to fit; the others keep their width. */
export function table(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  width: number,
): readonly string[] {
  const last = columns.length - 1;
  const widths = columns.map(({ title, atMost = Number.MAX_SAFE_INTEGER }, i) =>
    Math.min(atMost, Math.max(widthOf(title), ...rows.map((row) => widthOf(row[i] ?? "")))),
  );
  const before = widths.slice(0, last).reduce((sum, each) => sum + each + GAP.length, 0);
  widths[last] = Math.max(8, Math.min(widths[last] ?? 0, width - before));
  const line = (cells: readonly string[]): string =>
    columns
      .map(({ align }, i) => {
        const cell = cut(cells[i] ?? "", widths[i] ?? 0);
        if (align === "right") return padStart(cell, widths[i] ?? 0);
        return i === last ? cell : pad(cell, widths[i] ?? 0);
      })
      .join(GAP)
      .trimEnd();
  return [line(columns.map(({ title }) => title)), ...rows.map(line)];
}
