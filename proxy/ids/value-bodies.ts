/** What kind of body values are looked for in, and its bytes. */
import { contentEncodingOf, decodeContent, isJsonType, parseMediaType } from "../compare/decode.ts";
import { headerOf } from "../exchange.ts";
import { MAPPED_BODY_MAX_BYTES, type ReadBody } from "../mirror/values/request-map.ts";

export const readBodyForValues: ReadBody = (headers, body) => {
  const essence = parseMediaType(headerOf(headers, "content-type"))?.essence;
  if (essence === "application/x-www-form-urlencoded") return { form: "form", body: decode(headers, body) };
  return essence !== undefined && isJsonType(essence)
    ? { form: "json", body: decode(headers, body) }
    : { form: "none", body: null };
};

function decode(headers: Parameters<ReadBody>[0], body: Buffer): Buffer | null {
  if (body.length === 0 || body.length > MAPPED_BODY_MAX_BYTES) return null;
  const encoding = contentEncodingOf(headers);
  return encoding === null ? body : decodeContent(body, encoding, MAPPED_BODY_MAX_BYTES);
}
