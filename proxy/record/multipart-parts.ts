/**
 * A multipart body (RFC 2046, 5.1) cut into its parts, strictly: whatever two readers could cut in two ways is not cut at all,
 * for one of them may find a secret where the other finds none.
 */

export interface BodyPart {
  /** Of the body, where the part's headers begin and end, and its content. */
  readonly headFrom: number;
  readonly from: number;
  readonly to: number;
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  /** Of its Content-Disposition. */
  readonly name: string | null;
  readonly filename: string | null;
  /** Of its Content-Type, in lower case; what says nothing is plain text. */
  readonly essence: string;
  /** Where its places begin: `NAME`, and `NAME/INDEX` where a name stands there more than once; else `INDEX`. */
  readonly place: readonly string[];
}

const BOUNDARY = /;\s*boundary=(?:"([^"]+)"|([^\s;"]+))/i;
/** RFC 2046, 5.1.1. */
const BOUNDARY_MAX_CHARS = 70;
const HEAD_MAX_BYTES = 8 * 1024;
const PARTS_MAX = 1_000;
/** A quotation that does not end is taken to the end: tried again from each quote, it would cost the square of its length. */
const PARAMETER = /;\s*([^\s=;]+)=(?:"((?:[^"\\]|\\.)*)("?)|([^\s;]*))/g;
const FORM_DATA = /^multipart\/form-data\s*(?:;|$)/i;

/** What the comparison names in a part (docs/comparing-bodies.md). */
const PART_WORDS: ReadonlySet<string> = new Set(["type", "filename", "range", "content"]);

/** Whether the token is a name of the comparison's own, and nothing that a body holds. */
export function isPartWord(contentType: string, tokens: readonly string[], index: number): boolean {
  if (!PART_WORDS.has(tokens[index] as string)) return false;
  return index === 1 || (index === 2 && FORM_DATA.test(contentType) && /^\d+$/.test(tokens[1] as string));
}

/** null: it is none, was cut, or can be read in more than one way. Reads each byte a few times at most. */
export function splitParts(body: Buffer, contentType: string): readonly BodyPart[] | null {
  const [, quoted, bare] = BOUNDARY.exec(contentType) ?? [];
  const boundary = quoted ?? bare ?? "";
  if (boundary === "" || boundary.length > BOUNDARY_MAX_CHARS) return null;
  const text = body.toString("latin1");
  const delimiter = Buffer.from(`--${boundary}`).toString("latin1");
  const parts: Omit<BodyPart, "place">[] = [];
  let from = -1;
  let isClosed = false;
  for (let at = text.indexOf(delimiter); at !== -1; at = text.indexOf(delimiter, at + delimiter.length)) {
    const end = boundaryEnd(text, at, at + delimiter.length);
    if (end === null || isClosed || parts.length === PARTS_MAX) return null;
    if (from !== -1) {
      const part = partOf(body, from, contentEnd(text, from, at));
      if (part === null) return null;
      parts.push(part);
    }
    isClosed = text.startsWith("--", at + delimiter.length);
    from = end;
  }
  if (!isClosed) return null;
  return FORM_DATA.test(contentType) ? placedByName(parts) : parts.map((part, i) => ({ ...part, place: [String(i)] }));
}

/** Where what follows it begins; null: it is not a line of its own. */
function boundaryEnd(text: string, at: number, behind: number): number | null {
  if (at > 0 && text[at - 1] !== "\n") return null;
  const line = /(?:(--)[ \t]*(?:\r?\n|$)|[ \t]*\r?\n)/y;
  line.lastIndex = behind;
  const found = line.exec(text);
  return found === null ? null : line.lastIndex;
}

/** The line end before a boundary belongs to the boundary. */
function contentEnd(text: string, from: number, delimiterAt: number): number {
  return Math.max(from, text[delimiterAt - 2] === "\r" ? delimiterAt - 2 : delimiterAt - 1);
}

function partOf(body: Buffer, headFrom: number, to: number): Omit<BodyPart, "place"> | null {
  const start = body.toString("latin1", headFrom, Math.min(to, headFrom + HEAD_MAX_BYTES));
  const blank = /^\r?\n|\r?\n\r?\n/.exec(start);
  if (blank === null) return null;
  const head = Buffer.from(start.slice(0, blank.index), "latin1").toString("utf8");
  const headers = readHead(head);
  if (headers === null) return null;
  const disposition = parametersOf(headers.get("content-disposition") ?? "");
  if (disposition === null) return null;
  const essence = (headers.get("content-type") ?? "text/plain").split(";", 1)[0] as string;
  return {
    headFrom,
    from: headFrom + blank.index + blank[0].length,
    to,
    headers,
    name: disposition.get("name") ?? null,
    filename: disposition.get("filename*") ?? disposition.get("filename") ?? null,
    essence: essence.trim().toLowerCase(),
  };
}

/** null: a header that goes on in the next line, has no name, or stands there twice. */
function readHead(head: string): ReadonlyMap<string, string> | null {
  const headers = new Map<string, string>();
  if (head === "") return headers;
  for (const line of head.split(/\r?\n/)) {
    const [, name, value] = /^([^\s:]+)[ \t]*:(.*)$/.exec(line) ?? [];
    if (name === undefined || value === undefined || headers.has(name.toLowerCase())) return null;
    headers.set(name.toLowerCase(), value.trim());
  }
  return headers;
}

/** Names in lower case. null: a quotation does not end. */
function parametersOf(header: string): ReadonlyMap<string, string> | null {
  const parameters = new Map<string, string>();
  for (const [, name = "", quoted, end, bare = ""] of header.matchAll(PARAMETER)) {
    if (quoted !== undefined && end === "") return null;
    parameters.set(name.toLowerCase(), quoted?.replace(/\\(.)/g, "$1") ?? bare);
  }
  return parameters;
}

function placedByName(parts: readonly Omit<BodyPart, "place">[]): readonly BodyPart[] {
  const counts = new Map<string, number>();
  for (const { name } of parts) counts.set(name ?? "", (counts.get(name ?? "") ?? 0) + 1);
  const indexes = new Map<string, number>();
  return parts.map((part) => {
    const name = part.name ?? "";
    if (counts.get(name) === 1) return { ...part, place: [name] };
    const index = indexes.get(name) ?? 0;
    indexes.set(name, index + 1);
    return { ...part, place: [name, String(index)] };
  });
}
