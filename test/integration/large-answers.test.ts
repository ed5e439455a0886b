import assert from "node:assert/strict";
import { createHash, hash } from "node:crypto";
import http from "node:http";
import type http2 from "node:http2";
import { test } from "node:test";
import { startBench } from "../support/crossfade.ts";
import { startSecure } from "../support/secure.ts";
import { type Answer, startService } from "../support/service.ts";

/** Bytes that no other path has, quick to make. */
function bodyOf(target: string, length: number): Buffer {
  const body = Buffer.alloc(length);
  const seed = hash("sha256", target, "buffer");
  for (let at = 0; at < length; at += 4)
    body.writeUInt32LE((seed.readUInt32LE(at % 32) ^ Math.imul(at, 2654435761)) >>> 0, at);
  return body;
}

const SLOW_BYTES = 16 << 20;

const lengthOf = (target: string): number => {
  // More than the kernel holds for a client that does not read.
  if (target.startsWith("/slow/")) return SLOW_BYTES;
  return 4 * (300_000 + (hash("sha256", target, "buffer").readUInt16LE(0) << 4));
};

const large: Answer = ({ target }, response) => {
  const body = bodyOf(target, lengthOf(target));
  const type = { "content-type": "application/octet-stream" };
  if (target.endsWith("chunked")) {
    response.writeHead(200, type);
    // Pieces that are no read's size.
    for (let at = 0; at < body.length; at += 50_001) response.write(body.subarray(at, at + 50_001));
    response.end();
  } else {
    response.writeHead(200, { ...type, "content-length": body.length });
    response.end(body);
  }
};

/** Length and digest of what a client got, which reads on after its first bytes once `mayRead`. */
function fetchDigest(url: string, agent: http.Agent, mayRead: Promise<unknown>): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = http.request(url, { method: "PUT", agent }, (answer) => {
      const digest = createHash("sha256");
      let length = 0;
      answer.once("data", () => {
        answer.pause();
        void mayRead.then(() => answer.resume());
      });
      answer.on("data", (chunk: Buffer) => {
        digest.update(chunk);
        length += chunk.length;
      });
      answer.on("end", () => resolve(`${length} ${digest.digest("hex")}`));
      answer.on("error", reject);
    });
    request.on("error", reject);
    request.end();
  });
}

test("large answers side by side, to clients quick and slow, arrive byte for byte, and so does what the shadow answered", async (t) => {
  const it = await startBench(t, {
    legacy: large,
    next: large,
    // Some bodies stay in memory, most lie in the spool.
    limits: "limits: { queued: 256MiB, bodyInMemory: 2MiB }",
    // Bytes are compared here, and one process makes, sends and reads them all.
    nextService: "effects: suppressed\nasShadow: { timeout: 60s, maxAge: 2m }",
  });
  const agent = new http.Agent({ keepAlive: true });
  t.after(() => agent.destroy());
  const asked = (prefix: string, count: number, mayRead: Promise<unknown>) => {
    return Array.from({ length: count }, async (_, n) => {
      const target = `/${prefix}/${n}/${n % 2 === 0 ? "sized" : "chunked"}`;
      return [target, await fetchDigest(it.crossfade.proxyUrl + target, agent, mayRead)] as const;
    });
  };
  let quickAreDone = (): void => {};
  const slow = asked("slow", 4, new Promise<void>((resolve) => (quickAreDone = resolve)));
  const quick: (readonly [string, string])[] = [];
  for (let round = 0; round < 4; round++)
    quick.push(...(await Promise.all(asked(`quick-${round}`, 8, Promise.resolve()))));
  quickAreDone();
  const got = [...quick, ...(await Promise.all(slow))];
  for (const [target, what] of got) {
    const body = bodyOf(target, lengthOf(target));
    assert.equal(what, `${body.length} ${hash("sha256", body, "hex")}`, target);
  }
  const [route] = await it.settled(got.length);
  assert.equal(route?.outcomes["match"], got.length, JSON.stringify(route));
});

function readStream(session: http2.ClientHttp2Session, path: string, mayRead: Promise<unknown>): Promise<string> {
  return new Promise((resolve, reject) => {
    const stream = session.request({ ":method": "GET", ":path": path });
    const digest = createHash("sha256");
    let length = 0;
    stream.once("data", () => {
      stream.pause();
      void mayRead.then(() => stream.resume());
    });
    stream.on("data", (chunk: Buffer) => {
      digest.update(chunk);
      length += chunk.length;
    });
    stream.on("end", () => resolve(`${length} ${digest.digest("hex")}`));
    stream.on("error", reject);
  });
}

test("large answers in streams of HTTP/2, over TLS, arrive byte for byte beside one that is read late", async (t) => {
  const legacy = await startService(large);
  t.after(() => legacy.close());
  const it = await startSecure(t, { legacyUrl: legacy.url });
  const [slowSession, session] = [await it.connect(), await it.connect()];
  let quickAreDone = (): void => {};
  const slowPath = "/slow/0/sized";
  const slow = readStream(slowSession, slowPath, new Promise<void>((resolve) => (quickAreDone = resolve)));
  const paths = Array.from({ length: 8 }, (_, n) => `/quick/${n}/${n % 2 === 0 ? "sized" : "chunked"}`);
  const quick = await Promise.all(paths.map((path) => readStream(session, path, Promise.resolve())));
  quickAreDone();
  for (const [n, path] of [...paths, slowPath].entries()) {
    const body = bodyOf(path, lengthOf(path));
    assert.equal([...quick, await slow][n], `${body.length} ${hash("sha256", body, "hex")}`, path);
  }
});
