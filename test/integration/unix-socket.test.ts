import assert from "node:assert/strict";
import { once } from "node:events";
import { chmodSync, existsSync, lstatSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import http from "node:http";
import net from "node:net";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import type { Crossfade } from "../../proxy/crossfade.ts";
import { makeFolder } from "../support/config-file.ts";
import { startOn } from "../support/secure.ts";
import { startService, type TestService } from "../support/service.ts";

async function startAt(
  t: TestContext,
  path: string,
  more = "",
): Promise<{ crossfade: Crossfade; legacy: TestService }> {
  const [legacy, next] = [await startService(), await startService()];
  t.after(() => Promise.all([legacy.close(), next.close()]));
  const services = `services: { legacy: { url: "${legacy.url}" }, next: { url: "${next.url}" } }`;
  const crossfade = await startOn(
    t,
    join(makeFolder(t), "crossfade.yaml"),
    `listen: "unix:${path}"\n${services}\n${more}`,
  );
  return { crossfade, legacy };
}

async function statusAt(path: string): Promise<number> {
  const sent = http.get({ socketPath: path, path: "/", agent: false });
  const [answer] = (await once(sent, "response")) as [http.IncomingMessage];
  answer.resume();
  return answer.statusCode ?? 0;
}

test("clients are served on a Unix socket, which is gone after the end", async (t) => {
  const path = join(makeFolder(t), "crossfade.sock");
  const { crossfade, legacy } = await startAt(t, path);
  assert.equal(crossfade.proxyUrl, `unix:${path}`);
  assert.equal(await statusAt(path), 200);
  const [seen] = await legacy.sawAtLeast(1);
  assert.equal(seen?.header("x-forwarded-proto"), "http");
  await crossfade.stop(1_000);
  assert.equal(existsSync(path), false);
});

test("its permissions are those that are set, by default the owner's and the group's", async (t) => {
  for (const [more, mode] of [
    ["", 0o660],
    ['socketMode: "0600"', 0o600],
    ['socketMode: "0666"', 0o666],
  ] as const) {
    const path = join(makeFolder(t), "crossfade.sock");
    await startAt(t, path, more);
    assert.equal(lstatSync(path).mode & 0o777, mode);
  }
});

test("a socket that a dead process left is replaced", async (t) => {
  const path = join(makeFolder(t), "crossfade.sock");
  // A server takes its own file away at its end, but not one that it no longer knows the name of.
  const dead = net.createServer();
  dead.listen(`${path}.dead`);
  await once(dead, "listening");
  renameSync(`${path}.dead`, path);
  await new Promise((resolve) => dead.close(resolve));
  assert.ok(lstatSync(path).isSocket());
  await startAt(t, path);
  assert.equal(await statusAt(path), 200);
});

test("a socket that somebody answers at is left alone, and the start says so", async (t) => {
  const path = join(makeFolder(t), "crossfade.sock");
  const other = http.createServer((_asked, response) => response.writeHead(418).end());
  other.listen(path);
  await once(other, "listening");
  t.after(() => new Promise((resolve) => other.close(resolve)));
  await assert.rejects(startAt(t, path), {
    code: "port-taken",
    message: /crossfade\.sock is taken: something answers there, or it is a file and no socket/,
  });
  assert.equal(await statusAt(path), 418);
});

test("a file that is no socket is left alone", async (t) => {
  const path = join(makeFolder(t), "precious.txt");
  writeFileSync(path, "precious");
  await assert.rejects(startAt(t, path), { code: "port-taken" });
  assert.equal(readFileSync(path, "utf8"), "precious");
});

test("a folder that is not there is told", async (t) => {
  const path = join(makeFolder(t), "none", "crossfade.sock");
  await assert.rejects(startAt(t, path), { message: /crossfade\.sock cannot be made: its folder does not exist, or/ });
});

test("a socket whose owner may not write to it is taken for one that is answered", async (t) => {
  const path = join(makeFolder(t), "crossfade.sock");
  const other = http.createServer((_asked, response) => response.end());
  other.listen(path);
  await once(other, "listening");
  t.after(() => new Promise((resolve) => other.close(resolve)));
  chmodSync(path, 0);
  await assert.rejects(startAt(t, path), { code: "port-taken" });
  assert.ok(lstatSync(path).isSocket());
});
