import assert from "node:assert/strict";
import { test } from "node:test";
import { gunzipSync, gzipSync } from "node:zlib";
import type { Difference } from "../../../proxy/evidence/evidence.ts";
import { createRedactor, type Redacted } from "../../../proxy/record/redaction.ts";
import { makeSettled, type SettledGiven } from "../../support/evidence.ts";

const KEY = Buffer.alloc(32, 7);
const STAND_IN = /\[redacted [0-9a-f]{8}\]/;

function redact(given: SettledGiven): Redacted {
  return createRedactor(KEY).redact(makeSettled(given));
}

/** The one difference, redacted. */
function shown(difference: Partial<Difference>, given: SettledGiven = {}): Difference {
  const whole: Difference = { at: "/x", kind: "value", primary: null, shadow: null, ...difference };
  return redact({ ...given, differences: [whole] }).differences[0] as Difference;
}

test("the same secret has the same stand-in, another has another, and another key makes others", () => {
  const one = shown({ at: "/password", primary: '"hunter22"', shadow: '"hunter23"' });
  assert.match(one.primary ?? "", /^\[redacted [0-9a-f]{8}\]$/);
  assert.notEqual(one.primary, one.shadow);
  assert.deepEqual(shown({ at: "/user/password", primary: '"hunter22"' }).primary, one.primary);
  assert.equal(shown({ at: "/password", primary: '"hunter\\u0032\\u0032"' }).primary, one.primary);
  const other = createRedactor(Buffer.alloc(32, 8)).redact(
    makeSettled({ differences: [{ at: "/password", kind: "value", primary: '"hunter22"', shadow: null }] }),
  );
  assert.notEqual(other.differences[0]?.primary, one.primary);
});

test("names that mean a secret are known in every spelling, at any depth", () => {
  const names = [
    "password",
    "passwd",
    "Password",
    "new_password",
    "userPassword",
    "passwordConfirmation",
    "secret",
    "client_secret",
    "clientSecret",
    "token",
    "access_token",
    "accessToken",
    "refresh-token",
    "id_token",
    "csrfToken",
    "api_key",
    "apiKey",
    "API-KEY",
    "x-api-key",
    "authorization",
    "session",
    "sessionId",
    "session_id",
    "cookie",
    "ssn",
    "cvv",
    "cvc",
    "cvvCode",
    "card_number",
    "cardNumber",
    "pin",
    "private_key",
    "privateKey",
    "otp",
    "otpCode",
    "jwt",
    "credentials",
    "passphrase",
    "ｐａｓｓｗｏｒｄ",
  ];
  for (const name of names) {
    assert.match(shown({ at: `/a/0/${name}`, primary: '"v4lue"' }).primary ?? "", STAND_IN, name);
    assert.match(shown({ at: `/${name}/deeper/0`, primary: "4711" }).primary ?? "", STAND_IN, `${name} above`);
    assert.doesNotMatch(
      shown({ at: "", primary: JSON.stringify({ a: [{ [name]: "v4lue" }] }) }).primary ?? "",
      /v4lue/,
      `${name} inside`,
    );
  }
});

test("names that only sound alike, or tell about a secret without being one, stay readable", () => {
  const names = [
    "total",
    "passengers",
    "secretary",
    "tokenType",
    "token_count",
    "passwordUpdatedAt",
    "password_expires_at",
    "sessions",
    "pinned",
    "opinion",
    "author",
    "authorId",
    "shipping",
    "key",
    "keys",
    "id",
    "sessionsCount",
  ];
  for (const name of names) assert.equal(shown({ at: `/${name}`, primary: '"v4lue"' }).primary, '"v4lue"', name);
});

test("what is not there, or only says whether something is there, is no secret", () => {
  for (const value of ["null", '""', "true", "false"]) {
    assert.equal(shown({ at: "/password", primary: value }).primary, value);
    assert.equal(shown({ at: "", primary: `{"password":${value}}` }).primary, `{"password":${value}}`);
  }
});

test("digits, escapes and order of what is shown stay as they were", () => {
  const text =
    '{"id":9007199254740993,"price":1.10,"name":"\\u20ac \\/","tags":[1e400,-0,[]],"token":"abcdefgh","__proto__":{},"id":2}';
  const value = shown({ at: "", primary: text }).primary ?? "";
  assert.equal(value.replace(STAND_IN, "X"), text.replace("abcdefgh", "X"));
  assert.equal(shown({ at: "/id", kind: "precision", primary: "9007199254740993" }).primary, "9007199254740993");
});

