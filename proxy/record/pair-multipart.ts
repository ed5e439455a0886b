/**
 * Redacts a multipart of a pair part by part, at the places that the comparison gives them, so that each part compares as it
 * did. Fields, JSON and forms stay readable; of a file of any other type it cannot be told what in it is secret: it has one
 * stand-in, as it has one digest to the comparison.
 */
import type { Masking } from "./masking.ts";
import { type BodyPart, splitParts } from "./multipart-parts.ts";
import type { Places } from "./pair-json.ts";
import { redactForm, redactJsonBody, redactLines } from "./pair-text.ts";
import { CONTAINER, FORM_TYPE, isForeign, JSON_TYPE, LINES_TYPE } from "./pair-types.ts";

/** In which what is the same to a reader may be spelled in more than one way, or which hold parts of their own. */
const OPEN_TO_SPELLING = /^(?:multipart\/.*|text\/(?:html|xml)|application\/(?:xhtml\+)?xml|.*\+xml)$/;
/** CR LF and LF are one line end in them; a stream of events is compared byte by byte. */
const TEXT =
  /^(?:text\/(?!event-stream$).*|.*\+yaml|application\/(?:(?:x-)?(?:javascript|yaml)|ecmascript|toml|graphql|sql))$/;
const AS_IT_IS = /^(?:|7bit|8bit|binary)$/;

/** null: a part cannot be kept as what it is. */
export function redactMultipart(bytes: Buffer, contentType: string, masking: Masking): string | null {
  const parts = splitParts(bytes, contentType);
  if (parts === null) return null;
  let shown = "";
  let from = 0;
  for (const part of parts) {
    shown += masking.text(bytes.toString("utf8", from, part.headFrom));
    const head = redactHead(part, bytes.toString("utf8", part.headFrom, part.from), masking);
    const content = redactContent(part, bytes.toString("utf8", part.from, part.to), masking);
    if (head === null || content === null) return null;
    shown += head + content;
    from = part.to;
  }
  return shown + masking.text(bytes.toString("utf8", from));
}

/** Of a part that is secret name and type stay, as members and shape of secret JSON do. */
function redactHead(part: BodyPart, head: string, masking: Masking): string | null {
  const { headers, name, filename, place } = part;
  const type = headers.get("content-type");
  if (isForeign(type ?? "")) return null;
  const isSecret = (word: string): boolean => isSecretPart(part, [...place, word], masking);
  if (!["type", "filename", "range"].some(isSecret)) return masking.text(head);
  // A name that goes on in another charset, parameters and a range might all tell something.
  const disposition = headers.get("content-disposition") ?? "";
  if (headers.has("content-range") || /\*=/.test(disposition) || /;(?!\s*charset=)/i.test(type ?? "")) return null;
  const kind = masking.text(disposition.split(";", 1)[0] as string);
  const shownName = name === null ? "" : `; name="${quoted(masking.content(name))}"`;
  const shownFile = filename === null ? "" : `; filename="${filename && quoted(masking.whole(filename))}"`;
  const lines = [
    ...(disposition === "" ? [] : [`Content-Disposition: ${kind}${shownName}${shownFile}`]),
    ...(type === undefined ? [] : [`Content-Type: ${masking.text(type)}`]),
  ];
  return `${lines.map((line) => `${line}\r\n`).join("")}\r\n`;
}

function quoted(text: string): string {
  return text.replace(/["\\]/g, "\\$&");
}

function redactContent(part: BodyPart, value: string, masking: Masking): string | null {
  const { essence, headers } = part;
  if (!AS_IT_IS.test((headers.get("content-transfer-encoding") ?? "").toLowerCase())) return null;
  if (value === "") return value;
  const at = [...part.place, "content"];
  const places = placesOf(part, at);
  if (FORM_TYPE === essence) return redactForm(value, places, masking);
  if (LINES_TYPE.test(essence)) return redactLines(value, places, masking);
  if (JSON_TYPE.test(essence)) return redactJsonBody(value, places, masking);
  if (OPEN_TO_SPELLING.test(essence)) return null;
  const secret = isSecretPart(part, at, masking);
  // What is one text to the comparison must have one stand-in.
  const text = TEXT.test(essence) ? value.replace(/^\ufeff/, "").replaceAll("\r\n", "\n") : value;
  if (secret) return masking.whole(text);
  if (essence !== "text/plain") return masking.mask(text);
  if (CONTAINER.test(text)) return redactJsonBody(value, places, masking);
  const shown = masking.content(text);
  return shown === text ? masking.content(value) : shown;
}

/** A rule may point at a part as the comparison does, by its name alone as in a form, or into its JSON as into a body. */
function placesOf({ name }: BodyPart, at: readonly string[]): Places {
  return name === null ? [at, []] : [at, [name], []];
}

function isSecretPart(part: BodyPart, at: readonly string[], masking: Masking): boolean {
  return placesOf(part, at).some((place) => masking.rules.isSecretPlace(place));
}
