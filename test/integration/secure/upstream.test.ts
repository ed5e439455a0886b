import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import http from "node:http";
import https from "node:https";
import net, { type AddressInfo } from "node:net";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import type { TLSSocket } from "node:tls";
import { request } from "undici";
import type { Crossfade } from "../../../proxy/crossfade.ts";
import { makeAuthority } from "../../support/certificates.ts";
import { makeFolder } from "../../support/config-file.ts";
import { startOn, startRawUpstream } from "../../support/secure.ts";
import { startService } from "../../support/service.ts";

/** One request as a TLS service saw it. */
interface Seen {
  readonly serverName: string | false;
  readonly host: string;
  readonly client: string | null;
}

async function startTlsService(t: TestContext, options: https.ServerOptions) {
  const seen: Seen[] = [];
  const server = https.createServer(options, (asked, response) => {
    const socket = asked.socket as TLSSocket;
    seen.push({
      serverName: (socket as TLSSocket & { servername: string | false }).servername,
      host: asked.headers.host ?? "",
      client: (socket.getPeerCertificate().subject?.CN as string | undefined) ?? null,
    });
    response.end("over TLS");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return { port: (server.address() as AddressInfo).port, seen };
}

/** A proxy without TLS of its own; `legacy` is YAML within `services.legacy`. */
async function startBefore(t: TestContext, legacy: string): Promise<Crossfade & { readonly configFile: string }> {
  const next = await startService();
  t.after(() => next.close());
  const configFile = join(makeFolder(t), "crossfade.yaml");
  const yaml = `listen: 127.0.0.1:0\nservices: { legacy: { ${legacy} }, next: { url: "${next.url}", effects: suppressed } }`;
  return { ...(await startOn(t, configFile, yaml)), configFile };
}

async function get({ proxyUrl }: Crossfade, path = "/", headers: Record<string, string> = {}) {
  const { statusCode, body } = await request(proxyUrl + path, { headers });
  return { status: statusCode, text: await body.text() };
}

async function warningsOf({ adminUrl }: Crossfade): Promise<string> {
  const { body } = await request(`${adminUrl}/api/v1/status`);
  return ((await body.json()) as { warnings: string[] }).warnings.join("\n");
}

test("a primary with TLS is reached by its origin's name, whatever Host the client writes", async (t) => {
  const authority = makeAuthority(t);
  const { port, seen } = await startTlsService(t, authority.issue(["localhost"]));
  const crossfade = await startBefore(t, `url: "https://localhost:${port}", tls: { ca: ${authority.caFile} }`);
  assert.deepEqual(await get(crossfade, "/", { host: "evil.example" }), { status: 200, text: "over TLS" });
  assert.deepEqual(seen, [{ serverName: "localhost", host: "evil.example", client: null }]);
});

test("serverName is asked for apart from Host, and a client certificate is shown", async (t) => {
  const authority = makeAuthority(t);
  const mine = authority.issue(["crossfade"], { name: "crossfade" });
  const { port, seen } = await startTlsService(t, {
    ...authority.issue(["legacy.internal"]),
    ca: authority.ca,
    requestCert: true,
    rejectUnauthorized: true,
  });
  const files = `ca: ${authority.caFile}, cert: ${mine.certFile}, key: ${mine.keyFile}`;
  const url = `https://127.0.0.1:${port}`;
  const crossfade = await startBefore(t, `url: "${url}", host: target, tls: { ${files}, serverName: legacy.internal }`);
  assert.equal((await get(crossfade)).text, "over TLS");
  assert.deepEqual(seen, [{ serverName: "legacy.internal", host: `127.0.0.1:${port}`, client: "crossfade" }]);
});

test("a primary whose certificate is not trusted is 502, is not asked, and is named in the status", async (t) => {
  const { port, seen } = await startTlsService(t, makeAuthority(t).issue(["localhost"]));
  const crossfade = await startBefore(t, `url: "https://localhost:${port}"`);
  assert.equal((await get(crossfade)).status, 502);
  assert.equal(seen.length, 0);
  assert.match(await warningsOf(crossfade), /legacy at https:\/\/localhost:\d+: UNABLE_TO_VERIFY_LEAF_SIGNATURE/);
});

test("authorities that are renewed are used from the next request on", async (t) => {
  const [old, renewed] = [makeAuthority(t), makeAuthority(t)];
  const { port } = await startTlsService(t, renewed.issue(["localhost"]));
  const caFile = join(makeFolder(t), "ca.crt");
  writeFileSync(caFile, old.ca);
  const crossfade = await startBefore(t, `url: "https://localhost:${port}", tls: { ca: ${caFile} }`);
  assert.equal((await get(crossfade)).status, 502);
  writeFileSync(caFile, old.ca + renewed.ca);
  await crossfade.reload();
  assert.equal((await get(crossfade)).status, 200);
});

test("a reload that leaves a service as it is keeps its connections", async (t) => {
  const authority = makeAuthority(t);
  const ports: (number | undefined)[] = [];
  const server = https.createServer(authority.issue(["localhost"]), (asked, response) => {
    ports.push(asked.socket.remotePort);
    response.end("kept");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const crossfade = await startBefore(t, `url: "https://localhost:${port}", tls: { ca: ${authority.caFile} }`);
  await get(crossfade);
  writeFileSync(crossfade.configFile, `${readFileSync(crossfade.configFile, "utf8")}limits: { queued: 32MiB }\n`);
  await crossfade.reload();
  await get(crossfade);
  assert.equal(ports[1], ports[0]);
});

test("a primary on a Unix socket: Host is the client's, or localhost with host: target", async (t) => {
  const path = join(makeFolder(t), "legacy.sock");
  const hosts: string[] = [];
  const server = http.createServer((asked, response) => {
    hosts.push(asked.headers.host ?? "");
    response.end("over a socket");
  });
  server.listen(path);
  await once(server, "listening");
  t.after(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  for (const host of ["preserve", "target"]) {
    const crossfade = await startBefore(t, `url: "unix:${path}", host: ${host}`);
    assert.deepEqual(await get(crossfade, "/", { host: "api.example" }), { status: 200, text: "over a socket" });
    assert.doesNotMatch(await warningsOf(crossfade), /legacy at/);
  }
  assert.deepEqual(hosts, ["api.example", "localhost"]);
});

test("a primary on IPv6", async (t) => {
  const server = http.createServer((_asked, response) => response.end("over IPv6"));
  server.listen(0, "::1");
  await once(server, "listening");
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const crossfade = await startBefore(t, `url: "http://[::1]:${(server.address() as AddressInfo).port}"`);
  assert.equal((await get(crossfade)).text, "over IPv6");
});

test("connectTimeout counts the TLS handshake: a service that takes connections and says nothing is 504", async (t) => {
  const silent = await startRawUpstream(t);
  const url = silent.url.replace("http:", "https:");
  const crossfade = await startBefore(t, `url: "${url}", asPrimary: { connectTimeout: 200ms, timeout: 30s }`);
  const { status, text } = await get(crossfade);
  assert.equal(status, 504);
  assert.match(text, /connect-timeout/);
});

test("silence within an answer is borne beyond timeout, and no longer than idleTimeout where that is set", async (t) => {
  for (const [limits, ends] of [
    ["timeout: 200ms", false],
    ["timeout: 200ms, idleTimeout: 300ms", true],
  ] as const) {
    const upstream = await startRawUpstream(t);
    const crossfade = await startBefore(t, `url: "${upstream.url}", asPrimary: { ${limits} }`);
    const { hostname, port } = new URL(crossfade.proxyUrl);
    const client = net.connect(Number(port), hostname);
    let received = "";
    client.on("data", (chunk: Buffer) => {
      received += chunk.toString("latin1");
    });
    client.on("error", () => {});
    client.write("GET /events HTTP/1.1\r\nHost: a\r\n\r\n");
    const exchange = await upstream.next();
    await exchange.until("\r\n\r\n");
    exchange.socket.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n");
    if (ends) {
      await once(client, "close");
      assert.doesNotMatch(received, /\r\n0\r\n/);
    } else {
      await new Promise((resolve) => setTimeout(resolve, 700));
      exchange.socket.write("6\r\nsecond\r\n0\r\n\r\n");
      while (!received.endsWith("0\r\n\r\n")) await once(client, "data");
      assert.match(received, /first[^]*second/);
      client.destroy();
    }
  }
});

test("totalTimeout ends an answer that drips without end", async (t) => {
  const upstream = await startRawUpstream(t);
  const crossfade = await startBefore(t, `url: "${upstream.url}", asPrimary: { totalTimeout: 500ms }`);
  const { hostname, port } = new URL(crossfade.proxyUrl);
  const client = net.connect(Number(port), hostname);
  client.on("error", () => {}).resume();
  client.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  const exchange = await upstream.next();
  await exchange.until("\r\n\r\n");
  exchange.socket.write("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n");
  const drip = setInterval(() => exchange.socket.write("x"), 50);
  t.after(() => clearInterval(drip));
  await once(client, "close");
});

test("no more connections than are allowed: a request beyond them waits for one that is free", async (t) => {
  const upstream = await startRawUpstream(t);
  const crossfade = await startBefore(t, `url: "${upstream.url}", asPrimary: { connections: 2 }`);
  const answers = ["/1", "/2", "/3"].map((path) => get(crossfade, path));
  const [first, second] = [await upstream.next(), await upstream.next()];
  await Promise.all([first.until("\r\n\r\n"), second.until("\r\n\r\n")]);
  first.socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  // The third request comes on the connection that has become free.
  await first.until("GET /3 ");
  second.socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  first.socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  for (const answer of answers) assert.equal((await answer).status, 200);
  assert.equal(upstream.connections, 2);
});
