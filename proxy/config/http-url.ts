import { showValue } from "./message.ts";
import type { Parsed } from "./units.ts";

/** An http or https URL without login and fragment. What is wrong is told without the URL where it may hold a secret. */
export function parseHttpUrl(text: string): Parsed<string> {
  const url = URL.parse(text);
  if (url === null)
    return { ok: false, error: `is ${showValue(text.slice(0, 8))}…, which is no URL; write https://host/path` };
  if (url.protocol !== "https:" && url.protocol !== "http:") {
    return { ok: false, error: `begins with ${showValue(url.protocol)}; write https://host/path or http://host/path` };
  }
  if (url.username !== "" || url.password !== "") {
    return { ok: false, error: "holds a user or password; send them in headers: { authorization: … }" };
  }
  url.hash = "";
  return { ok: true, value: url.href };
}
