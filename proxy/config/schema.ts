/**
 * What users write in crossfade.yaml, as far as this version goes. Each value is parsed here into the unit of
 * settings.ts; nothing has a default yet (resolve.ts merges route > defaults > built-in).
 */
import { z } from "zod";
import { spellEndpoint } from "../endpoint.ts";
import { parseAddress, parseEndpoint } from "./addresses.ts";
import {
  DEFAULT_ADMIN_LISTEN,
  DEFAULT_DIVERGENCE_LOG,
  DEFAULT_LIMITS,
  DEFAULT_LISTEN,
  DEFAULT_SOCKET_MODE,
  DEFAULT_MEMBER_FOLDER,
  DEFAULT_SURVIVES,
  DEFAULT_TUNNELS,
  DEFAULT_WORKERS,
} from "./defaults.ts";
import {
  choiceField,
  countField,
  durationField,
  freeText,
  nameField,
  parsedText,
  pemField,
  sizeField,
  switchField,
} from "./fields.ts";
import { collectionSchema } from "./collection-schema.ts";
import { routeDefaultsSchema, routeSchema } from "./route-schema.ts";
import { serviceSchema } from "./service-schema.ts";
import { SURVIVALS } from "./settings.ts";
import { storeSchema } from "./store-schema.ts";
import { parseMode, parseProtocol, parseSecret, spellMode } from "./texts.ts";
import { DAY, GIB, HOUR, KIB, MIB, TIB } from "./units.ts";
import { webhookSchema } from "./webhook-schema.ts";

/** More than a machine of today has use for. */
export const MAX_WORKERS = 64;

export const listenField = parsedText(parseEndpoint, {
  effect:
    "Where clients reach the proxy: host:port, or a Unix socket, unix:/run/crossfade.sock. Port 0 lets the system choose. A change needs a restart.",
  byDefault: spellEndpoint(DEFAULT_LISTEN),
});
export const adminListenField = parsedText(parseAddress, {
  effect:
    "Where dashboard, API, health and metrics are served: host:port. Outside loopback, tokens are required. A change needs a restart.",
  byDefault: spellEndpoint(DEFAULT_ADMIN_LISTEN),
});
export const logFileField = freeText(
  {
    effect: "The divergence log, newline-delimited JSON. A change needs a restart.",
    byDefault: DEFAULT_DIVERGENCE_LOG.file,
  },
  { min: 1, max: 4096 },
);

const socketModeField = parsedText(parseMode, {
  effect: "Permissions of the Unix socket that is listened on. A change needs a restart.",
  byDefault: spellMode(DEFAULT_SOCKET_MODE),
  range: "0000 to 0777",
});

const tunnelsField = z
  .array(
    parsedText(parseProtocol, {
      effect: "A protocol's name, as clients write it in Upgrade.",
      examples: ["websocket"],
    }),
  )
  .max(20)
  .describe(
    `Protocols whose Upgrade is tunnelled to the primary; any other Upgrade is an ordinary request. Default: ${DEFAULT_TUNNELS.join(", ")}.`,
  );

const listenTlsSchema = z
  .strictObject({
    cert: pemField("The certificate that clients are shown, with its chain."),
    key: pemField("The key of cert, not encrypted."),
    http2: switchField("Whether clients may choose HTTP/2 (ALPN). A change needs a restart.", true).optional(),
  })
  .describe(
    "TLS for clients, at the address of listen. Changed files are taken into use for new connections; open ones stay.",
  );

export type WrittenListenTls = z.output<typeof listenTlsSchema>;

const tokenSchema = z.strictObject({
  name: nameField({ effect: "Who holds the token; named in the audit." }),
  role: choiceField(["read", "bodies", "operate"], {
    effect: "read: everything but bodies. bodies: whole requests and answers too. operate: may change things as well.",
  }),
  token: parsedText(parseSecret, {
    effect: "The bearer token, best from the environment.",
    range: "16 to 1024 characters",
    examples: ["${CROSSFADE_TOKEN}"],
  }),
});

const adminSchema = z
  .strictObject({
    listen: adminListenField.optional(),
    tokens: z.array(tokenSchema).describe("Who may use the admin listener. Default: none (loopback only).").optional(),
  })
  .describe("The admin listener.");

const log = DEFAULT_DIVERGENCE_LOG;

const divergenceLogSchema = z
  .strictObject({
    file: logFileField.optional(),
    keep: durationField("How long rotated logs are kept.", { min: HOUR, max: 3650 * DAY }, log.keepMs).optional(),
    maxSize: sizeField(
      "What all logs together may take on disk; the oldest go first.",
      { min: MIB, max: TIB },
      log.maxBytes,
    ).optional(),
    lines: choiceField(["notable", "all"], {
      effect: "notable: a line for every outcome but match and ignored. all: for those too.",
      byDefault: log.lines,
    }).optional(),
  })
  .describe("The log of divergences.");

