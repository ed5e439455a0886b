import assert from "node:assert/strict";
import { test } from "node:test";
import { formatConfigMessage } from "../../../proxy/config/message.ts";
import { errorsOf } from "../../support/config-file.ts";

const TWO_URLS = `services:
  legacy: { url: "http://127.0.0.1:3000" }
  next: { url: "http://127.0.0.1:4000" }
`;

test("an error reads as place, setting, value, reason and way out", () => {
  const text = 'routes[2].budget.queued is "64", which has no unit; write 64KiB or 64MiB';
  assert.equal(
    formatConfigMessage({ file: "crossfade.yaml", line: 14, column: 9, text }),
    `crossfade.yaml:14:9 ${text}`,
  );
  assert.equal(
    formatConfigMessage({ file: "--legacy", line: null, column: null, text: "is missing" }),
    "--legacy is missing",
  );
});

/** What follows the two services; the expected errors begin at `line:column`. */
const AFTER_TWO_URLS: readonly (readonly [yaml: string, errors: readonly string[]])[] = [
  // Values.
  ["limits: { queued: 64 }", ["4:19 limits.queued is 64, which has no unit; write 64KiB or 64MiB"]],
  ['limits:\n  queued: "64"', ['5:11 limits.queued is "64", which has no unit; write 64KiB or 64MiB']],
  ["limits: { queued: 1KiB }", ['4:19 limits.queued is "1KiB", outside of 1MiB to 64GiB; write a value in between']],
  ["limits: { inFlight: 0 }", ["4:21 limits.inFlight is 0; write a whole number from 1 to 100000"]],
  ["limits: { inFlight: 1.5 }", ["4:21 limits.inFlight is 1.5; write a whole number from 1 to 100000"]],
  ["limits: { inFlight: many }", ['4:21 limits.inFlight is "many"; write a whole number from 1 to 100000']],
  ["listen: 8080", ["4:9 listen is 8080, which has no host; write 127.0.0.1:8080"]],
  ["listen:", ["4:8 listen has no value; write one, or take the key out"]],
  ["listen: [1]", ["4:9 listen is a list where a text is expected"]],
  ["listen: unix:run/x", ['4:9 listen is "unix:run/x"; a Unix socket is named by its whole path: write unix:/run/x']],
  ["socketMode: 0660", ['4:13 socketMode is the number 660 where a text is expected; write "660"']],
  ['socketMode: "0860"', ['4:13 socketMode is "0860"; write three octal digits after a 0, as in "0660"']],
  ["tls: { cert: x }", ["4:6 tls.key is missing; write key: FILE"]],
  ["tls: { cert: ./none.crt, key: ./none.crt, http3: true }", ["4:43 tls.http3 is not a setting; did you mean http2?"]],
  ["admin: yes", ['4:8 admin is "yes" where a group of settings is expected; write key: value lines below it']],
  [
    "store: ./x.db",
    ['4:8 store is "./x.db", which names no kind of store; write sqlite:./x.db, redis://HOST:PORT or memory:'],
  ],
  ["store: sqlite::memory:", ["4:8 a colon in this value makes YAML read it as a key; put the value in quotes"]],
  [
    'store: "sqlite::memory:"',
    ['4:8 store is "sqlite::memory:"; a store that ends with the process is written memory:'],
  ],
  ["divergenceLog: { lines: some }", ['4:25 divergenceLog.lines is "some"; write one of notable, all']],
  ["defaults: { mirror: { writes: yes } }", ['4:31 defaults.mirror.writes is "yes"; write true or false']],
  ["defaults: { mirror: { reads: 0.05 } }", ["4:30 defaults.mirror.reads is 0.05, which has no unit; write 0.05%"]],
  [
    "defaults: { phase: dualwrite }",
    [
      '4:20 defaults.phase is "dualwrite"; did you mean dual-write? (legacy-only, dual-write, backfilling, next-primary, next-only)',
    ],
  ],
  ["defaults: { key: path:id }", ['4:18 defaults.key is "path:id" where a list is expected; write ["path:id"]']],
  ["defaults: { key: [] }", ["4:18 defaults.key is an empty list; write at least one entry, or take the key out"]],
  [
    "defaults: { key: [anser:/id] }",
    ['4:19 defaults.key[0] is "anser:/id", and there is no source called "anser"; did you mean answer:/id?'],
  ],
  ["routes: []", ["4:9 routes is an empty list; write at least one entry, or take the key out"]],
  ["routes:\n  - 5", ["5:5 routes[0] is 5 where a group of settings is expected; write key: value lines below it"]],
  [
    "routes:\n  - name: a b\n    match: { path: /x }",
    ['5:11 routes[0].name is "a b"; a name holds letters, digits, dots, _ and - (at most 64), a letter or digit first'],
  ],
  [
    "routes:\n  - name: a\n    match: { path: users }",
    ['6:20 routes[0].match.path is "users", which at its character 1 does not begin with a slash; write /users'],
  ],
  [
    "routes:\n  - name: a\n    match: { path: /x, methods: [get, POTS] }",
    [
      '6:39 routes[0].match.methods[1] is "POTS", which is no method that Node\'s HTTP parser takes; did you mean POST?',
    ],
  ],
  [
    'routes:\n  - name: a\n    match: { path: /x, host: "h:80" }',
    ['6:30 routes[0].match.host is "h:80", which has a port; hosts are matched without: write h'],
  ],
  [
    "routes:\n  - name: a\n    match: { path: /x, headers: { x-n: 1 } }",
    ['6:40 routes[0].match.headers.x-n is 1 where a text is expected; write "1"'],
  ],
  [
    "defaults: { compare: { ignore: [{ at: updatedAt, because: clock }] } }",
    [
      '4:39 defaults.compare.ignore[0].at is "updatedAt", which does not begin with a slash; write /updatedAt (or /**/updatedAt at any depth)',
    ],
  ],
  [
    "defaults: { compare: { ignore: [{ at: /a, because: clock, until: 2027-02-30 }] } }",
    [
      '4:66 defaults.compare.ignore[0].until is "2027-02-30", which is no date; write 2027-03-01 or 2027-03-01T12:00:00Z',
    ],
  ],
  [
    "admin: { tokens: [{ name: ops, role: admin, token: 0123456789abcdef }] }",
    ['4:38 admin.tokens[0].role is "admin"; write one of read, bodies, operate'],
  ],
  [
    "defaults: { repair: { rate: 20, write: patch } }",
    [
      "4:29 defaults.repair.rate is 20, which has no unit; write 20/s or 20/m",
      '4:40 defaults.repair.write is "patch"; write one of put-else-post, put, post',
    ],
  ],
  [
    "defaults: { verify: { readBack: /users } }",
    ['4:33 defaults.verify.readBack is "/users"; write a GET and a path: GET /users/:id'],
  ],
  [
    'defaults: { verify: { readBack: "GET /users/**" } }',
    [
      '4:33 defaults.verify.readBack is "GET /users/**"; one entity is read by one path: write fixed parts and :name alone, as in GET /users/:id',
    ],
  ],
  // Missing keys: at what surrounds them.
  [
    "routes:\n  - name: a\n  - match: { path: /x }",
    [
      '5:5 routes[0].match is missing; write match: { path: "/users/**" }',
      "6:5 routes[1].name is missing; write name: users",
    ],
  ],
  [
    "defaults: { compare: { ignore: [{ at: /a }] } }",
    ["4:33 defaults.compare.ignore[0].because is missing; write because: clock"],
  ],
  // Unknown keys: at the key.
  ["lisen: 127.0.0.1:80", ["4:1 lisen is not a setting; did you mean listen?"]],
  [
    "xyz: 1",
    [
      "4:1 xyz is not a setting; known here: listen, socketMode, tls, tunnels, admin, store, divergenceLog, limits, journal, member, workers, webhook, telemetry, services, defaults, routes, collections",
    ],
  ],
  [
    "limits:\n  spol: 1GiB\nroutes: [{ name: a, match: { path: /a }, verify: { shares: 1% } }]",
    [
      "5:3 limits.spol is not a setting; did you mean spool?",
      "6:52 routes[0].verify.shares is not a setting; did you mean share?",
    ],
  ],
  ["defaults: { name: x }", ["4:13 defaults.name belongs to one route; write it in routes"]],
  [
    "__proto__: { listen: x }",
    [
      "4:1 __proto__ is not a setting; known here: listen, socketMode, tls, tunnels, admin, store, divergenceLog, limits, journal, member, workers, webhook, telemetry, services, defaults, routes, collections",
    ],
  ],
  [
    "<<: { listen: x }",
    [
      '4:1 ["<<"] is not a setting; known here: listen, socketMode, tls, tunnels, admin, store, divergenceLog, limits, journal, member, workers, webhook, telemetry, services, defaults, routes, collections',
    ],
  ],
  // Environment.
  ['listen: "${LISTEN}"', ["4:9 listen uses ${LISTEN}, which is not set; set it, or write ${LISTEN:-default}"]],
  // YAML.
  ["services: {}", ["4:1 services stands twice in one group; keep one of them"]],
  ["limits: { queued: 1MiB, queued: 2MiB }", ["4:25 queued stands twice in one group; keep one of them"]],
  ["limits: { queued: 1MiB", ["5:1 Flow map in block collection must be sufficiently indented and end with a }"]],
  ["limits:\n\tqueued: 1MiB", ["5:1 a tab indents this line; YAML wants spaces"]],
  ["listen: *nobody", ["1:1 Unresolved alias (the anchor must be set before the alias): nobody"]],
  ["---\nlisten: 127.0.0.1:1", ["4:1 a second document begins here (---); a config file holds one"]],
];

