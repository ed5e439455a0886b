import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import https from "node:https";
import net from "node:net";
import { test, type TestContext } from "node:test";
import tls from "node:tls";
import { request } from "undici";
import { answerOf, startRawUpstream, startSecure, type Secure, type SecureOptions } from "../../support/secure.ts";
import { json, startService } from "../../support/service.ts";

interface Shaken {
  readonly alpn: string | false | null;
  readonly fingerprint: string;
}

/** A handshake and nothing more. */
async function shake({ crossfade, authority }: Secure, protocols: readonly string[] = []): Promise<Shaken> {
  const { hostname, port } = new URL(crossfade.proxyUrl);
  const host = hostname.replace(/^\[(.*)\]$/, "$1");
  const socket = tls.connect({ host, port: Number(port), ca: authority.ca, ALPNProtocols: [...protocols] });
  await once(socket, "secureConnect");
  const shaken = { alpn: socket.alpnProtocol, fingerprint: socket.getPeerCertificate().fingerprint256 };
  socket.destroy();
  return shaken;
}

function fingerprintOf(cert: string): string {
  return new X509Certificate(cert).fingerprint256;
}

async function startQuiet(t: TestContext, options: Omit<SecureOptions, "legacyUrl" | "legacy"> = {}) {
  const legacy = await startService(json(200, { ok: true }));
  t.after(() => legacy.close());
  return { ...(await startSecure(t, { legacyUrl: legacy.url, ...options })), legacy };
}

/** One request over HTTP/1.1. */
async function get(
  secure: Secure,
  path: string,
  agent: https.Agent,
): Promise<{ status: number; socket: tls.TLSSocket }> {
  const sent = https.get(secure.crossfade.proxyUrl + path, { agent, ca: secure.authority.ca });
  const [answer] = (await once(sent, "response")) as [IncomingMessage];
  answer.resume();
  await once(answer, "end");
  return { status: answer.statusCode ?? 0, socket: sent.socket as tls.TLSSocket };
}

async function statusOf({ crossfade }: Secure): Promise<{ warnings: string[]; config: { error: string | null } }> {
  const { body } = await request(`${crossfade.adminUrl}/api/v1/status`);
  return (await body.json()) as { warnings: string[]; config: { error: string | null } };
}

test("a client chooses HTTP/2 or HTTP/1.1 in its handshake, and gets HTTP/1.1 where it does not choose", async (t) => {
  const secure = await startQuiet(t);
  assert.match(secure.crossfade.proxyUrl, /^https:\/\/127\.0\.0\.1:\d+$/);
  assert.equal((await shake(secure, ["h2", "http/1.1"])).alpn, "h2");
  assert.equal((await shake(secure, ["http/1.1"])).alpn, "http/1.1");
  assert.equal((await shake(secure)).alpn, false);
  const agent = new https.Agent({ keepAlive: true });
  t.after(() => agent.destroy());
  assert.equal((await get(secure, "/", agent)).status, 200);
  const [seen] = await secure.legacy.sawAtLeast(1);
  assert.equal(seen?.header("x-forwarded-proto"), "https");
});

test("without http2 there is HTTP/1.1 alone", async (t) => {
  const secure = await startQuiet(t, { tls: "http2: false" });
  assert.equal((await shake(secure, ["h2", "http/1.1"])).alpn, "http/1.1");
  await assert.rejects(shake(secure, ["h2"]), /alert/);
});

test("a renewed certificate is shown to new connections, and open ones of both kinds go on", async (t) => {
  const secure = await startQuiet(t);
  const agent = new https.Agent({ keepAlive: true });
  t.after(() => agent.destroy());
  const { socket } = await get(secure, "/before", agent);
  const session = await secure.connect();
  const before = (await shake(secure)).fingerprint;
  const renewed = secure.authority.issue(["localhost", "127.0.0.1"]);
  secure.renew(renewed);
  // The files are watched: nobody tells the proxy.
  while ((await shake(secure)).fingerprint === before) await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal((await shake(secure)).fingerprint, fingerprintOf(renewed.cert));
  const after = await get(secure, "/after", agent);
  assert.equal(after.status, 200);
  assert.equal(after.socket, socket, "the connection from before is still in use");
  assert.equal((await answerOf(session.request({ ":path": "/after" }))).status, 200);
  assert.equal((await statusOf(secure)).config.error, null);
});