test("a text that was cut at its end is redacted as far as it goes", () => {
  const cut = (text: string): string => shown({ at: "", primary: text }).primary ?? "";
  assert.equal(cut('{"name":"Ann","note":"a long te…'), '{"name":"Ann","note":"a long te…');
  assert.match(cut('{"name":"Ann","password":"hunter2…'), /^\{"name":"Ann","password":"\[redacted [0-9a-f]{8}\]"…$/);
  assert.match(cut('{"token":{"value":"hunter2","le…'), /^\{"token":"\[redacted [0-9a-f]{8}\]"…$/);
  assert.equal(cut('{"name":"Ann","passw…'), '{"name":"Ann",…');
  assert.equal(cut('{"items":[1,2,33…'), '{"items":[1,2,33…');
  assert.equal(cut('{"done":tr…'), '{"done":tr…');
  assert.equal(cut('[{"a":1},…'), '[{"a":1},…');
  assert.match(
    cut('{"note":"see https://a.test/?token=a1b2c3…'),
    /^\{"note":"see https:\/\/a\.test\/\?token=\[redacted [0-9a-f]{8}\]…$/,
  );
});

test("a text that is no JSON and no cut JSON is redacted whole", () => {
  for (const text of [
    '{"name":"Ann","password":"hunter2"',
    "hunter2",
    '{"a" hunter2}',
    '["hunter2",]x',
    '"hunter2',
    "{'a':'hunter2'}",
    "[".repeat(500),
  ]) {
    assert.match(shown({ at: "/note", primary: text }).primary ?? "", /^\[redacted [0-9a-f]{8}\]$/, text);
  }
});

test("the middle of a long string is shown unless a secret stands in it", () => {
  assert.equal(shown({ at: "/note", primary: "…the quick brown fox…" }).primary, "…the quick brown fox…");
  const hidden = shown({ at: "/note", primary: '…1,\\"password\\":\\"hunter2\\",\\"x\\":1…' }).primary ?? "";
  assert.doesNotMatch(hidden, /hunter2/);
  assert.match(shown({ at: "/token", primary: "…hunter2…" }).primary ?? "", /^\[redacted/);
});

test("secrets are told by their looks in strings, headers, paths and error messages", () => {
  const jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U";
  const texts = [
    `see ${jwt}`,
    "Bearer a1b2c3d4e5f6",
    "Basic dXNlcjpwYXNzd29yZA==",
    "https://ann:s3cr3tpw@example.com/x",
    "https://example.com/x?token=a1b2c3d4e5&page=2",
    "grant_type=password&password=a1b2c3d4e5",
    '{"password":"a1b2c3d4e5"}',
    `AKIA${"ABCDEFGHIJKLMNOP"}`,
    `ghp_${"a1B2".repeat(9)}`,
    "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA\n-----END RSA PRIVATE KEY-----",
    "/users;jsessionid=a1b2c3d4e5/42",
    "https://example.com/x?next=%2Fcb%3Ftoken%3Da1b2c3d4e5&page=2",
    `?next=${encodeURIComponent(`/a?next=${encodeURIComponent("/cb?token=a1b2c3d4e5")}`)}`,
    "filter=%7B%22password%22%3A%22a1b2c3d4e5%22%7D",
  ];
  for (const text of texts) {
    const secret = /eyJzdWIi|a1b2c3d4e5|dXNlcjpw|s3cr3tpw|AKIAABC|a1B2a1B2|MIIEpAIB/;
    const { error, path } = redact({ error: text, request: { path: `/x/${text}` } });
    assert.doesNotMatch(error ?? "", secret, text);
    assert.doesNotMatch(path, secret, text);
    assert.doesNotMatch(shown({ primary: JSON.stringify(text) }).primary ?? "", secret, text);
    assert.doesNotMatch(shown({ at: "header:x-y", kind: "header", primary: text }).primary ?? "", secret, text);
  }
  assert.match(
    redact({ error: texts[4] as string }).error ?? "",
    /^https:\/\/example\.com\/x\?token=\[redacted [0-9a-f]{8}\]&page=2$/,
  );
});

test("a document within a string is redacted by its names, however deep, and stays as it was spelled", () => {
  const inner = '{ "user": "Ann",  "list": [{"password":"pass,word\\"tail"}], "pin": 123456, "n": 1.0 }';
  const documents = [inner, JSON.stringify([inner]), JSON.stringify({ again: JSON.stringify({ once: inner }) })];
  for (const text of documents) {
    const { primary } = shown({ at: "/payload", primary: JSON.stringify(text) });
    assert.doesNotMatch(primary ?? "", /pass,word|tail|123456/, text);
    assert.match(primary ?? "", /user[^]*Ann[^]*n[^]*1\.0/, text);
  }
  const plain = '{ "a": [1.0, "b"] }';
  assert.equal(shown({ primary: JSON.stringify(plain) }).primary, JSON.stringify(plain));
});

test("a secret within a text of the request's body is not shown where an answer repeats it", () => {
  const query = 'mutation { login(user: "ann-example", password: "hunter2secretA") { id } }';
  const bodies = [
    JSON.stringify({ query }),
    JSON.stringify({ payload: JSON.stringify({ password: "hunter2secretA" }) }),
  ];
  for (const body of bodies) {
    assert.match(echoed("hunter2secretA", body), STAND_IN);
    assert.equal(echoed("ann-example", body), '"hello ann-example"');
  }
});

test("a secret of a request's body in a content coding is not shown where an answer repeats it", () => {
  const requestBody = gzipSync('{"password":"hunter2secretA"}');
  const redactor = createRedactor(KEY, ({ body }) => gunzipSync(body));
  const settled = makeSettled({
    requestBody,
    differences: [{ at: "/msg", kind: "value", primary: '"hello hunter2secretA"', shadow: null }],
  });
  assert.match(redactor.redact(settled).differences[0]?.primary ?? "", STAND_IN);
});

test("ordinary prose, times, ids and addresses are left alone", () => {
  const texts = [
    "connect ECONNREFUSED 127.0.0.1:4000",
    "no complete answer within 5000 ms",
    "2026-11-22T12:00:00.000Z",
    "550e8400-e29b-41d4-a716-446655440000",
    "the token bucket: basic validation",
    "http://127.0.0.1:3000/users/42?page=2",
    "/search?q=a%3Db%3A50%25&at=2026-11-22T12%3A00%3A00Z",
  ];
  for (const text of texts) {
    assert.equal(redact({ error: text }).error, text);
    assert.equal(shown({ primary: JSON.stringify(text) }).primary, JSON.stringify(text));
  }
});

test("credentials of the request are found wherever an answer or an error repeats them", () => {
  const given: SettledGiven = {
    request: {
      headers: [
        "Authorization",
        "Bearer opaque-9f8e7d6c",
        "X-Api-Key",
        "kkkk-1234",
        "Cookie",
        "theme=dark; sid=abc123def; cart=0123456789abcdef0123",
        "Proxy-Authorization",
        `Basic ${Buffer.from("ann:correct horse").toString("base64")}`,
      ],
      query: "?reset_token=zz-top-99&page=2",
    },
    error:
      'upstream said "opaque-9f8e7d6c", kkkk-1234, sid abc123def, 0123456789abcdef0123, correct horse, zz-top-99, correct%20horse; theme dark',
  };
  const { error } = redact(given);
  assert.doesNotMatch(error ?? "", /opaque|kkkk|abc123|0123456789|correct|zz-top/);
  assert.match(error ?? "", /; theme dark$/);
  assert.doesNotMatch(
    shown({ at: "/echo", primary: '{"headers":["opaque-9f8e7d6c"]}' }, given).primary ?? "",
    /opaque/,
  );
});

test("a secret of an answer is found in its other places too", () => {
  const { differences, error, path } = redact({
    request: { path: "/things/qwertz-4711" },
    differences: [
      { at: "/links/self", kind: "value", primary: '"/things/qwertz-4711"', shadow: null },
      { at: "/token", kind: "value", primary: '"qwertz-4711"', shadow: null },
    ],
    error: "no such thing: qwertz-4711",
  });
  assert.doesNotMatch(JSON.stringify([differences, error, path]), /qwertz/);
});

test("headers whose value is a secret are never shown, others are", () => {
  for (const name of [
    "authorization",
    "proxy-authorization",
    "cookie",
    "set-cookie",
    "x-api-key",
    "x-auth-token",
    "x-csrf-token",
  ]) {
    assert.match(
      shown({ at: `header:${name}`, kind: "header", primary: "a, b" }).primary ?? "",
      /^\[redacted [0-9a-f]{8}\]$/,
      name,
    );
  }
  assert.equal(
    shown({ at: "header:content-type", kind: "header", primary: "text/html", shadow: null }).primary,
    "text/html",
  );
  const location = shown({
    at: "header:location",
    kind: "header",
    primary: "https://a.test/reset/h3xh3x?next=/x",
    shadow: "/users/42",
  });
  assert.match(location.primary ?? "", /^https:\/\/a\.test\/reset\/\[redacted [0-9a-f]{8}\]\?next=\/x$/);
  assert.equal(location.shadow, "/users/42");
});

test("a path shows no segment after one that announces a secret, and never a query", () => {
  const pathOf = (path: string): string =>
    redact({ request: { path, query: "?token=abcdefgh" } }).path.replaceAll(/\[redacted [0-9a-f]{8}\]/g, "X");
  assert.equal(pathOf("/users/42"), "/users/42");
  assert.equal(pathOf("/password/reset/9f8e7d/edit"), "/password/reset/X/edit");
  assert.equal(pathOf("/v1/tokens/9f8e7d"), "/v1/tokens/X");
  assert.equal(pathOf("/t%6Fken/9f8e7d/"), "/t%6Fken/X/");
  assert.equal(pathOf("/reset/MTA/9f8e7d"), "/reset/X/X");
  assert.equal(pathOf("https://ann:pw@example.com/users/42"), "https://X@example.com/users/42");
  assert.equal(pathOf("*"), "*");
});

test("the route's locators redact bodies and answers, headers, cookies, queries and path parameters", () => {
  const route = {
    redact: [
      { source: "body", name: "/email" },
      { source: "answer", name: "/items/*/serial" },
      { source: "answer", name: "/**/phone" },
      { source: "header", name: "x-tenant" },
      { source: "answer-header", name: "x-trail" },
      { source: "cookie", name: "cart" },
      { source: "query", name: "voucher" },
      { source: "path", name: "id" },
    ] as const,
  };
  const hidden = (difference: Partial<Difference>): void =>
    assert.match(shown(difference, { route }).primary ?? "", STAND_IN);
  hidden({ at: "/email", primary: '"a@b.c"' });
  hidden({ at: "/items/3/serial", primary: '"S1"' });
  hidden({ at: "/a/b/phone/0", primary: "12" });
  hidden({ at: "header:x-tenant", kind: "header", primary: "acme" });
  hidden({ at: "header:x-trail", kind: "header", primary: "1" });
  assert.match(
    shown({ at: "", primary: '{"items":[{"serial":"S1","n":1}]}' }, { route }).primary ?? "",
    /^\{"items":\[\{"serial":"\[redacted [0-9a-f]{8}\]","n":1\}\]\}$/,
  );
  assert.equal(shown({ at: "/items/3/name", primary: '"S1"' }, { route }).primary, '"S1"');

  const given: SettledGiven = {
    route,
    request: {
      path: "/users/ann%40example.com",
      query: "?voucher=FREE-99",
      headers: ["cookie", "cart=A7", "x-tenant", "acme-inc"],
    },
    key: "users/ann@example.com",
    error: "acme-inc may not use FREE-99 for ann@example.com",
  };
  const { path, key, error } = redact(given);
  assert.match(path, /^\/users\/\[redacted [0-9a-f]{8}\]$/);
  assert.match(key ?? "", /^users\/\[redacted [0-9a-f]{8}\]$/);
  assert.equal(key?.slice("users/".length), path.slice("/users/".length));
  assert.doesNotMatch(error ?? "", /acme|FREE|ann/);
  assert.equal(createRedactor(KEY).redactKey(makeSettled(given)), key);
});

test("an entity key that comes from a secret place is redacted, whichever form it has", () => {
  const keyOf = (given: SettledGiven): string => (redact(given).key ?? "").replaceAll(/\[redacted [0-9a-f]{8}\]/g, "X");
  assert.equal(keyOf({ key: "users/42" }), "users/42");
  assert.equal(keyOf({ key: "users/4711", route: { key: [{ source: "body", name: "/ssn" }] } }), "users/X");
  assert.equal(
    keyOf({
      key: "users/4711",
      route: { key: [{ source: "answer", name: "/id" }], redact: [{ source: "body", name: "/id" }] },
    }),
    "users/X",
  );
  assert.equal(keyOf({ key: "users/4711", route: { key: [{ source: "cookie", name: "who" }] } }), "users/X");
  assert.equal(keyOf({ key: "users:/reset/9f8e7d", request: { path: "/reset/9f8e7d" } }), "users:/reset/X");
  assert.equal(keyOf({ key: "reset/9f8e7d", route: { entity: null }, request: { path: "/reset/9f8e7d" } }), "reset/X");
  assert.equal(keyOf({ key: "users:*" }), "users:*");
  assert.equal(redact({ key: null }).key, null);
});

test("members' names in pointers are redacted under secret names, and indices stay", () => {
  const at = shown({ at: "/tokens/9f8e7d6c/0/scope", primary: "1" }).at;
  assert.match(at, /^\/tokens\/\[redacted [0-9a-f]{8}\]\/0\/\[redacted [0-9a-f]{8}\]$/);
  assert.equal(shown({ at: "/users/9f8e7d6c/0/na~1me", primary: "1" }).at, "/users/9f8e7d6c/0/na~1me");
});

test("statuses, lengths and what compare says in words of a body stay readable", () => {
  assert.deepEqual(shown({ at: "", kind: "status", primary: "200", shadow: "404" }), {
    at: "",
    kind: "status",
    primary: "200",
    shadow: "404",
  });
  assert.equal(shown({ at: "/tokens", kind: "length", primary: "3", shadow: "4" }).primary, "3");
  const words = "12 bytes, not JSON at byte 3: a comma or } should stand here";
  assert.equal(shown({ at: "", kind: "body", primary: words, shadow: "1 byte" }).primary, words);
  assert.equal(shown({ at: "", kind: "extra", shadow: words }).shadow, words);
});

test("an entity has one name on the repair list, whatever the answers of one exchange held", () => {
  const given: SettledGiven = { key: "users/abcdef123", request: { path: "/users/abcdef123" } };
  const repeated = { at: "/token", kind: "value", primary: '"abcdef123"', shadow: '"other"' } as const;
  const { key, repairKey } = redact({ ...given, differences: [repeated] });
  assert.match(key ?? "", STAND_IN);
  assert.equal(repairKey, createRedactor(KEY).redactKey(makeSettled(given)));
  assert.equal(repairKey, redact({ ...given, differences: [] }).repairKey);
});

test("texts are cut where they are long, and a settled exchange is never changed", () => {
  const settled = makeSettled({ error: "x".repeat(5000), request: { path: `/${"y".repeat(5000)}` } });
  const before = structuredClone({ ...settled, exchange: null });
  const { error, path } = createRedactor(KEY).redact(settled);
  assert.equal(error?.length, 1024);
  assert.equal(path.length, 2048);
  assert.deepEqual({ ...settled, exchange: null }, before);
});

test("texts and requests made to be slow to search are not", () => {
  const begun = performance.now();
  const long = 16 * 1024;
  for (const part of [
    "a",
    "a.",
    "eyJ-",
    "-----BEGIN ",
    "Bearer ",
    "a=",
    "\\\\",
    "a:",
    "token=x&",
    "http://",
    " ",
    "%25",
    "%3D",
  ]) {
    redact({ request: { path: `/${part.repeat(long / part.length)}` }, error: part.repeat(long / part.length) });
  }
  const query = `?${Array.from({ length: 2000 }, (_, i) => `token=${i}abcdef`).join("&")}`;
  const differences = Array.from({ length: 100 }, (_, i) => ({
    at: `/x${i}`,
    kind: "value" as const,
    primary: `"${"y".repeat(500)}"`,
    shadow: "1",
  }));
  redact({ request: { query }, differences });
  // All together take some 200 ms; a single pattern that tries each character as its beginning takes many seconds.
  assert.ok(performance.now() - begun < 5_000);
});

test("a query is shown as it was sent, but for the values that are secret", () => {
  const query = (text: string): string | null =>
    redact({ request: { ...makeSettled({}).exchange.request, query: text } }).query;
  assert.equal(query(""), null);
  assert.equal(query("page=2&q=a%20b&&flag&x="), "page=2&q=a%20b&&flag&x=");
  const shownQuery = query("page=2&access_token=abcdef123&Token=&note=abcdef123") ?? "";
  assert.match(shownQuery, /^page=2&access_token=\[redacted [0-9a-f]{8}\]&Token=&note=\[redacted [0-9a-f]{8}\]$/);
});

/** What is shown of an answer that says `text`, after a request with this body. */
function echoed(text: string, body: string, given: SettledGiven = {}): string {
  const requestBody = Buffer.from(body);
  const { primary } = shown({ at: "/msg", primary: JSON.stringify(`hello ${text}`) }, { ...given, requestBody });
  return primary ?? "";
}

test("a secret of the request's JSON body is not shown where an answer repeats it", () => {
  const bodies = [
    { password: "hunter2secretA" },
    [{ user: { credentials: { list: ["hunter2secretA"] } } }],
    { a: "x", new_password: "hunter2secretA", password: "hunter2secretA" },
  ];
  for (const body of bodies) {
    assert.match(echoed("hunter2secretA", JSON.stringify(body)), /^"hello \[redacted [0-9a-f]{8}\]"$/);
  }
  assert.match(echoed("hunter2secretA", '\ufeff {"password":"hunter2secretA"}'), STAND_IN);
  assert.match(echoed("hunter2secretA", '{"pass\\u0077ord":"hunter2secret\\u0041"}'), STAND_IN);
  assert.match(echoed("123456789", '{"ssn":123456789}'), STAND_IN);
  const error = redact({
    error: "bad hunter2secretA",
    requestBody: Buffer.from('{"password":"hunter2secretA"}'),
  }).error;
  assert.match(error ?? "", /^bad \[redacted [0-9a-f]{8}\]$/);
});

test("what the route's redact points at in the request's body is not shown elsewhere either", () => {
  const route = {
    redact: [
      { source: "body", name: "/priv" },
      { source: "body", name: "/items/*/note" },
    ],
  } as const;
  assert.match(echoed("Ann-Example", '{"priv":"Ann-Example"}', { route }), STAND_IN);
  assert.match(echoed("Ann-Example", '{"priv":{"name":["Ann-Example"]}}', { route }), STAND_IN);
  assert.match(echoed("Ann-Example", '{"items":[{},{"note":"Ann-Example"}]}', { route }), STAND_IN);
  assert.equal(echoed("Ann-Example", '{"items":{"note":"Ann-Example"}}', { route }), '"hello Ann-Example"');
});

test("a secret of a form is not shown where an answer repeats it", () => {
  const request = { headers: ["Content-Type", "application/x-www-form-urlencoded; charset=utf-8"] };
  const form = "user=ann-example&password=hunter2+secret%41";
  assert.match(echoed("hunter2 secretA", form, { request }), STAND_IN);
  assert.equal(echoed("ann-example", form, { request }), '"hello ann-example"');
});

test("of a request's body only secrets are taken, none that is short, and nothing that is no JSON", () => {
  assert.equal(echoed("42 true", '{"pin":42,"password":true,"secret":null,"name":"hello"}'), '"hello 42 true"');
  assert.equal(echoed("ann-example", '{"user":"ann-example","password":"other-one"}'), '"hello ann-example"');
  assert.equal(echoed("hunter2secretA", '{"password":"hunter2secretA"'), '"hello hunter2secretA"');
  assert.equal(echoed("hunter2secretA", ""), '"hello hunter2secretA"');
});

test("a body of nothing but secrets hides the text that may repeat any of them; a deep one costs no stack", () => {
  const many = JSON.stringify({ tokens: Array.from({ length: 5000 }, (_, i) => `secret-number-${i}`) });
  assert.match(echoed("secret-number-4999", many), STAND_IN);
  const deep = `${"[".repeat(100_000)}${"]".repeat(100_000)}`;
  assert.equal(echoed("world", deep), '"hello world"');
});
