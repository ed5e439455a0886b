/** The spool's disk is full: a tmpfs, so that it is full to the last byte and for the spool alone. */
import assert from "node:assert/strict";
import { createHash, hash, randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { request } from "undici";
import { SmallDisk, whyNoDisk } from "../chaos/disk.ts";
import { startCli } from "../support/cli.ts";
import type { RouteJson } from "../support/crossfade.ts";
import { type Answer, json, startService, type TestService } from "../support/service.ts";

const MIB = 1024 * 1024;
const skip = whyNoDisk() ?? false;

interface Spooling {
  readonly disk: SmallDisk;
  readonly legacy: TestService;
  readonly next: TestService;
  /** Status and digest of the answer. */
  send(method: "PUT" | "GET", path: string, body?: Buffer): Promise<readonly [number, string]>;
  /** Once so many are eligible and all have their outcomes. */
  settled(eligible: number): Promise<RouteJson>;
  /** Once there are so many; oldest first. */
  repairs(atLeast: number): Promise<readonly (readonly [key: string | null, reason: string])[]>;
}

async function start(t: TestContext, answers: { legacy?: Answer; next?: Answer } = {}): Promise<Spooling> {
  const folder = mkdtempSync(join(tmpdir(), "crossfade-spool-disk-"));
  const disk = SmallDisk.at(folder);
  const [legacy, next] = [await startService(answers.legacy), await startService(answers.next)];
  const config = mkdtempSync(join(tmpdir(), "crossfade-spool-config-"));
  const file = join(config, "crossfade.yaml");
  writeFileSync(
    file,
    `
listen: 127.0.0.1:0
admin: { listen: "127.0.0.1:0" }
store: "memory:"
divergenceLog: { file: "${join(config, "divergences.ndjson")}" }
limits: { queued: 64MiB, bodyInMemory: 64KiB, bodyOnDisk: 128MiB, spool: 1GiB }
defaults: { mirror: { reads: 100% } }
services:
  legacy: { url: "${legacy.url}" }
  next: { url: "${next.url}", effects: suppressed }
`,
  );
  // With a store in memory the spool is where temporary files are.
  const cli = await startCli(t, ["--config", file, "--log-level", "fatal"], { env: { TMPDIR: folder } });
  t.after(async () => {
    await Promise.all([legacy.close(), next.close()]);
    disk.remove();
    for (const made of [folder, config]) rmSync(made, { recursive: true, force: true });
  });
  const api = async <T>(path: string): Promise<T> =>
    (await (await request(`${cli.adminUrl}/api/v1${path}`)).body.json()) as T;
  return {
    disk,
    legacy,
    next,
    async send(method, path, body) {
      const headers = { "content-type": "application/octet-stream" };
      const answer = await request(cli.proxyUrl + path, { method, headers, body: body ?? null });
      const digest = createHash("sha256");
      for await (const chunk of answer.body) digest.update(chunk as Buffer);
      return [answer.statusCode, digest.digest("hex")];
    },
    async settled(eligible) {
      for (;;) {
        const [route] = (await api<{ routes: RouteJson[] }>("/status")).routes;
        if (route !== undefined && route.eligible >= eligible && route.pending === 0) {
          return { ...route, outcomes: happened(route.outcomes), reasons: happened(route.reasons) };
        }
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    },
    async repairs(atLeast) {
      for (;;) {
        const { items } = await api<{ items: { key: string | null; reason: string }[] }>("/repairs");
        if (items.length >= atLeast) return items.map(({ key, reason }) => [key, reason] as const);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    },
  };
}

const happened = (counts: Readonly<Record<string, number>>): Record<string, number> =>
  Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0));
const digestOf = (bytes: Buffer): string => hash("sha256", bytes, "hex");
const OK = digestOf(Buffer.from('{"ok":true}'));

for (const [how, bytes] of [
  // It is known while more of the body comes.
  ["in the middle of a body", 40 * MIB],
  // It is known when the primary has answered, and the copy is in its lane.
  ["with a body's last bytes", 2 * MIB],
] as const) {
  test(
    `a disk that is full ${how} costs the copy, never the client: dropped(spool-full), with its key on the repair list`,
    { skip },
    async (t) => {
      const it = await start(t);
      const body = randomBytes(bytes);
      // One body goes by way of the disk, which has room for it.
      const first = body.subarray(0, 4 * MIB);
      assert.deepEqual(await it.send("PUT", "/files/0", first), [200, OK]);
      assert.deepEqual((await it.settled(1)).outcomes, { match: 1 });
      assert.equal(digestOf(it.next.seen[0]?.body ?? Buffer.alloc(0)), digestOf(first));
      it.disk.fill();
      assert.deepEqual(await it.send("PUT", "/files/1", body), [200, OK]);
      assert.equal(digestOf(it.legacy.seen[1]?.body ?? Buffer.alloc(0)), digestOf(body));
      const route = await it.settled(2);
      assert.deepEqual([route.outcomes, route.reasons], [{ match: 1, dropped: 1 }, { "spool-full": 1 }]);
      assert.deepEqual(await it.repairs(1), [["files/1", "dropped"]]);
      assert.equal(it.next.seen.length, 1);
      // What needs no disk goes on meanwhile, also of that key.
      assert.deepEqual(await it.send("PUT", "/files/1", Buffer.from("small")), [200, OK]);
      assert.deepEqual((await it.settled(3)).outcomes, { match: 2, dropped: 1 });
      // And so does what needs it, once there is room: nothing of the lost copy still takes it up.
      it.disk.empty();
      assert.deepEqual(await it.send("PUT", "/files/2", body.subarray(0, 20 * MIB)), [200, OK]);
      assert.deepEqual((await it.settled(4)).outcomes, { match: 3, dropped: 1 });
      assert.equal(it.next.seen.at(-1)?.body.length, Math.min(bytes, 20 * MIB));
    },
  );
}

test(
  "an answer that the full disk cannot take reaches its client whole: dropped(spool-full), on the repair list unless the shadow has the write",
  { skip },
  async (t) => {
    const large = randomBytes(24 * MIB);
    const bytes: Answer = (_seen, response) => {
      response.writeHead(200, { "content-type": "application/octet-stream", "content-length": large.length });
      response.end(large);
    };
    const it = await start(t, { legacy: bytes });
    it.disk.fill();
    // The primary's: known before its end or after it, when the copy is on its way already.
    assert.deepEqual(await it.send("PUT", "/files/1", Buffer.from("x")), [200, digestOf(large)]);
    assert.deepEqual((await it.settled(1)).reasons, { "spool-full": 1 });
    const isSent = it.next.seen.length === 1;
    assert.deepEqual(await it.repairs(isSent ? 0 : 1), isSent ? [] : [["files/1", "dropped"]]);
    // A read changes nothing.
    assert.deepEqual(await it.send("GET", "/files/2"), [200, digestOf(large)]);
    assert.deepEqual((await it.settled(2)).reasons, { "spool-full": 2 });
    // The shadow's.
    it.legacy.answerWith(json(200, { ok: true }));
    it.next.answerWith(bytes);
    assert.deepEqual(await it.send("PUT", "/files/3", Buffer.from("x")), [200, OK]);
    assert.deepEqual((await it.settled(3)).reasons, { "spool-full": 3 });
    assert.ok(it.next.seen.some(({ target }) => target === "/files/3"));
    it.disk.empty();
    const fits = json(200, { text: "y".repeat(4 * MIB) });
    it.legacy.answerWith(fits);
    it.next.answerWith(fits);
    await it.send("GET", "/files/4");
    const route = await it.settled(4);
    assert.deepEqual([route.outcomes, route.reasons], [{ match: 1, dropped: 3 }, { "spool-full": 3 }]);
    const listed = (await it.repairs(0)).map(([key]) => key);
    assert.ok(!listed.includes("files/2") && !listed.includes("files/4"), listed.join());
  },
);
