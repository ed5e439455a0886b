/** JSON a line a value, spelled as it was (digits, escapes, members twice), each line with its place. Pure. */
import { escapeToken } from "../json/pointer.ts";

export interface PrettyLine {
  /** JSON pointer of the value that begins, or ends, on this line. */
  readonly at: string;
  readonly depth: number;
  readonly text: string;
}

const TOKEN = /\s*("(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+)/y;

interface Open {
  readonly at: string;
  readonly isArray: boolean;
  index: number;
}

/** null: it is no JSON. */
export function prettyJson(text: string): readonly PrettyLine[] | null {
  try {
    JSON.parse(text);
  } catch {
    return null;
  }
  const lines: PrettyLine[] = [];
  const open: Open[] = [];
  let line = "";
  let at = "";
  const push = (place: string, depth: number): void => {
    lines.push({ at: place, depth, text: line });
    line = "";
  };
  TOKEN.lastIndex = 0;
  for (let token = next(text); token !== null; token = next(text)) {
    const inner = open.at(-1);
    if (token === "{" || token === "[") {
      const closing = token === "{" ? "}" : "]";
      if (startsWith(text, closing)) {
        next(text);
        line += token + closing;
        continue;
      }
      line += token;
      push(at, open.length);
      open.push({ at, isArray: token === "[", index: 0 });
      if (token === "[") at = `${at}/0`;
    } else if (token === "}" || token === "]") {
      if (line !== "") push(at, open.length);
      open.pop();
      at = inner?.at ?? "";
      line = token;
    } else if (token === ",") {
      line += token;
      push(at, open.length);
      if (inner?.isArray === true) at = `${inner.at}/${(inner.index += 1)}`;
    } else if (token === ":") {
      line += ": ";
    } else if (inner !== undefined && !inner.isArray && line === "") {
      line = token;
      at = `${inner.at}/${escapeToken(JSON.parse(token) as string)}`;
    } else {
      line += token;
    }
  }
  push(at, open.length);
  return lines;
}

function next(text: string): string | null {
  return TOKEN.exec(text)?.[1] ?? null;
}

function startsWith(text: string, token: string): boolean {
  const before = TOKEN.lastIndex;
  const found = next(text);
  TOKEN.lastIndex = before;
  return found === token;
}

/** Whether the line is of a place that differs, or of something within it. */
export function isWithin(at: string, places: readonly string[]): boolean {
  return places.some((place) => at === place || at.startsWith(`${place}/`));
}
