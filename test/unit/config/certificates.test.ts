import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { loadSettings } from "../../../proxy/config/load.ts";
import { makeAuthority } from "../../support/certificates.ts";
import { makeFolder, spellMessages } from "../../support/config-file.ts";

/** `next` alone has TLS; messages begin at line 3. */
function load(t: TestContext, tls: string, env: Record<string, string> = {}) {
  const yaml = `services:
  legacy: { url: "http://127.0.0.1:3000" }
  next: { url: "https://127.0.0.1:4000", tls: ${tls} }
`;
  return loadText(t, yaml, env);
}

/** Certificates are judged by the real clock, since they are made when the test runs. */
function loadText(t: TestContext, yaml: string, env: Record<string, string> = {}) {
  const file = join(makeFolder(t), "crossfade.yaml");
  writeFileSync(file, yaml);
  return loadSettings({ file, flags: {}, env });
}

function errorsOf(t: TestContext, tls: string, env: Record<string, string> = {}): string[] {
  const loaded = load(t, tls, env);
  return loaded.ok ? [] : spellMessages(loaded.errors);
}

test("authorities, certificate and key are read from the files that are named", (t) => {
  const authority = makeAuthority(t);
  const { cert, key, certFile, keyFile } = authority.issue(["crossfade.internal"]);
  const files = `ca: ${authority.caFile}, cert: ${certFile}, key: ${keyFile}`;
  const loaded = load(t, `{ ${files}, serverName: Next.Internal }`);
  assert.ok(loaded.ok);
  assert.deepEqual(loaded.settings.services["next"]?.tls, {
    ca: authority.ca,
    client: { cert, key },
    serverName: "next.internal",
    verify: true,
  });
  assert.deepEqual(loaded.warnings, []);
  assert.deepEqual([...loaded.files].toSorted(), [authority.caFile, certFile, keyFile].toSorted());
});

test("PEM itself comes from the environment", (t) => {
  const authority = makeAuthority(t);
  const { cert, key } = authority.issue(["crossfade.internal"]);
  const env = { CA: authority.ca, CERT: cert, KEY: key };
  const loaded = load(t, '{ ca: "${CA}", cert: "${CERT}", key: "${KEY}" }', env);
  assert.ok(loaded.ok);
  assert.deepEqual(loaded.settings.services["next"]?.tls.client, { cert: cert.trim(), key: key.trim() });
  assert.deepEqual(loaded.files, []);
});

