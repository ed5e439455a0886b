/** Tells where in a text something is, and what it looks like there, without any of its content. */

/** Units before and from the place on that are sketched. */
const SKETCH_BEFORE = 12;
const SKETCH_FROM = 28;

/**
 * `at line 3 column 14, which looks like "<xxxx>99.99</xxxx>"`. Evidence is redacted by the names of members and by what
 * secrets look like; in a text nothing says which part of it is one, or where it begins. So letters and digits are told by
 * kind only: enough to see that a date became a number or a comma a point, and nothing of what they said.
 */
export function placeInText(text: string, at: number): string {
  const place = `line ${lineOf(text, at)} column ${at - lineStartOf(text, at) + 1}`;
  if (at >= text.length) return `at its end, ${place}`;
  return `at ${place}, which looks like ${sketch(text, at)}`;
}

function lineOf(text: string, at: number): number {
  let line = 1;
  for (let end = text.indexOf("\n"); end >= 0 && end < at; end = text.indexOf("\n", end + 1)) line += 1;
  return line;
}

function lineStartOf(text: string, at: number): number {
  return at === 0 ? 0 : text.lastIndexOf("\n", at - 1) + 1;
}

function sketch(text: string, at: number): string {
  const lineStart = lineStartOf(text, at);
  const from = Math.max(lineStart, at - SKETCH_BEFORE);
  const to = Math.min(text.length, at + SKETCH_FROM);
  const shown = Array.from(text.slice(from, to), kindOf).join("");
  return `${from > lineStart ? "…" : ""}"${shown}"${to < text.length ? "…" : ""}`;
}

function kindOf(character: string): string {
  if (/\p{Lu}/u.test(character)) return "X";
  if (/[\p{L}\p{M}]/u.test(character)) return "x";
  if (/\p{N}/u.test(character)) return "9";
  if (/\s/.test(character)) return " ";
  // What gives numbers, dates and markup their form; passwords have their signs from among all the others.
  return /[<>/=.,:;()[\]{}'-]/.test(character) ? character : "*";
}