for (const [yaml, errors] of AFTER_TWO_URLS) {
  test(`error places: ${yaml.replaceAll("\n", " ⏎ ")}`, (t) => {
    assert.deepEqual(
      errorsOf(t, `${TWO_URLS}${yaml}\n`),
      errors.map((error) => `crossfade.yaml:${error}`),
    );
  });
}

test("services say what is missing, and whom a slip of the pen meant", (t) => {
  assert.deepEqual(errorsOf(t, ""), [
    'crossfade.yaml:1:1 services.legacy.url is missing; write services: { legacy: { url: "http://127.0.0.1:3000" } }, or start with --legacy URL',
    'crossfade.yaml:1:1 services.next.url is missing; write services: { next: { url: "http://127.0.0.1:4000" } }, or start with --next URL',
  ]);
  assert.deepEqual(errorsOf(t, 'services:\n  legasy: { url: "http://127.0.0.1:1" }\n  next: { effects: real }\n'), [
    "crossfade.yaml:2:3 services.legacy.url is missing; did you mean it by services.legasy?",
    'crossfade.yaml:3:9 services.next.url is missing; write services: { next: { url: "http://127.0.0.1:4000" } }, or start with --next URL',
  ]);
});

test("all errors are reported at once, in the order of the file", (t) => {
  const errors = errorsOf(t, "routes: [{ name: a }]\nlimits: { queued: 64, x: 1 }\nlisen: 1\n");
  assert.deepEqual(
    errors.map((error) => error.split(" ", 2).join(" ")),
    [
      "crossfade.yaml:1:10 routes[0].match",
      "crossfade.yaml:2:19 limits.queued",
      "crossfade.yaml:2:23 limits.x",
      "crossfade.yaml:3:1 lisen",
    ],
  );
});

