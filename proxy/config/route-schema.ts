/** What users write about routes, one at a time and in `defaults`. */
import { z } from "zod";
import { compareSchema } from "./compare-schema.ts";
import { DEFAULT_ROUTE, QUIET_BOUNDS } from "./defaults.ts";
import { gateSchema } from "./gate-schema.ts";
import {
  bounded,
  choiceField,
  countField,
  durationField,
  freeText,
  headersField,
  locatorField,
  nameField,
  parsedText,
  shareField,
  switchField,
} from "./fields.ts";
import { spellLocator } from "./locator.ts";
import { DETECTORS, MAX_BATCH_KEYS, PHASES, REPAIR_WRITES, TREAT_AS } from "./settings.ts";
import { parseMatchHost, parseMethod, parsePath, parseReadBack } from "./texts.ts";
import { transformSchema } from "./transform-schema.ts";
import { parseRate, RATE_PATTERN, spellShare } from "./units.ts";
import { valuesSchema } from "./values-schema.ts";

const { mirror, repair } = DEFAULT_ROUTE;

const matchSchema = z
  .strictObject({
    path: parsedText(parsePath, {
      effect:
        "The path pattern: :name, :name? (at the end), * (one part), ** (any number of parts, also none). It covers nothing below it.",
      examples: ["/users/**", "/orders/:id"],
    }),
    methods: z
      .array(parsedText(parseMethod, { effect: "A method. GET does not stand for HEAD." }))
      .min(1)
      .describe("Methods that match. Default: every method.")
      .optional(),
    host: parsedText(parseMatchHost, {
      effect: "The request's host, without port, in any case. Default: every host.",
      examples: ["api.example.com"],
    }).optional(),
    headers: headersField(
      { effect: "Headers that must have exactly these values: a tenant can have a phase of its own. Default: none." },
      () => null,
    ).optional(),
  })
  .describe("Which requests the route is about. The first route that matches wins.");

const mirrorShape = {
  writes: switchField("Whether writes are mirrored.", mirror.writes).optional(),
  reads: shareField(
    "The share of entities whose reads are mirrored and compared.",
    spellShare(mirror.readShare),
  ).optional(),
  when: choiceField(["accepted", "always"], {
    effect:
      "accepted: writes are mirrored once the primary has accepted them (2xx, 302, 303). always: whatever it answered.",
    byDefault: mirror.when,
  }).optional(),
};

const acceptRealEffects = freeText(
  {
    effect:
      "Words in which someone accepts that a service with real or undeclared effects does them twice on this route. Default: nobody does.",
    range: "10 to 500 characters",
  },
  { min: 10, max: 500 },
);

