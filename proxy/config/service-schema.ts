/** What users write about one service. */
import { z } from "zod";
import { parseOrigin } from "./addresses.ts";
import { DEFAULT_SERVICE } from "./defaults.ts";
import {
  bounded,
  choiceField,
  countOrUnlimited,
  durationField,
  durationOrOff,
  headersField,
  locatorField,
  parsedText,
  pemField,
  switchField,
} from "./fields.ts";
import { EFFECTS } from "./terms.ts";
import { parseServerName, sentHeaderProblem } from "./texts.ts";
import { DAY, HOUR, MINUTE, parseRate, RATE_PATTERN, SECOND } from "./units.ts";

export const urlField = parsedText(parseOrigin, {
  effect: "Where the service is reached: scheme, host and port, no path; or a Unix socket, unix:/run/legacy.sock.",
  examples: ["http://127.0.0.1:3000", "unix:/run/legacy.sock"],
});

export const effectsField = choiceField(EFFECTS, {
  effect:
    "What the service does beyond its own data (mail, payments, webhooks) when it gets a mirrored write: suppressed, sandboxed or real. " +
    "Required before writes are mirrored to it outside loopback.",
});

const { asShadow, asPrimary } = DEFAULT_SERVICE;

const CONNECT_EFFECT = "How long connecting may take, the TLS handshake included.";
const CONNECT_BOUNDS = { min: 1, max: 10 * MINUTE };

const WORK_EFFECT =
  "How long the service may still work on a request that was given up: what it holds is not judged before.";
const WORK_BOUNDS = { min: 1, max: HOUR };

const tlsSchema = z
  .strictObject({
    ca: pemField(
      "The certificate authorities that the service's certificate is checked by, in place of Node's own list.",
    ).optional(),
    cert: pemField("The certificate, with its chain, that is shown where the service asks for one.").optional(),
    key: pemField("The key of cert, not encrypted.").optional(),
    serverName: parsedText(parseServerName, {
      effect: "The name that is asked for (SNI) and that the certificate must have. Default: the host of url.",
      examples: ["legacy.internal"],
    }).optional(),
    verify: switchField("Whether the service's certificate is checked.", true).optional(),
  })
  .describe("TLS to a service whose url is https://. Changed files are taken into use like a changed config.");

export type WrittenServiceTls = z.output<typeof tlsSchema>;

const asShadowSchema = z
  .strictObject({
    timeout: durationField(
      "How long a mirrored request may take before it ends shadow-timeout.",
      { min: 1, max: 10 * MINUTE },
      asShadow.timeoutMs,
    ).optional(),
    connectTimeout: durationField(CONNECT_EFFECT, CONNECT_BOUNDS, asShadow.connectTimeoutMs).optional(),
    maxWork: durationField(WORK_EFFECT, WORK_BOUNDS, asShadow.maxWorkMs).optional(),
    maxAge: durationField(
      "How long the head of a lane may wait for this service before its write goes to the repair list. Where the journal outlives the process it is 1d unless it is written.",
      { min: SECOND, max: 30 * DAY },
      asShadow.maxAgeMs,
    ).optional(),
    expiresAfter: durationField(
      "How long after the primary's answer a copy's credentials are taken to be good: a later 401 or 403 is repaired and not judged.",
      { min: 1, max: DAY },
      asShadow.expiresAfterMs,
    ).optional(),
    rate: bounded(
      parseRate,
      (value) => `${value}/s`,
      { min: 0.01, max: 1_000_000 },
      {
        effect:
          "Mirrored requests that may begin: 200/s, 600/m. Default: no limit, but for a ramp after an outage of the service.",
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
      "How long a client that has sent its request waits for the head of this service's answer before it gets 504.",
      { min: 1, max: HOUR },
      asPrimary.timeoutMs,
    ).optional(),
    connectTimeout: durationField(
      `${CONNECT_EFFECT} Clients get 504 after it.`,
      CONNECT_BOUNDS,
      asPrimary.connectTimeoutMs,
    ).optional(),
    maxWork: durationField(WORK_EFFECT, WORK_BOUNDS, asPrimary.maxWorkMs).optional(),
    idleTimeout: durationOrOff(
      "How long an answer's body may be silent before it is cut off. Event streams are silent for hours.",
      { min: 1, max: DAY },
    ).optional(),
    totalTimeout: durationOrOff(
      "How long a whole exchange may take, from the client's head to the answer's last byte, before it is ended.",
      { min: 1, max: DAY },
    ).optional(),
    connections: countOrUnlimited("Connections to this service at once; requests beyond them wait for one.", {
      min: 1,
      max: 100_000,
    }).optional(),
  })
  .describe("How the service is treated while clients depend on it.");

const ownSchema = z
  .strictObject({
    headers: headersField(
      { effect: "Headers that such requests carry, credentials of Crossfade's own above all. Default: none." },
      sentHeaderProblem,
    ).optional(),
  })
  .describe("Requests that Crossfade itself makes to the service: those that are replayed.");

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
  tls: tlsSchema.optional(),
  asShadow: asShadowSchema.optional(),
  asPrimary: asPrimarySchema.optional(),
  own: ownSchema.optional(),
});

export type WrittenService = z.output<typeof serviceSchema>;
