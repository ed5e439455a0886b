/** `webhook`: who is told of new causes and of those that come back. */
import { z } from "zod";
import { headersField, parsedText } from "./fields.ts";
import { parseHttpUrl } from "./http-url.ts";
import type { WebhookSettings } from "./settings.ts";

/** Written by the caller itself. */
const OWN_HEADERS: ReadonlySet<string> = new Set([
  "host",
  "content-length",
  "content-type",
  "transfer-encoding",
  "connection",
  "user-agent",
]);

export const webhookSchema = z
  .strictObject({
    url: parsedText(parseHttpUrl, {
      effect: "Where a POST with one JSON object goes: event, group, samples, sentence. Never shown beyond its host.",
      examples: ["https://hooks.example.com/crossfade", "${WEBHOOK_URL}"],
    }),
    headers: headersField({ effect: "Headers sent with it; never shown. Default: none." }, (name, value) => {
      if (OWN_HEADERS.has(name)) return "is written by Crossfade itself; leave it out";
      return /[\r\n\0]/.test(value) ? "holds a line break, which no header can" : null;
    }).optional(),
  })
  .describe(
    "Called when a cause is seen for the first time, or again after it was fixed or acknowledged. Default: nobody is.",
  );

export type WrittenWebhook = z.output<typeof webhookSchema>;

export function resolveWebhook(written: WrittenWebhook | undefined): WebhookSettings | null {
  return written === undefined ? null : { url: written.url, headers: written.headers ?? [] };
}