const routeShape = {
  phase: choiceField(PHASES, {
    effect:
      "How far the move of this route is: which service is the source of truth, and whether the other one gets copies.",
    byDefault: DEFAULT_ROUTE.phase,
  }).optional(),
  next: nameField({ effect: "The service that is next for this route.", byDefault: DEFAULT_ROUTE.next }).optional(),
  entity: nameField({
    effect:
      "Prefix of entity keys, shared by routes about the same thing. Default: the route's name; from the path where its pattern has no fixed part.",
  }).optional(),
  group: nameField({
    effect: "Routes of one group move from phase to phase together, as those of one entity always do. Default: none.",
  }).optional(),
  unattended: switchField(
    "Whether a file that says a phase beyond the barrier moves the route there by itself: one step, through the gate, never forced, once nothing stands in the way. Routes that move together have to say it all.",
    DEFAULT_ROUTE.unattended,
  ).optional(),
  sharedDatabase: switchField(
    "Whether legacy and next work on the same tables. Then writes are never mirrored, since they would be applied twice; no row has to be brought over; and compared reads are the evidence.",
    DEFAULT_ROUTE.sharedDatabase,
  ).optional(),
  keepStreams: switchField(
    "Whether open tunnels and event streams stay with the service that they were opened to when another one becomes the source of truth. Otherwise they are closed within 10 s, and their clients come to the new one.",
    DEFAULT_ROUTE.keepStreams,
  ).optional(),
  key: z
    .array(locatorField("Where the key of what is written stands."))
    .min(1)
    .describe(
      `The entity key; the first locator that yields wins. Default: ${DEFAULT_ROUTE.key.map(spellLocator).join(", ")}.`,
    )
    .optional(),
  keys: z
    .array(locatorField("Where keys of what a batch writes stand; * and ** in a pointer stand for all that is there."))
    .min(1)
    .describe(
      `All entities that one write is about: it waits for and holds up all of them, at most ${MAX_BATCH_KEYS}. Where nothing is found, key tells. Default: none, every write is about one entity.`,
    )
    .optional(),
  touches: z
    .array(
      z.strictObject({
        entity: nameField({
          effect: "The entity of the row that is changed, as its own route names it.",
          examples: ["users"],
        }),
        at: locatorField(
          "Where its id stands; * and ** in a pointer stand for all that is there. Default: nothing tells, any row of the entity may be changed.",
        ).optional(),
      }),
    )
    .max(32)
    .describe(
      "Rows that a write changes beside those that its key names: a backfill beside live writes does not write them meanwhile. Default: none.",
    )
    .optional(),
  treatAs: choiceField(TREAT_AS, {
    effect:
      "by-method: method (and method override) tell writes from reads. write, read: every request of the route is one. graphql: of a POST the operations in its body do, and what cannot be told is a write.",
    byDefault: DEFAULT_ROUTE.treatAs,
  }).optional(),
  graphql: z
    .strictObject({
      persisted: z
        .record(z.string().min(1).max(200), choiceField(["read", "write"], { effect: "What the query does." }))
        .describe(
          "Queries that clients name by id or hash alone, as { ID: read }. Default: none, such a request is a write.",
        )
        .optional(),
    })
    .describe("How GraphQL is read, on routes with treatAs: graphql. Default: by the operations in the body alone.")
    .optional(),
  compare: compareSchema.optional(),
  values: valuesSchema.optional(),
  verify: z
    .strictObject({
      readBack: parsedText(parseReadBack, {
        effect:
          "The request that shows an entity whole: :id is the id in its key, other names are those of the route's path. Default: the entity's own path, where a write went to it or to the path above it.",
        examples: ["GET /users/:id"],
      }).optional(),
      share: shareField(
        "The share of mirrored writes whose entity is asked for at both services once the copy has settled, and compared. Writes that a service answers with 202 or 207, or GraphQL with errors, are read back in any case.",
        spellShare(DEFAULT_ROUTE.verify.share),
      ).optional(),
    })
    .describe("How it is verified that both services hold the same.")
    .optional(),
  reads: z
    .strictObject({
      dial: shareField(
        "The share of reads (GET and HEAD without a body) that next answers while legacy is the primary; each stays on its side, but for what a write has touched, which legacy answers until next has it.",
        spellShare(DEFAULT_ROUTE.reads.dialShare),
      ).optional(),
      by: locatorField(
        "Whose reads stay on one side, and go to legacy after a write of theirs until next has it. Default: the entity's, by its key. A request without it is legacy's.",
        ["header", "cookie", "query"],
      ).optional(),
      fallback: switchField(
        "Whether legacy is asked for an entity that next, as the primary, answers 404 to, until a comparison of all rows is clean; what legacy has is brought over.",
        DEFAULT_ROUTE.reads.fallback,
      ).optional(),
    })
    .describe("Who answers reads. Default: the primary, all of them.")
    .optional(),
  repair: z
    .strictObject({
      automatic: switchField(
        "Whether keys on the repair list are written to the shadow without being asked: when its breaker closes, and on a timer. They are read and compared in any case.",
        repair.automatic,
      ).optional(),
      rate: bounded(
        parseRate,
        (value) => `${value}/s`,
        { min: 0.01, max: 10_000 },
        {
          effect: "Keys that may be begun, of this route.",
          byDefault: `${repair.ratePerSecond}/s`,
          examples: ["20/s", "600/m"],
          pattern: RATE_PATTERN,
        },
      ).optional(),
      write: choiceField(REPAIR_WRITES, {
        effect:
          "put-else-post: PUT to the entity's path; POST to the path above it where the shadow has none and refuses the PUT with 404 or 405. put: PUT alone. post: what the shadow has not is created by POST.",
        byDefault: repair.write,
      }).optional(),
      attempts: countField(
        "Failed attempts after which a key is parked.",
        { min: 1, max: 100 },
        repair.attempts,
      ).optional(),
    })
    .describe("How keys on the repair list are made equal on the shadow.")
    .optional(),
  gate: gateSchema.optional(),
  retire: z
    .strictObject({
      quiet: durationField(
        "For how long nothing may have leant on legacy before it can be switched off (crossfade retire, and the way to next-only), nor on Crossfade.",
        QUIET_BOUNDS,
        DEFAULT_ROUTE.retire.quietMs,
      ).optional(),
    })
    .describe("What has to be so before legacy is switched off: docs/cutover.md. Default: quiet for 30 days.")
    .optional(),
  redact: z
    .array(locatorField("A value that is replaced by a keyed hash in evidence."))
    .describe("What is redacted beyond the built-in list. Default: nothing more.")
    .optional(),
  redactDetect: z
    .array(
      choiceField(DETECTORS, {
        effect:
          "card: payment card numbers (13 to 19 digits with a right check digit). email: e-mail addresses. jwt: JSON Web Tokens, redacted in any case.",
      }),
    )
    .describe("Personal data that is redacted in evidence wherever it turns up, told by its looks. Default: none.")
    .optional(),
};

export const routeSchema = z.strictObject({
  name: nameField({ effect: "The route's name, in metrics, log, API and CLI." }),
  match: matchSchema,
  ...routeShape,
  mirror: z
    .strictObject({ ...mirrorShape, acceptRealEffects: acceptRealEffects.optional() })
    .describe("What is mirrored.")
    .optional(),
  transform: transformSchema.optional(),
});

export const routeDefaultsSchema = z
  .strictObject({ ...routeShape, mirror: z.strictObject(mirrorShape).describe("What is mirrored.").optional() })
  .describe("Settings of every route that does not say otherwise.");

export type WrittenRoute = z.output<typeof routeSchema>;
export type WrittenDefaults = z.output<typeof routeDefaultsSchema>;
