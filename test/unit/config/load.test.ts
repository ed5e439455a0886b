import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { loadSettings } from "../../../proxy/config/load.ts";
import type { Settings } from "../../../proxy/config/settings.ts";
import { compareRules } from "../../support/compare-cases.ts";
import { errorsOf, makeFolder, settingsOf, spellMessages } from "../../support/config-file.ts";

const TWO_URLS = `services:
  legacy: { url: "http://127.0.0.1:3000" }
  next: { url: "http://127.0.0.1:4000" }
`;

function fixture(name: string): string {
  return readFileSync(new URL(`../../fixtures/config/${name}`, import.meta.url), "utf8");
}

/** Written out, so that a changed default is seen as a change. */
const COMPLETE: Omit<Settings, "file"> = {
  listen: { host: "127.0.0.1", port: 8080 },
  socketMode: 0o660,
  tunnels: ["websocket"],
  tls: null,
  admin: { listen: { host: "127.0.0.1", port: 9090 }, tokens: [] },
  store: { kind: "sqlite", file: "./crossfade.db" },
  divergenceLog: {
    file: "./crossfade-divergences.ndjson",
    keepMs: 604_800_000,
    maxBytes: 1_073_741_824,
    lines: "notable",
  },
  limits: {
    inFlight: 1024,
    queuedBytes: 67_108_864,
    bodyInMemoryBytes: 1_048_576,
    bodyOnDiskBytes: 268_435_456,
    spoolBytes: 1_073_741_824,
    journalBytes: 10_737_418_240,
    pairsBytes: 67_108_864,
  },
  journal: { survives: "process", key: null },
  member: { folder: "./crossfade-member", name: null },
  workers: 0,
  webhook: null,
  telemetry: null,
  services: Object.fromEntries(
    [
      ["legacy", "http://127.0.0.1:3000"],
      ["next", "http://127.0.0.1:4000"],
    ].map(([name = "", origin = ""]) => [
      name,
      {
        name,
        origin,
        host: "preserve",
        effects: null,
        idempotency: "ignored",
        build: null,
        tls: { ca: null, client: null, serverName: null, verify: true },
        asShadow: {
          timeoutMs: 5000,
          connectTimeoutMs: 10_000,
          maxWorkMs: 30_000,
          maxAgeMs: 86_400_000,
          expiresAfterMs: 5_000,
          ratePerSecond: null,
          credentials: "forward",
          headers: [],
        },
        own: { headers: [] },
        asPrimary: {
          timeoutMs: 30_000,
          connectTimeoutMs: 10_000,
          maxWorkMs: 30_000,
          idleTimeoutMs: null,
          totalTimeoutMs: null,
          maxConnections: null,
        },
      },
    ]),
  ),
  routes: [
    {
      name: "default",
      match: { path: "/**", methods: null, host: null, headers: [] },
      phase: "dual-write",
      next: "next",
      entity: null,
      group: null,
      unattended: false,
      sharedDatabase: false,
      markHeaders: [],
      keepStreams: false,
      key: [
        { source: "path", name: "id" },
        { source: "answer-header", name: "location" },
        { source: "answer", name: "/id" },
        { source: "path", name: "" },
      ],
      keys: [],
      touches: [],
      treatAs: "by-method",
      persisted: [],
      mirror: { writes: true, readShare: 0, when: "accepted", acceptRealEffects: null },
      compare: {
        status: "exact",
        headers: ["content-type", "location"],
        mustMatch: [],
        ignore: [],
        normalise: [],
        tolerance: [],
        unordered: [],
        equivalent: [],
        shapes: [],
        module: null,
        noise: { readShare: 0, comparedShare: 0 },
      },
      values: { learn: [], apply: [], give: [], find: null, unmapped: "pass", clientSees: "legacy" },
      transform: { path: null, methods: [], headers: [], body: [], module: null },
      verify: { readBack: null },
      reads: { dialShare: 0, by: null },
      repair: { automatic: false, ratePerSecond: 20, write: "put-else-post", attempts: 5 },
      gate: {
        profile: "normal",
        divergenceBelow: 0.0001,
        confidence: 0.95,
        spanMs: 7 * 24 * 3_600_000,
        latencyRatioBelow: 2,
        failuresBelow: 0.05,
        automaticReturn: false,
        reconcileFresherThanMs: 24 * 3_600_000,
      },
      retire: { quietMs: 30 * 24 * 3_600_000 },
      redact: [],
      redactDetect: [],
    },
  ],
  collections: [],
};

test("a file with two URLs is complete", (t) => {
  const { settings, warnings, advice } = settingsOf(t, TWO_URLS);
  assert.match(settings.file ?? "", /crossfade\.yaml$/);
  assert.deepEqual({ ...settings, file: null }, { file: null, ...COMPLETE });
  assert.deepEqual([...warnings, ...advice], []);
});

