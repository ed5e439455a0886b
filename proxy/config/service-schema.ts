/** What users write about one service. */
import { z } from "zod";
import { parseOrigin } from "./addresses.ts";
import { DEFAULT_SERVICE } from "./defaults.ts";
import { bounded, choiceField, durationField, headersField, locatorField, parsedText } from "./fields.ts";
import { EFFECTS } from "./settings.ts";
import { sentHeaderProblem } from "./texts.ts";
import { DAY, HOUR, MINUTE, parseRate, RATE_PATTERN, SECOND } from "./units.ts";

export const urlField = parsedText(parseOrigin, {
  effect: "Where the service is reached: scheme, host and port, no path.",
  examples: ["http://127.0.0.1:3000"],
});

export const effectsField = choiceField(EFFECTS, {
  effect:
    "What the service does beyond its own data (mail, payments, webhooks) when it gets a mirrored write: suppressed, sandboxed or real. " +
    "Required before writes are mirrored to it outside loopback.",
});

const { asShadow, asPrimary } = DEFAULT_SERVICE;

const asShadowSchema = z
  .strictObject({
    timeout: durationField(
      "How long a mirrored request may take before it ends shadow-timeout.",
      { min: 1, max: 10 * MINUTE },
      asShadow.timeoutMs,
    ).optional(),
    maxWork: durationField(
      "How long the service may still work on a request that was given up: its state is not judged before.",
      { min: 1, max: HOUR },
      asShadow.maxWorkMs,
    ).optional(),
    maxAge: durationField(
      "How long the head of a lane may wait for this service before its write goes to the repair list.",
      { min: SECOND, max: DAY },
      asShadow.maxAgeMs,
    ).optional(),
    rate: bounded(
      parseRate,
      (value) => `${value}/s`,
      { min: 0.01, max: 1_000_000 },
      {
        effect: "Mirrored requests that may begin: 200/s, 600/m. Default: no limit.",
        examples: ["200/s"],
        pattern: RATE_PATTERN,
      },
    ).optional(),
    credentials: choiceField(["forward", "strip"], {
      effect: "Whether the client's credentials (authorization, cookie) go along with mirrored requests.",
      byDefault: asShadow.credentials,
    }).optional(),
    headers: headersField(
      { effect: "Headers that are set on mirrored requests. Default: none." },
      sentHeaderProblem,
    ).optional(),
  })
  .describe("How the service is treated while it receives copies.");

const asPrimarySchema = z
  .strictObject({
    timeout: durationField(
      "How long clients wait for this service's answer, and between two parts of it, before they get 504.",
      { min: 1, max: HOUR },
      asPrimary.timeoutMs,
    ).optional(),
  })
  .describe("How the service is treated while clients depend on it.");

export const serviceSchema = z.strictObject({
  url: urlField.optional(),
  host: choiceField(["preserve", "target"], {
    effect: "The Host header the service sees: the client's (preserve) or its own (target).",
    byDefault: DEFAULT_SERVICE.host,
  }).optional(),
  effects: effectsField.optional(),
  idempotency: choiceField(["honoured", "ignored"], {
    effect:
      "honoured: the service applies requests with the same idempotency-key once. Only then are mirrored POSTs sent again after a failure.",
    byDefault: DEFAULT_SERVICE.idempotency,
  }).optional(),
  build: locatorField(
    "Where an answer of this service names its build; a new value starts a new epoch of evidence. Default: nowhere.",
    ["header", "answer-header", "answer"],
  ).optional(),
  asShadow: asShadowSchema.optional(),
  asPrimary: asPrimarySchema.optional(),
});

export type WrittenService = z.output<typeof serviceSchema>;
