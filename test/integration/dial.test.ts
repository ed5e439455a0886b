import assert from "node:assert/strict";
import { once } from "node:events";
import net, { type AddressInfo } from "node:net";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import tls from "node:tls";
import { DEFAULT_SERVICE } from "../../proxy/config/defaults.ts";
import type { ServiceTlsSettings } from "../../proxy/config/settings.ts";
import { createDial, type Dial } from "../../proxy/upstream/dial.ts";
import { makeAuthority, type Authority } from "../support/certificates.ts";
import { makeFolder } from "../support/config-file.ts";

const GREETING = "hello from the service";

/** What a service that greets each connection saw of it. */
interface Greeter {
  readonly port: number;
  readonly seen: { serverName: string | false; alpn: string | false | null; client: string | null; reused: boolean }[];
}

async function greet(t: TestContext, server: net.Server, listen: net.ListenOptions): Promise<number> {
  const sockets = new Set<net.Socket>();
  server.on("connection", (socket: net.Socket) => {
    sockets.add(socket);
    socket.on("error", () => {}).on("close", () => sockets.delete(socket));
  });
  server.listen(listen);
  await once(server, "listening");
  t.after(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  const address = server.address() as AddressInfo | string;
  return typeof address === "string" ? 0 : address.port;
}

async function startGreeter(t: TestContext, host = "127.0.0.1"): Promise<number> {
  return await greet(
    t,
    net.createServer((socket) => socket.end(GREETING)),
    { host, port: 0 },
  );
}

async function startTlsGreeter(t: TestContext, options: tls.TlsOptions, host = "127.0.0.1"): Promise<Greeter> {
  const seen: Greeter["seen"] = [];
  const server = tls.createServer(options, (socket) => {
    const { subject } = socket.getPeerCertificate();
    seen.push({
      serverName: socket.servername as string | false,
      alpn: socket.alpnProtocol,
      client: (subject?.CN as string | undefined) ?? null,
      reused: socket.isSessionReused(),
    });
    socket.on("error", () => {}).end(GREETING);
  });
  server.on("tlsClientError", () => {});
  return { port: await greet(t, server, { host, port: 0 }), seen };
}

/** All that one connection brings, read through the buffer that was handed over; or the code of what went wrong. */
async function read(dial: Dial): Promise<{ text: string } | { error: string }> {
  let text = "";
  const buffer = Buffer.alloc(8);
  const { socket, readyEvent } = dial({
    onread: {
      buffer,
      callback(length, into) {
        assert.equal(into, buffer, "the socket reads into the buffer it was given");
        text += buffer.toString("latin1", 0, length);
        return true;
      },
    },
  });
  let ready = false;
  let failed: string | null = null;
  socket.once(readyEvent, () => {
    ready = true;
  });
  socket.once("error", (error: NodeJS.ErrnoException) => {
    failed = error.code ?? error.message;
  });
  socket.once("end", () => socket.end());
  await new Promise((resolve) => socket.once("close", resolve));
  if (failed !== null) return { error: failed };
  assert.ok(ready, `${readyEvent} comes before the end`);
  return { text };
}

async function greeted(dial: Dial): Promise<void> {
  const got = await read(dial);
  assert.equal("text" in got ? got.text : got.error, GREETING);
}

async function refusedWith(dial: Dial, code: string): Promise<void> {
  const got = await read(dial);
  assert.deepEqual("error" in got ? got.error : "a connection", code);
}

function settings(given: Partial<ServiceTlsSettings>): ServiceTlsSettings {
  return { ...DEFAULT_SERVICE.tls, ...given };
}

function dialTls(port: number, given: Partial<ServiceTlsSettings>, host = "localhost"): Dial {
  return createDial({ origin: `https://${host}:${port}`, tls: settings(given) });
}

/** Names of the test's own: each call answers with the addresses that `answers` holds at that time. */
function lookupOf(answers: { addresses: readonly string[]; asked: string[] }): net.LookupFunction {
  return (hostname, _options, callback) => {
    answers.asked.push(hostname);
    const all = answers.addresses.map((address) => ({ address, family: net.isIP(address) }));
    process.nextTick(() => callback(null, all));
  };
}

test("plain connections go over IPv4, IPv6 and Unix sockets", async (t) => {
  const [four, six] = [await startGreeter(t), await startGreeter(t, "::1")];
  const path = join(makeFolder(t), "service.sock");
  await greet(
    t,
    net.createServer((socket) => socket.end(GREETING)),
    { path },
  );
  for (const origin of [`http://127.0.0.1:${four}`, `http://[::1]:${six}`, `unix:${path}`]) {
    await greeted(createDial({ origin, tls: DEFAULT_SERVICE.tls }));
  }
});

test("each connection asks for the addresses anew: a DNS answer that changes is followed", async (t) => {
  const first = await startGreeter(t, "127.0.0.1");
  // The same port on another address of this machine: only the name's answer tells the two services apart.
  const other = net.createServer((socket) => socket.end("the new address"));
  await greet(t, other, { host: "127.0.0.2", port: first });
  const answers = { addresses: ["127.0.0.1"], asked: [] as string[] };
  const dial = createDial({ origin: `http://api.example:${first}`, tls: DEFAULT_SERVICE.tls }, lookupOf(answers));
  await greeted(dial);
  answers.addresses = ["127.0.0.2"];
  const got = await read(dial);
  assert.equal("text" in got ? got.text : got.error, "the new address");
  assert.deepEqual(answers.asked, ["api.example", "api.example"]);
});

test("an address that refuses is followed by the next one, with and without TLS", async (t) => {
  const authority = makeAuthority(t);
  const plain = await startGreeter(t);
  const secure = await startTlsGreeter(t, authority.issue(["api.example"]));
  const lookup = lookupOf({ addresses: ["::1", "127.0.0.1"], asked: [] });
  await greeted(createDial({ origin: `http://api.example:${plain}`, tls: DEFAULT_SERVICE.tls }, lookup));
  const target = { origin: `https://api.example:${secure.port}`, tls: settings({ ca: authority.ca }) };
  await greeted(createDial(target, lookup));
});

test("a certificate that nobody vouches for is refused unless its authority is named", async (t) => {
  const authority = makeAuthority(t);
  const { port } = await startTlsGreeter(t, authority.issue(["localhost"]));
  await refusedWith(dialTls(port, {}), "UNABLE_TO_VERIFY_LEAF_SIGNATURE");
  await refusedWith(dialTls(port, { ca: makeAuthority(t).ca }), "UNABLE_TO_VERIFY_LEAF_SIGNATURE");
  await greeted(dialTls(port, { ca: authority.ca }));
  await greeted(dialTls(port, { verify: false }));
});

test("a certificate that has ended is refused", async (t) => {
  const authority = makeAuthority(t);
  const { port } = await startTlsGreeter(t, authority.issue(["localhost"], { days: -1 }));
  await refusedWith(dialTls(port, { ca: authority.ca }), "CERT_HAS_EXPIRED");
});

test("the certificate must have the name that was asked for: the host, or serverName in its place", async (t) => {
  const authority = makeAuthority(t);
  const { port, seen } = await startTlsGreeter(t, authority.issue(["legacy.internal"]));
  await refusedWith(dialTls(port, { ca: authority.ca }), "ERR_TLS_CERT_ALTNAME_INVALID");
  await greeted(dialTls(port, { ca: authority.ca, serverName: "legacy.internal" }));
  await greeted(dialTls(port, { ca: authority.ca, serverName: "legacy.internal" }, "127.0.0.1"));
  assert.deepEqual(
    seen.slice(-2).map(({ serverName }) => serverName),
    ["legacy.internal", "legacy.internal"],
  );
});

test("an address is compared with the certificate's addresses and never sent as a name", async (t) => {
  const authority = makeAuthority(t);
  const pair = authority.issue(["127.0.0.1", "::1"]);
  for (const [host, spelled] of [
    ["127.0.0.1", "127.0.0.1"],
    ["::1", "[::1]"],
  ] as const) {
    const { port, seen } = await startTlsGreeter(t, pair, host);
    await greeted(dialTls(port, { ca: authority.ca }, spelled));
    assert.deepEqual(seen[0]?.serverName, false);
  }
  const named = await startTlsGreeter(t, authority.issue(["localhost"]));
  await refusedWith(dialTls(named.port, { ca: authority.ca }, "127.0.0.1"), "ERR_TLS_CERT_ALTNAME_INVALID");
});

test("a service that asks for a certificate is shown the one that is set", async (t) => {
  const authority = makeAuthority(t);
  const mine = authority.issue(["crossfade"], { name: "crossfade" });
  const asking = {
    ...authority.issue(["localhost"]),
    ca: authority.ca,
    requestCert: true,
    rejectUnauthorized: true,
  };
  const { port, seen } = await startTlsGreeter(t, asking);
  await greeted(dialTls(port, { ca: authority.ca, client: mine }));
  assert.equal(seen[0]?.client, "crossfade");
  // With TLS 1.3 the client learns of the refusal after its own handshake has ended.
  const got = await read(dialTls(port, { ca: authority.ca }));
  assert.notEqual("text" in got ? got.text : "", GREETING);
  assert.equal(seen.length, 1);
});

test("HTTP/1.1 is all that is offered to a service, also to one that has HTTP/2", async (t) => {
  const authority = makeAuthority(t);
  const pair = authority.issue(["localhost"]);
  const { port, seen } = await startTlsGreeter(t, { ...pair, ALPNProtocols: ["h2", "http/1.1"] });
  await greeted(dialTls(port, { ca: authority.ca }));
  assert.equal(seen[0]?.alpn, "http/1.1");
});

for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
  test(`a second connection goes on with the session of the first (${version})`, async (t) => {
    const authority = makeAuthority(t);
    const options = { ...authority.issue(["localhost"]), minVersion: version, maxVersion: version };
    const { port, seen } = await startTlsGreeter(t, options);
    const dial = dialTls(port, { ca: authority.ca });
    for (let i = 0; i < 3; i++) await greeted(dial);
    assert.deepEqual(
      seen.map(({ reused }) => reused),
      [false, true, true],
    );
  });
}

test("a session that the service has forgotten does not spoil a connection", async (t) => {
  const authority = makeAuthority(t);
  const pair = authority.issue(["localhost"]);
  const first = await startTlsGreeter(t, pair);
  const answers = { addresses: ["127.0.0.1"], asked: [] as string[] };
  const target = { origin: `https://localhost:${first.port}`, tls: settings({ ca: authority.ca }) };
  const dial = createDial(target, lookupOf(answers));
  await greeted(dial);
  const seen = await restartedElsewhere(t, authority, first.port);
  answers.addresses = ["127.0.0.2"];
  await greeted(dial);
  assert.deepEqual(
    seen.map(({ reused }) => reused),
    [false],
  );
});

/** The same service with keys of its own for tickets, at the same port of another address. */
async function restartedElsewhere(t: TestContext, authority: Authority, port: number): Promise<Greeter["seen"]> {
  const seen: Greeter["seen"] = [];
  const server = tls.createServer(authority.issue(["localhost"]), (socket) => {
    seen.push({ serverName: false, alpn: null, client: null, reused: socket.isSessionReused() });
    socket.on("error", () => {}).end(GREETING);
  });
  await greet(t, server, { host: "127.0.0.2", port });
  return seen;
}
