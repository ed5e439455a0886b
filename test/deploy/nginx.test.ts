import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { test } from "node:test";
import { Agent, request } from "undici";
import { findNginx } from "../../deploy/checkers.mjs";
import { ROOT } from "../../deploy/prepare.mjs";
import { startBench } from "../support/crossfade.ts";
import { json } from "../support/service.ts";
import { put } from "./kept-connections.ts";
import { startFront } from "./nginx-front.ts";

const hostOf = (url: string): string => new URL(url).host;

test("put in front of legacy and taken out again three times under load: no request fails, and none is lost or doubled", async (t) => {
  const applied = new Map<string, number>();
  const bench = await startBench(t, {
    legacy: (seen, response) => {
      if (seen.method === "PUT") applied.set(seen.target, (applied.get(seen.target) ?? 0) + 1);
      json(200, { ok: true })(seen, response);
    },
  });
  const front = await startFront(t, {
    upstreams: {
      "past-crossfade.conf": [hostOf(bench.legacy.url)],
      "through-crossfade.conf": [hostOf(bench.crossfade.proxyUrl)],
    },
    first: "past-crossfade.conf",
  });
  assert.equal(front.check().code, 0);

  const clients = new Agent({ connections: 4 });
  t.after(() => clients.close());
  const sent: string[] = [];
  const failed: string[] = [];
  let working = true;
  const work = async (client: number): Promise<void> => {
    for (let i = 0; working; i++) {
      const path = `/things/${client}-${i}`;
      const answer = await put(front.url + path, clients);
      if (answer.statusCode === 200) sent.push(path);
      else failed.push(`${answer.statusCode} ${path}`);
    }
  };
  const workers = Promise.all([0, 1, 2, 3].map(work));
  try {
    for (let round = 0; round < 3; round++) {
      await sleep(200);
      await front.switchTo("through-crossfade.conf");
      await sleep(200);
      await front.switchTo("past-crossfade.conf");
    }
  } finally {
    working = false;
  }
  await workers;

  assert.deepEqual(failed, []);
  assert.ok(sent.length > 100, `only ${sent.length} requests`);
  for (const path of sent) assert.equal(applied.get(path), 1, path);
  // Some went through Crossfade, and some did not.
  const [route] = await bench.settled(1);
  assert.ok(
    (route?.eligible ?? 0) > 10 && (route?.eligible ?? 0) < sent.length - 10,
    `${route?.eligible} of ${sent.length} were mirrored`,
  );
  assert.equal(route?.outcomes["match"], route?.eligible);
  assert.equal(new Set(bench.next.seen.map(({ target }) => target)).size, route?.eligible);
});

test("behind nginx legacy sees Host, address and protocol as clients had them, and an event stream comes as it is sent", async (t) => {
  let more: (() => void) | null = null;
  const bench = await startBench(t, {
    legacy: (_seen, response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write("data: 1\n\n");
      more = () => response.end("data: 2\n\n");
    },
  });
  const front = await startFront(t, {
    upstreams: { "through-crossfade.conf": [hostOf(bench.crossfade.proxyUrl)] },
    first: "through-crossfade.conf",
  });
  const answer = await request(`${front.url}/events`, { headers: { host: "api.example.com" } });
  const chunks = answer.body[Symbol.asyncIterator]();
  // It has come while the stream is open: nothing between holds it back.
  assert.equal(String((await chunks.next()).value), "data: 1\n\n");
  (more as (() => void) | null)?.();
  assert.equal(String((await chunks.next()).value), "data: 2\n\n");
  const seen = bench.legacy.seen.find(({ target }) => target === "/events");
  assert.equal(seen?.header("host"), "api.example.com");
  assert.match(seen?.header("x-forwarded-for") ?? "", /^127\.0\.0\.1/);
  assert.equal(seen?.header("x-forwarded-proto"), "http");
});

test("nginx has nothing to say about compose's front", (t) => {
  const folder = mkdtempSync(join(tmpdir(), "crossfade-front-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const snippets = join(ROOT, "deploy/nginx");
  // As its container has them, with names that are known here.
  const front = readFileSync(join(ROOT, "deploy/compose/front.conf"), "utf8");
  const here = front
    .replaceAll(/proxy-\d:/g, "127.0.0.1:")
    .replace("/etc/nginx/crossfade/crossfade.conf", join(snippets, "crossfade.conf"))
    .replace("listen 80;", `listen unix:${folder}/front.sock;`);
  writeFileSync(join(folder, "default.conf"), here);
  writeFileSync(
    join(folder, "nginx.conf"),
    `pid ${folder}/nginx.pid; events {} http { include ${snippets}/upgrade-map.conf; include ${folder}/default.conf; }`,
  );
  const { status, stderr } = spawnSync(findNginx(), ["-p", folder, "-c", join(folder, "nginx.conf"), "-t"], {
    encoding: "utf8",
  });
  assert.equal(status, 0, stderr);
});