test("headers that Crossfade or a connection sets are refused on the shadow leg", (t) => {
  for (const [name, value, words] of [
    ["Host", "a", /belongs to one connection/],
    ["X-Crossfade-Shadow", "a", /set by Crossfade/],
    ["b c", "a", /no name that a header can have/],
    ["x-a", '"a\\nb"', /in one line/],
  ] as const) {
    const yaml = `services:\n  legacy: { url: "http://127.0.0.1:1" }\n  next: { url: "http://127.0.0.1:2", asShadow: { headers: { ${name}: ${value} } } }\n`;
    const [error = ""] = errorsOf(t, yaml);
    assert.match(error, /^crossfade\.yaml:3:\d+ services\.next\.asShadow\.headers/);
    assert.match(error, words);
  }
});

test("a secret is never repeated", (t) => {
  const yaml = `${TWO_URLS}admin: { tokens: [{ name: ops, role: read, token: hunter2 }, { name: b, role: read, token: "\${T}" }] }\n`;
  const errors = errorsOf(t, yaml, { env: { T: "hunter3 hunter3 hunter3" } });
  assert.equal(errors.length, 2);
  assert.match(errors[0] ?? "", /admin\.tokens\[0\]\.token has 7 characters; a token has at least 16/);
  assert.match(errors[1] ?? "", /holds characters that a bearer token cannot/);
  assert.doesNotMatch(errors.join(""), /hunter/);
});