test("a file that cannot be used is told with its place and the way out, and no key is shown", (t) => {
  const authority = makeAuthority(t);
  const pair = authority.issue(["a"]);
  const other = authority.issue(["b"]);
  const folder = makeFolder(t);
  const made = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  const broken = made("broken.crt", pair.cert.replace(/\n..../, "\nAAAA"));
  const brokenKey = made("broken.key", pair.key.replace(/\n..../, "\nAAAA"));
  const text = made("notes.txt", "nothing of use\n");
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
  const encrypted = made(
    "encrypted.key",
    privateKey.export({ type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: "secret" }) as string,
  );
  const cert = `cert: ${pair.certFile}`;
  const table: readonly (readonly [tls: string, error: RegExp])[] = [
    [
      `{ ca: ./no.crt }`,
      /^crossfade\.yaml:3:53 services\.next\.tls\.ca is "\.\/no\.crt", and there is no file \/.*no\.crt; write where it is/,
    ],
    [`{ ca: ${folder} }`, /tls\.ca is "\/.*a directory; name the file in it$/],
    [`{ ca: ${text} }`, /tls\.ca holds no certificate in PEM form; .*-----BEGIN CERTIFICATE-----: name that file$/],
    [`{ ca: ${pair.keyFile} }`, /tls\.ca holds a key and no certificate;/],
    [`{ ca: ${broken} }`, /tls\.ca holds a certificate that cannot be read \(.*\); get the file anew$/],
    [
      `{ ${cert} }`,
      /^crossfade\.yaml:3:\d+ services\.next\.tls\.key is missing, and a certificate without its key proves nothing; write key: FILE$/,
    ],
    [
      `{ key: ${pair.keyFile} }`,
      /tls\.cert is missing, and a key without its certificate proves nothing; write cert: FILE$/,
    ],
    [`{ ${cert}, key: ${pair.certFile} }`, /tls\.key holds no private key in PEM form;/],
    [`{ ${cert}, key: ${brokenKey} }`, /tls\.key holds a key that cannot be read \(/],
    [`{ ${cert}, key: ${encrypted} }`, /tls\.key is encrypted, .*openssl pkey -in KEY -out PLAIN/],
    [
      `{ ${cert}, key: ${other.keyFile} }`,
      /tls\.key is not the key of the certificate in cert; name the two files of one pair$/,
    ],
    [`{ serverName: 127.0.0.1 }`, /tls\.serverName is "127\.0\.0\.1", an address; TLS asks for names/],
    [`{ serverName: "a b" }`, /tls\.serverName is "a b", which is no host name/],
    [`{ verify: maybe }`, /tls\.verify is "maybe"; write true or false/],
    [`{ verfy: false }`, /tls\.verfy is not a setting; did you mean verify\?/],
    [`{ ca: "" }`, /tls\.ca is "", of 0 characters/],
  ];
  const secrets = [pair.key, other.key].map((key) => key.split("\n")[1] ?? "");
  for (const [tls, error] of table) {
    const errors = errorsOf(t, tls);
    assert.match(errors[0] ?? "", error, tls);
    for (const secret of secrets) assert.ok(!errors.join().includes(secret));
  }
  const inEnv = errorsOf(t, `{ ${cert}, key: "\${KEY}" }`, { KEY: other.key });
  assert.match(inEnv[0] ?? "", /is not the key/);
  assert.ok(!inEnv.join().includes(secrets[1] ?? ""));
});

test("certificates that have ended, end soon or have not begun are warnings: they must not keep a proxy from starting", (t) => {
  const authority = makeAuthority(t);
  for (const [days, words] of [
    [-2, /holds a certificate \(CN=pair \d\) that ended on \d{4}-\d\d-\d\d; others refuse it: renew it$/],
    [5, /holds a certificate \(CN=pair \d\) that ends on \d{4}-\d\d-\d\d; renew it before$/],
    [20, null],
  ] as const) {
    const { certFile, keyFile } = authority.issue(["a"], { days });
    const loaded = load(t, `{ cert: ${certFile}, key: ${keyFile} }`);
    assert.ok(loaded.ok);
    const [warning = null] = spellMessages(loaded.warnings);
    if (words === null) assert.equal(warning, null);
    else assert.match(warning ?? "", words);
  }
});

test("verification can be switched off, and is warned about in plain words", (t) => {
  const loaded = load(t, "{ verify: false }");
  assert.ok(loaded.ok);
  assert.equal(loaded.settings.services["next"]?.tls.verify, false);
  assert.match(
    spellMessages(loaded.warnings)[0] ?? "",
    /^crossfade\.yaml:3:57 services\.next\.tls\.verify is false: whoever answers in the place of next is believed, and reads and changes every request; write ca: FILE/,
  );
});

test("tls for a service without TLS is an error", (t) => {
  for (const [url, way] of [
    [
      "http://127.0.0.1:4000",
      /for http:\/\/127\.0\.0\.1:4000, .*without TLS; write https:\/\/127\.0\.0\.1:4000, or take tls out/,
    ],
    ["unix:/run/next.sock", /for unix:\/run\/next\.sock, .*without TLS; take it out/],
  ] as const) {
    const loaded = loadText(
      t,
      `services: { legacy: { url: "http://127.0.0.1:3000" }, next: { url: "${url}", tls: { verify: true } } }`,
    );
    assert.ok(!loaded.ok);
    assert.match(spellMessages(loaded.errors)[0] ?? "", way);
  }
});
