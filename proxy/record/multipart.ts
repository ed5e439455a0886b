/** The fields of a multipart/form-data body (RFC 7578), as far as redaction needs them: names and values, nothing decoded. */

export interface Field {
  /** As it stands in Content-Disposition. */
  readonly name: string;
  readonly value: Buffer;
  /** It has a file name. */
  readonly isFile: boolean;
}

const MULTIPART = /^multipart\/[\w.+-]+\s*;/i;
/** RFC 2046, 5.1.1: at most 70 characters; more is read, in case the service reads it too. */
const BOUNDARY = /;\s*boundary=(?:"([^"]{1,200})"|([^\s;"]{1,200}))/i;
const NAME = /;\s*name=(?:"((?:[^"\\]|\\.)*)"|([^\s;"]+))/i;
const FILE_NAME = /;\s*filename\*?=/i;
/** Longer heads of parts are not looked into. */
const HEAD_MAX_CHARS = 8 * 1024;

/** None where the type is no multipart or names no boundary. Reads each byte once. */
export function* multipartFields(body: Buffer, contentType: string): Generator<Field> {
  const [, quoted, bare] = (MULTIPART.test(contentType) && BOUNDARY.exec(contentType)) || [];
  const boundary = quoted ?? bare;
  if (boundary === undefined) return;
  const delimiter = Buffer.from(`--${boundary}`);
  let from = body.indexOf(delimiter);
  while (from !== -1) {
    const begin = from + delimiter.length;
    const next = body.indexOf(delimiter, begin);
    const part = body.subarray(begin, next === -1 ? body.length : next);
    const field = fieldOf(part);
    if (field !== null) yield field;
    from = next;
  }
}

function fieldOf(part: Buffer): Field | null {
  const text = part.subarray(0, HEAD_MAX_CHARS).toString("latin1");
  const blank = /\r?\n\r?\n/.exec(text);
  if (blank === null) return null;
  const head = Buffer.from(text.slice(0, blank.index), "latin1").toString("utf8");
  const [, quoted, bare] = NAME.exec(head) ?? [];
  const name = quoted?.replace(/\\(.)/g, "$1") ?? bare;
  if (name === undefined) return null;
  const end = part.at(-1) === 0x0a ? (part.at(-2) === 0x0d ? part.length - 2 : part.length - 1) : part.length;
  return { name, isFile: FILE_NAME.test(head), value: part.subarray(blank.index + blank[0].length, end) };
}