test("each worker shows a renewed certificate, and one that is broken ends none of them", async (t) => {
  const secure = await startQuiet(t, { more: "workers: 2" });
  const next = secure.authority.issue(["localhost", "127.0.0.1"]);
  const inTurn = async (): Promise<readonly string[]> => {
    const shown: string[] = [];
    for (let n = 0; n < 4; n++) shown.push((await shake(secure)).fingerprint);
    return shown;
  };
  const [before] = await inTurn();
  secure.renew({ cert: next.cert, key: "nothing of use" });
  await secure.crossfade.reload();
  assert.deepEqual(new Set(await inTurn()), new Set([before]));
  secure.renew(next);
  await secure.crossfade.reload();
  while ((await inTurn()).includes(before as string)) await new Promise((resolve) => setTimeout(resolve, 20));
  assert.deepEqual(new Set(await inTurn()), new Set([fingerprintOf(next.cert)]));
  const agent = new https.Agent({ keepAlive: true });
  t.after(() => agent.destroy());
  assert.equal((await get(secure, "/after", agent)).status, 200);
  const { workers } = (await statusOf(secure)) as unknown as { readonly workers: object };
  assert.deepEqual(workers, { wanted: 2, running: 2, replaced: 0 });
});

test("a broken certificate leaves the one before in use, and is counted and shown until it is mended", async (t) => {
  const secure = await startQuiet(t);
  const before = (await shake(secure)).fingerprint;
  const next = secure.authority.issue(["localhost", "127.0.0.1"]);
  secure.renew({ cert: next.cert, key: "nothing of use" });
  await secure.crossfade.reload();
  assert.equal((await shake(secure)).fingerprint, before);
  const { warnings, config } = await statusOf(secure);
  assert.match(config.error ?? "", /crossfade\.yaml:\d+:\d+ tls\.key holds no private key/);
  assert.match(warnings.join("\n"), /the changed config was refused and revision 1 stays in use: .*tls\.key/);
  const metrics = await (await request(`${secure.crossfade.adminUrl}/metrics`)).body.text();
  assert.match(metrics, /crossfade_config_reloads(?:_total)?\{[^}]*result="refused"[^}]*\} [1-9]/);
  secure.renew(next);
  await secure.crossfade.reload();
  assert.equal((await shake(secure)).fingerprint, fingerprintOf(next.cert));
  assert.equal((await statusOf(secure)).config.error, null);
});

test("a certificate that ends soon is in the status", async (t) => {
  const secure = await startQuiet(t);
  const before = (await statusOf(secure)).warnings;
  assert.doesNotMatch(before.join("\n"), /certificate/);
  secure.renew(secure.authority.issue(["localhost", "127.0.0.1"], { days: 5 }));
  await secure.crossfade.reload();
  assert.match((await statusOf(secure)).warnings.join("\n"), /the certificate for clients ends on \d{4}-\d\d-\d\d/);
});

test("a client that ends its side of a TLS connection still gets its answer", async (t) => {
  const upstream = await startRawUpstream(t);
  const secure = await startSecure(t, { legacyUrl: upstream.url });
  const { port } = new URL(secure.crossfade.proxyUrl);
  const socket = tls.connect({ host: "127.0.0.1", port: Number(port), ca: secure.authority.ca });
  socket.allowHalfOpen = true;
  await once(socket, "secureConnect");
  let received = "";
  socket.on("data", (chunk: Buffer) => {
    received += chunk.toString("latin1");
  });
  socket.end("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi");
  const exchange = await upstream.next();
  await exchange.until("\r\n\r\nhi");
  exchange.socket.end("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nanswer");
  await once(socket, "close");
  assert.match(received, /^HTTP\/1\.1 200 OK\r\n[^]*\r\n\r\nanswer$/);
});