test("two flags are complete without a file", () => {
  const loaded = loadSettings({
    file: null,
    flags: { legacy: "http://127.0.0.1:3000", next: "http://127.0.0.1:4000" },
    env: {},
  });
  assert.ok(loaded.ok);
  assert.deepEqual(loaded.settings, { file: null, ...COMPLETE });
});

test("flags win over the file, and leave the rest of it alone", (t) => {
  const file = `${TWO_URLS}  billing: { url: "http://127.0.0.1:5000", effects: real }\nlisten: 127.0.0.1:1\ndivergenceLog: { keep: 1d }\n`;
  const flags = {
    next: "http://127.0.0.1:4001",
    effects: "sandboxed",
    listen: "127.0.0.1:2",
    admin: "[::1]:3",
    store: "memory:",
    divergenceLog: "/tmp/x.ndjson",
  };
  const { settings } = settingsOf(t, file, { flags });
  assert.equal(settings.services["legacy"]?.origin, "http://127.0.0.1:3000");
  assert.equal(settings.services["next"]?.origin, "http://127.0.0.1:4001");
  assert.equal(settings.services["next"]?.effects, "sandboxed");
  assert.equal(settings.services["billing"]?.effects, "real");
  assert.deepEqual(settings.listen, { host: "127.0.0.1", port: 2 });
  assert.deepEqual(settings.admin.listen, { host: "::1", port: 3 });
  assert.deepEqual(settings.store, { kind: "memory" });
  assert.equal(settings.divergenceLog.file, "/tmp/x.ndjson");
  assert.equal(settings.divergenceLog.keepMs, 86_400_000);
});

test("the documented sample is accepted as far as this version goes", (t) => {
  const env = { CROSSFADE_TOKEN: "0123456789abcdef", NEXT_TOKEN: "t" };
  const { settings, warnings, advice, origins } = settingsOf(t, fixture("documented.yaml"), { env });
  assert.deepEqual(spellMessages([...warnings, ...advice]), []);
  const [route] = settings.routes;
  assert.deepEqual(settings.admin.tokens, [{ name: "ops", role: "operate", token: "0123456789abcdef" }]);
  assert.deepEqual(settings.services["next"]?.build, { source: "header", name: "x-build" });
  assert.deepEqual(settings.services["next"]?.asShadow.headers, [["x-env", "shadow"]]);
  assert.equal(settings.services["next"]?.asShadow.ratePerSecond, 200);
  assert.deepEqual(settings.services["next"]?.own.headers, [["authorization", "Bearer t"]]);
  assert.equal(route?.verify.readBack, "/users/:id");
  assert.deepEqual(route?.match.headers, [["x-tenant", "acme"]]);
  // The last moment of that day.
  assert.deepEqual(route?.compare.ignore, [
    { at: "/updatedAt", because: "clock", until: Date.UTC(2027, 2, 2) - 1, when: null },
  ]);
  assert.equal(origins[0]?.["mirror.writes"], "defaults");
  assert.equal(origins[0]?.["compare.headers"], "route");
  assert.equal(origins[0]?.next, "built-in");
});

test("what is documented for later versions is told apart from slips of the pen", (t) => {
  const errors = errorsOf(t, fixture("documented-later.yaml"));
  assert.deepEqual(
    errors.map((error) => /^\S+ (\S+) .*not in this version yet/.exec(error)?.[1] ?? error),
    ["routes[0].verify.share", "routes[0].reads.fallback"],
  );
});

test("route wins over defaults, defaults over built-in, one setting at a time", (t) => {
  const yaml = `${TWO_URLS}
defaults:
  phase: legacy-only
  mirror: { reads: 10%, when: always }
  compare: { headers: [ETag], ignore: [{ at: /a, because: first }] }
routes:
  - name: a
    match: { path: /a }
    mirror: { reads: 20% }
    compare: { ignore: [] }
  - name: b
    match: { path: "/:any/**" }
    phase: dual-write
    entity: things
`;
  const [a, b] = settingsOf(t, yaml).settings.routes;
  assert.equal(a?.phase, "legacy-only");
  assert.deepEqual(a?.mirror, { writes: true, readShare: 0.2, when: "always", acceptRealEffects: null });
  assert.deepEqual(a?.compare, compareRules({ headers: ["etag"] }));
  assert.equal(a?.entity, "a");
  assert.equal(b?.phase, "dual-write");
  assert.equal(b?.mirror.readShare, 0.1);
  assert.equal(b?.compare.ignore.length, 1);
  assert.equal(b?.entity, "things");
});

test("the entity of a route without a fixed part comes from the path", (t) => {
  const yaml = `${TWO_URLS}routes:\n  - { name: a, match: { path: "/:tenant/**" } }\n  - { name: b, match: { path: "/x/**" } }\n`;
  assert.deepEqual(
    settingsOf(t, yaml).settings.routes.map(({ entity }) => entity),
    [null, "b"],
  );
});

