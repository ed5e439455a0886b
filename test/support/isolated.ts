/** Crossfade as a process of its own between a service that is well and a shadow, a store and a comparer that may be sick. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { Agent, request } from "undici";
import type { DivergenceRecord } from "../../proxy/evidence/evidence.ts";
import { startCli } from "./cli.ts";
import { type RouteJson, type StatusJson, sumOf } from "./crossfade.ts";
import { type FaultyService, startFaultyService } from "./faults.ts";
import { type Answer, json, startService, type TestService } from "./service.ts";
import type { Sickness } from "./sick-threads.ts";

export interface Isolated {
  readonly legacy: TestService;
  readonly shadow: FaultyService;
  /** Sends a write and asserts that its answer is, to the byte, what legacy answers. */
  write(key: number | string, body?: string): Promise<void>;
  /** The same for a read. */
  read(): Promise<void>;
  sicken(sickness: Sickness): Promise<void>;
  status(): Promise<IsolatedStatus>;
  divergences(): Promise<readonly DivergenceRecord[]>;
  repairs(): Promise<{ readonly key: string | null; readonly reason: string }[]>;
  /** Once `eligible` exchanges have come and each has its outcome: asserts that the outcomes sum, and that nothing is held any more. */
  settled(eligible: number): Promise<RouteJson>;
}

export interface IsolatedStatus extends StatusJson {
  readonly store: { readonly problem: string | null; readonly lostWrites: number; readonly pendingWrites: number };
  readonly queue: StatusJson["queue"] & { readonly limitBytes: number };
}

export interface IsolatedOptions {
  /** What both services answer. */
  readonly answer?: unknown;
  /** What the shadow answers, where that is something else. */
  readonly shadowAnswer?: unknown;
  /** YAML after `limits:`. */
  readonly limits?: string;
  /** YAML after `store:`; by default a SQLite file. */
  readonly store?: string;
  /** YAML after `asShadow:`; by default copies are given up soon. */
  readonly asShadow?: string;
  /** YAML after `journal:`. */
  readonly journal?: string;
}

const SICK_THREADS = join(import.meta.dirname, "sick-threads.ts");
/** The one route's name where the config has none. */
const ANSWER_HEADERS = { "x-Custom": "Kept", etag: '"7"' };

export async function startIsolated(t: TestContext, options: IsolatedOptions = {}): Promise<Isolated> {
  const { answer = { ok: true }, shadowAnswer = answer } = options;
  const text = JSON.stringify(answer);
  const folder = mkdtempSync(join(tmpdir(), "crossfade-isolated-"));
  const legacyAnswer: Answer = json(200, text, ANSWER_HEADERS);
  const legacy = await startService(legacyAnswer);
  const shadow = await startFaultyService({ answer: wire(JSON.stringify(shadowAnswer)) });
  const client = new Agent({ connections: 64, pipelining: 1 });
  const file = join(folder, "crossfade.yaml");
  writeFileSync(file, configText(folder, legacy.url, shadow.url, options));
  const { child, proxyUrl, adminUrl } = await startCli(t, ["--config", file, "--log-level", "fatal"], {
    node: ["--import", SICK_THREADS],
    ipc: true,
  });
  // After the process has ended: until then it writes into its folder.
  t.after(async () => {
    await client.close();
    await Promise.all([legacy.close(), shadow.close()]);
    rmSync(folder, { recursive: true, force: true });
  });
  const expected = await ask(legacy.url, "GET", "/users/1", null);
  legacy.seen.length = 0;

  async function ask(origin: string, method: "GET" | "PUT", path: string, body: string | null): Promise<Seen> {
    const sent = body === null ? {} : { "content-type": "application/json" };
    const options = { dispatcher: client, method, body, headers: sent, responseHeaders: "raw" } as const;
    const got = await request(origin + path, options);
    const raw = got.headers as unknown as readonly string[];
    const pairs = raw.flatMap((name, i) => (i % 2 === 0 ? [`${name}: ${raw[i + 1]}`] : []));
    const headers = pairs.filter((pair) => !/^(date|connection|keep-alive): /i.test(pair));
    return { status: got.statusCode, headers, text: await got.body.text() };
  }
  const api = async <T>(path: string): Promise<T> => (await (await request(adminUrl + path)).body.json()) as T;
  const status = (): Promise<IsolatedStatus> => api<IsolatedStatus>("/api/v1/status");

  return {
    legacy,
    shadow,
    status,
    async write(key, body = `{"name":"Ann"}`) {
      assert.deepEqual(await ask(proxyUrl, "PUT", `/users/${key}`, body), expected);
    },
    async read() {
      assert.deepEqual(await ask(proxyUrl, "GET", "/users/1", null), expected);
    },
    async sicken(sickness) {
      const applied = once(child, "message");
      child.send(sickness);
      await applied;
    },
    async repairs() {
      return (await api<{ items: { key: string | null; reason: string }[] }>("/api/v1/repairs?limit=1000")).items;
    },
    async divergences() {
      return (await api<{ items: DivergenceRecord[] }>("/api/v1/divergences?limit=1000")).items;
    },
    async settled(eligible) {
      for (;;) {
        const now = await status();
        const [route] = now.routes as [RouteJson];
        if (route.eligible >= eligible && route.pending === 0 && now.queue.bytes === 0) {
          assert.equal(route.eligible, eligible);
          assert.equal(sumOf(route), eligible);
          assert.equal(now.queue.waiting, 0);
          assert.deepEqual(
            now.warnings.filter((warning) => warning.includes("caught")),
            [],
          );
          return route;
        }
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    },
  };
}

interface Seen {
  readonly status: number;
  /** End to end, in order: `name: value`. */
  readonly headers: readonly string[];
  readonly text: string;
}

function wire(body: string): Buffer {
  const head = `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}`;
  return Buffer.from(`${head}\r\n\r\n${body}`);
}

function configText(folder: string, legacy: string, next: string, options: IsolatedOptions): string {
  const { limits, asShadow, journal, store } = options;
  return `
listen: 127.0.0.1:0
admin: { listen: "127.0.0.1:0" }
store: ${store ?? `"sqlite:${join(folder, "crossfade.db")}"`}
member: { folder: "${join(folder, "member")}" }
divergenceLog: { file: "${join(folder, "divergences.ndjson")}" }
limits: ${limits ?? "{}"}
journal: ${journal ?? "{}"}
services:
  legacy: { url: "${legacy}" }
  next: { url: "${next}", effects: suppressed, asShadow: ${asShadow ?? "{ timeout: 300ms, maxAge: 2s }"} }
`;
}