test("a WebSocket over TLS is tunnelled to the primary, bytes both ways", async (t) => {
  const upstream = await startRawUpstream(t);
  const secure = await startSecure(t, { legacyUrl: upstream.url });
  const { port } = new URL(secure.crossfade.proxyUrl);
  const socket = tls.connect({ host: "127.0.0.1", port: Number(port), ca: secure.authority.ca });
  socket.on("error", () => {});
  await once(socket, "secureConnect");
  let received = "";
  socket.on("data", (chunk: Buffer) => {
    received += chunk.toString("latin1");
  });
  const until = async (text: string): Promise<void> => {
    while (!received.includes(text)) await once(socket, "data");
  };
  socket.write("GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
  const exchange = await upstream.next();
  assert.match(await exchange.until("\r\n\r\n"), /^GET \/chat HTTP\/1\.1\r\n[^]*\r\nUpgrade: websocket\r\n/);
  exchange.socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhello");
  await until("hello");
  assert.match(received, /^HTTP\/1\.1 101 Switching Protocols\r\n/);
  socket.write("how are you");
  await exchange.until("how are you");
  exchange.socket.end("bye");
  await until("bye");
  socket.destroy();
  await exchange.closed();
});

test("any other Upgrade over TLS is an ordinary request", async (t) => {
  const secure = await startQuiet(t);
  const { port } = new URL(secure.crossfade.proxyUrl);
  const socket = tls.connect({ host: "127.0.0.1", port: Number(port), ca: secure.authority.ca });
  await once(socket, "secureConnect");
  socket.write(
    "POST /x HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nContent-Length: 2\r\n\r\nhi",
  );
  const [answer] = (await once(socket, "data")) as [Buffer];
  assert.match(answer.toString("latin1"), /^HTTP\/1\.1 200 /);
  const [seen] = await secure.legacy.sawAtLeast(1);
  assert.equal(seen?.body.toString(), "hi");
  socket.destroy();
});

test("what is no TLS is told nothing, and the listener goes on", async (t) => {
  const secure = await startQuiet(t);
  const { port } = new URL(secure.crossfade.proxyUrl);
  const plain = net.connect(Number(port), "127.0.0.1");
  plain.on("error", () => {});
  plain.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  let received = "";
  plain.on("data", (chunk: Buffer) => {
    received += chunk.toString("latin1");
  });
  await once(plain, "close");
  assert.doesNotMatch(received, /HTTP\/1\.1 200/);
  assert.equal(secure.legacy.seen.length, 0);
  assert.equal((await shake(secure, ["h2"])).alpn, "h2");
});

test("connections that end in or after their handshake, or never begin it, do not hold up the stop", async (t) => {
  const secure = await startQuiet(t);
  for (const protocols of [["h2"], ["http/1.1"], []]) await shake(secure, protocols);
  const { port } = new URL(secure.crossfade.proxyUrl);
  const silent = net.connect(Number(port), "127.0.0.1");
  silent.on("error", () => {});
  await once(silent, "connect");
  // Accepted, too: a connection that came later has been served.
  await shake(secure, ["h2"]);
  const closed = once(silent, "close");
  assert.equal((await secure.crossfade.stop(10_000)).cutOff, false);
  await closed;
});

test("IPv6: the listener, its address in the ready line, and the client's in x-forwarded-for", async (t) => {
  const secure = await startQuiet(t, { listen: "[::1]:0" });
  assert.match(secure.crossfade.proxyUrl, /^https:\/\/\[::1\]:\d+$/);
  const agent = new https.Agent();
  assert.equal((await get(secure, "/", agent)).status, 200);
  const [seen] = await secure.legacy.sawAtLeast(1);
  assert.equal(seen?.header("x-forwarded-for"), "::1");
});

test("a changed config is taken over together with its certificates", async (t) => {
  const secure = await startQuiet(t);
  const text = readFileSync(secure.configFile, "utf8");
  const renewed = secure.authority.issue(["localhost", "127.0.0.1"]);
  writeFileSync(
    secure.configFile,
    text.replace(/cert: "[^"]*", key: "[^"]*"/, `cert: "${renewed.certFile}", key: "${renewed.keyFile}"`),
  );
  await secure.crossfade.reload();
  assert.equal((await shake(secure)).fingerprint, fingerprintOf(renewed.cert));
});