const limits = DEFAULT_LIMITS;

const limitsSchema = z
  .strictObject({
    inFlight: countField(
      "Mirrored requests on the wire at once.",
      { min: 1, max: 100_000 },
      limits.inFlight,
    ).optional(),
    queued: sizeField(
      "Memory held for mirrored requests; what is beyond waits in the journal, and without one is dropped(queue-full).",
      { min: MIB, max: 64 * GIB },
      limits.queuedBytes,
    ).optional(),
    bodyInMemory: sizeField(
      "One body: a larger one goes to the encrypted spool.",
      { min: KIB, max: 256 * MIB },
      limits.bodyInMemoryBytes,
    ).optional(),
    bodyOnDisk: sizeField(
      "One body: a larger one is not kept, and its request is skipped(body-too-large).",
      { min: KIB, max: 64 * GIB },
      limits.bodyOnDiskBytes,
    ).optional(),
    spool: sizeField(
      "Disk that the spool may take; beyond it exchanges are dropped(spool-full).",
      { min: 0, max: TIB },
      limits.spoolBytes,
    ).optional(),
    journal: sizeField(
      "Disk that the journal may take; beyond it writes are forwarded unjournaled, inside a gap.",
      { min: MIB, max: 64 * TIB },
      limits.journalBytes,
    ).optional(),
    pairs: sizeField(
      "What exchanges that are kept whole, redacted, may take in the store: for crossfade recompare and replay. The oldest go first; 0B keeps none. A change needs a restart.",
      { min: 0, max: TIB },
      limits.pairsBytes,
    ).optional(),
  })
  .describe("Bounds of the whole process.");

const journalSchema = z
  .strictObject({
    survives: choiceField(SURVIVALS, {
      effect:
        "What the record of writes that wait for their shadow survives. process: a killed process. power: a power cut too (each write waits for the disk). nothing: it is in memory, and an unclean end leaves a gap. A change needs a restart.",
      byDefault: DEFAULT_SURVIVES,
    }).optional(),
    key: parsedText(parseSecret, {
      effect:
        "What the record is encrypted with, best from the environment. Default: the key file beside the store, or in member.folder. A change needs a restart, and an empty journal.",
      range: "16 to 1024 characters",
      examples: ["${CROSSFADE_JOURNAL_KEY}"],
    }).optional(),
  })
  .describe(
    "The journal: the exact record of writes until they settle, in a folder beside a sqlite: store, or with redis: in member.folder.",
  );

export const memberFolderField = freeText(
  {
    effect:
      "With a redis: store, the folder of this process alone: who it is among the members, over restarts, and its journal. A change needs a restart.",
    byDefault: DEFAULT_MEMBER_FOLDER,
  },
  { min: 1, max: 4096 },
);

export const workersField = countField(
  "Processes that take clients' requests beside the one that keeps store, lanes and admin; 0: that one takes them itself. A change needs a restart.",
  { min: 0, max: MAX_WORKERS },
  DEFAULT_WORKERS,
);

const memberSchema = z
  .strictObject({
    folder: memberFolderField.optional(),
    name: freeText(
      {
        effect: "What people call this process: shown beside its identity. A change needs a restart.",
        byDefault: "none, and it is shown by its machine and process number",
      },
      { min: 1, max: 60 },
    ).optional(),
  })
  .describe("This process among those that share a redis: store.");

export const configSchema = z.strictObject({
  listen: listenField.optional(),
  socketMode: socketModeField.optional(),
  tls: listenTlsSchema.optional(),
  tunnels: tunnelsField.optional(),
  admin: adminSchema.optional(),
  store: storeSchema.optional(),
  divergenceLog: divergenceLogSchema.optional(),
  limits: limitsSchema.optional(),
  journal: journalSchema.optional(),
  member: memberSchema.optional(),
  workers: workersField.optional(),
  webhook: webhookSchema.optional(),
  services: z
    .object({
      legacy: serviceSchema.describe("The API that is being rewritten.").optional(),
      next: serviceSchema.describe("Its rewrite.").optional(),
    })
    .catchall(serviceSchema)
    .describe("The services: legacy, next, and any further one that a route names as its next.")
    .optional(),
  defaults: routeDefaultsSchema.optional(),
  routes: z
    .array(routeSchema)
    .min(1)
    .describe("In order: the first that matches wins. Default: one route named default with the path /**.")
    .optional(),
  collections: z
    .array(collectionSchema)
    .max(1000)
    .describe("Tables whose rows crossfade backfill brings over and crossfade reconcile compares. Default: none.")
    .optional(),
});

/** What a file holds, as it is written: sizes and times with their units, shares in percent. */
export type CrossfadeConfig = z.input<typeof configSchema>;

/** The parsed file: everything optional still, every value in the unit of settings.ts. */
export type Written = z.output<typeof configSchema>;