test("variables of the environment become what their setting takes", (t) => {
  const yaml = `services:
  legacy: { url: "http://\${HOST}:3000" }
  next: { url: "\${NEXT:-http://127.0.0.1:4000}" }
limits: { inFlight: "\${IN_FLIGHT}" }
defaults: { mirror: { writes: "\${WRITES}", reads: "\${READS}%" } }
admin: { tokens: [{ name: ops, role: "\${ROLE:-read}", token: "\${TOKEN}" }] }
`;
  const env = { HOST: "127.0.0.1", IN_FLIGHT: "7", WRITES: "false", READS: "5", TOKEN: "12345678901234567890" };
  const { settings } = settingsOf(t, yaml, { env });
  assert.equal(settings.limits.inFlight, 7);
  assert.equal(settings.routes[0]?.mirror.writes, false);
  assert.equal(settings.routes[0]?.mirror.readShare, 0.05);
  assert.equal(settings.admin.tokens[0]?.token, "12345678901234567890");
  assert.equal(settings.services["legacy"]?.origin, "http://127.0.0.1:3000");
});

test("no file and no flags: one error that says what to write", () => {
  const loaded = loadSettings({ file: null, flags: {}, env: {} });
  assert.ok(!loaded.ok);
  assert.deepEqual(spellMessages(loaded.errors), [
    "--legacy and --next are missing; write --legacy http://127.0.0.1:3000 --next http://127.0.0.1:4000, or name a file with --config",
  ]);
});

test("a file that cannot be read is an error like the others", (t) => {
  const folder = makeFolder(t);
  const missing = loadSettings({ file: join(folder, "none.yaml"), flags: {}, env: {} });
  const directory = loadSettings({ file: folder, flags: {}, env: {} });
  assert.ok(!missing.ok && !directory.ok);
  assert.match(missing.errors[0]?.text ?? "", /cannot be read: there is no such file; write one, or give --legacy URL/);
  assert.match(directory.errors[0]?.text ?? "", /it is a directory; name the file in it/);
});

test("flags are judged with the grammar of the file, and named as flags", () => {
  const flags = {
    legacy: "127.0.0.1:1",
    next: "http://127.0.0.1:2/api",
    effects: "supressed",
    listen: "8080",
    admin: "::1",
    store: "redis://u:secret@h/x",
    divergenceLog: "",
  };
  const loaded = loadSettings({ file: null, flags, env: {} });
  assert.ok(!loaded.ok);
  assert.deepEqual(spellMessages(loaded.errors), [
    '--legacy is "127.0.0.1:1", which is no URL; write http://127.0.0.1:1',
    '--next is "http://127.0.0.1:2/api", which has the path /api; a base path is not supported yet: write http://127.0.0.1:2, and the path in each route\'s match.path',
    '--effects is "supressed"; did you mean suppressed? (suppressed, sandboxed, real)',
    '--listen is "8080", which has no host; write 127.0.0.1:8080',
    '--admin is "::1", an IPv6 address without port; write [::1]:8080',
    '--store is "redis://***@h/x", whose x is no number of a database; write 0 to 15, and names as ?prefix=x',
    '--divergence-log is "", of 0 characters; write 1 to 4096 characters',
  ]);
});

test("the waits for a service and its connections have units, and words for none", (t) => {
  const { settings } = settingsOf(
    t,
    `services:
  legacy:
    url: "http://127.0.0.1:3000"
    asPrimary: { connectTimeout: 2s, idleTimeout: 90s, totalTimeout: 5m, connections: 100, maxWork: 2m }
  next:
    url: "http://127.0.0.1:4000"
    asPrimary: { idleTimeout: off, totalTimeout: "off", connections: unlimited }
    asShadow: { connectTimeout: 250ms, maxWork: 1m, expiresAfter: 90s }
  third:
    url: "http://127.0.0.1:5000"
    asPrimary: { connections: "\${CONNECTIONS}" }
routes: [{ name: all, match: { path: "/**" }, next: third }]
`,
    { env: { CONNECTIONS: "7" } },
  );
  const { legacy, next, third } = settings.services;
  assert.deepEqual(legacy?.asPrimary, {
    timeoutMs: 30_000,
    connectTimeoutMs: 2000,
    maxWorkMs: 120_000,
    idleTimeoutMs: 90_000,
    totalTimeoutMs: 300_000,
    maxConnections: 100,
  });
  assert.deepEqual(next?.asPrimary, {
    ...legacy.asPrimary,
    ...NO_BOUNDS,
    connectTimeoutMs: 10_000,
    maxWorkMs: 30_000,
  });
  assert.equal(next.asShadow.connectTimeoutMs, 250);
  assert.equal(next.asShadow.maxWorkMs, 60_000);
  assert.equal(next.asShadow.expiresAfterMs, 90_000);
  assert.equal(third?.asPrimary.maxConnections, 7);
});

const NO_BOUNDS = { idleTimeoutMs: null, totalTimeoutMs: null, maxConnections: null };