test("files that are meant to hurt are refused quickly", (t) => {
  const bomb = ["a: &a [x,x,x,x,x,x,x,x,x,x]", ..."bcdefghijk".split("")].map((line, i, all) =>
    i === 0
      ? line
      : `${line}: &${line} [${Array<string>(10)
          .fill(`*${i === 1 ? "a" : all[i - 1]}`)
          .join(",")}]`,
  );
  const table: readonly (readonly [text: string | Buffer, error: RegExp])[] = [
    [bomb.join("\n"), /aliases that stand for more than 1000 parts/],
    ["listen: &a [*a]", /an alias inside of what it stands for/],
    ["[".repeat(10_000), /nested too deeply/],
    ["a: ".repeat(10_000), /./],
    [Buffer.from([0x6c, 0xff, 0xfe]), /is not UTF-8 text/],
    [Buffer.alloc(2 * 1024 * 1024, 0x20), /has 2097152 bytes; a config file may have 1048576/],
    ["- 1", /does not hold settings/],
    ["just text", /does not hold settings/],
  ];
  for (const [text, error] of table) {
    const errors = errorsOf(t, text);
    assert.match(errors[0] ?? "", error);
    assert.ok(errors.length <= 20);
  }
});

test("a ${NAME} that YAML takes for a brace of its own: one error, which says to quote it", (t) => {
  const hint = (yaml: string): string[] => errorsOf(t, yaml).map((error) => error.replace(/^.*(?=; )/, ""));
  assert.deepEqual(errorsOf(t, "limits: { inFlight: ${N}, queued: 1MiB }\n"), [
    'crossfade.yaml:1:22 Unexpected flow-map-start at node end; put it in quotes: "${N}"',
  ]);
  assert.deepEqual(hint("services: { next: { url: http://${HOST}:3000 } }\n"), [
    '; put it in quotes: "http://${HOST}:3000"',
  ]);
  assert.deepEqual(hint("a: [${N}, 2]\n"), ['; put it in quotes: "${N}"']);
  const quoted = errorsOf(t, 'limits: { inFlight: "${N}" ]\n');
  assert.ok(quoted.length > 0 && quoted.every((error) => !error.includes("quotes")), quoted.join("\n"));
});

test("waits and connections that cannot be are told with the words for none", (t) => {
  const table: readonly (readonly [yaml: string, error: string])[] = [
    ["idleTimeout: 5", "idleTimeout is 5, which has no unit; write 5s or 5ms, or off"],
    ["idleTimeout: 0s", 'idleTimeout is "0s", outside of 1ms to 1d; write a value in between, or off'],
    ["totalTimeout: none", 'totalTimeout is "none", which is not a number with a unit; write 10s or 10ms, or off'],
    ["connections: 0", "connections is 0; write a whole number from 1 to 100000, or unlimited"],
    ["connections: many", 'connections is "many"; write a whole number from 1 to 100000, or unlimited'],
    ["connectTimeout: off", 'connectTimeout is "off", which is not a number with a unit; write 10s or 10ms'],
  ];
  for (const [yaml, error] of table) {
    const text = TWO_URLS.replace('3000"', `3000", asPrimary: { ${yaml} }`);
    assert.deepEqual(
      errorsOf(t, text).map((line) => line.replace(/^\S+ services\.legacy\.asPrimary\./, "")),
      [error],
    );
  }
});
