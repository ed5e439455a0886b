/** Crossfade as a process of its own between two recorders, and what must hold whatever its clients and services do. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { startCli } from "../support/cli.ts";
import { valuesOf } from "./readings.ts";
import { connectClient, type RawClient } from "./client.ts";
import { Ledger } from "./ledger.ts";
import { startRecorder, type Recorder } from "./recorder.ts";

export interface Stage {
  readonly proxyUrl: string;
  readonly primary: Recorder;
  readonly shadow: Recorder;
  readonly ledger: Ledger;
  /** So many well-formed exchanges at once, each on a kept connection of its own: all get their own answers. */
  probe(count?: number): Promise<void>;
  /** What each service got, so far, is what clients sent, read in one way only. */
  check(what: string): void;
  status(): Promise<Status>;
  /** Resolves once no exchange is under way or waits for its outcome. */
  settled(): Promise<Status>;
  /**
   * The last thing a test does: the process runs, everything is accounted for, nothing is left over. Idle connections
   * are ended by the services, or waited for until the proxy ends them.
   */
  endsClean(idle?: "hang up" | "wait"): Promise<void>;
}

export interface Status {
  readonly routes: readonly {
    readonly eligible: number;
    readonly pending: number;
    readonly outcomes: Record<string, number>;
    readonly breaker: string | null;
  }[];
  readonly queue: { bytes: number; waiting: number; inFlight: number; spoolBytes: number };
  readonly journal: { depth: number };
  readonly warnings: readonly string[];
}

/** What may still be held after all attacks of a test file, garbage collected: code compiled late, counters by reason. */
const HELD_GROWTH_BYTES = 12 * 1024 * 1024;
/** V8 keeps young generations it once needed (up to 3 x 32 MiB and what they fragment), garbage or not. */
const RSS_GROWTH_BYTES = 192 * 1024 * 1024;
const TELL_MEMORY =
  "data:text/javascript,process.on('SIGUSR2',()=>{globalThis.gc();process.send(process.memoryUsage())})";
const PATIENCE_MS = 15_000;

export interface StageOptions {
  readonly primaryTimeout?: string;
  readonly shadowTimeout?: string;
  /** false: nothing is mirrored. */
  readonly mirror?: boolean;
}

export async function startStage(t: TestContext, options: StageOptions = {}): Promise<Stage> {
  const folder = mkdtempSync(join(tmpdir(), "crossfade-hostile-"));
  const [primary, shadow] = await Promise.all([startRecorder(), startRecorder()]);
  t.after(async () => {
    await Promise.all([primary.close(), shadow.close()]);
    rmSync(folder, { recursive: true, force: true });
  });
  writeFileSync(join(folder, "crossfade.yaml"), configText(folder, primary, shadow, options));
  const cli = await startCli(t, ["--config", "crossfade.yaml", "--log-level", "error"], {
    cwd: folder,
    node: ["--expose-gc", "--import", TELL_MEMORY],
    ipc: true,
  });
  const pid = cli.child.pid ?? 0;
  const ledger = new Ledger();
  const probers: RawClient[] = [];
  const status = async (): Promise<Status> => (await (await fetch(`${cli.adminUrl}/api/v1/status`)).json()) as Status;

  async function until(what: () => unknown, ready: () => Promise<boolean>): Promise<void> {
    const deadline = Date.now() + PATIENCE_MS;
    while (!(await ready())) {
      assert.ok(Date.now() < deadline, `within ${PATIENCE_MS} ms: ${JSON.stringify(what())}`);
      await pause(20);
    }
  }

  async function settled(): Promise<Status> {
    let last = await status();
    await until(
      () => last,
      async () => {
        last = await status();
        return last.routes.every(({ pending }) => pending === 0) && last.journal.depth === 0;
      },
    );
    return last;
  }

  const stage: Stage = {
    proxyUrl: cli.proxyUrl,
    primary,
    shadow,
    ledger,
    status,
    settled,
    async probe(count = 20) {
      while (probers.length < count) probers.push(await connectClient(cli.proxyUrl));
      await Promise.all(probers.slice(0, count).map((client, i) => probeOnce(stage.ledger, client, i)));
    },
    check(what) {
      const problems = [
        ...primary.audit().map((problem) => `primary: ${problem}`),
        ...shadow.audit().map((problem) => `shadow: ${problem}`),
        ...ledger.problems(primary.arrivals, shadow.arrivals),
      ];
      assert.deepEqual(problems, [], what);
    },
    async endsClean(idle = "hang up") {
      for (const client of probers.splice(0)) client.socket.destroy();
      assert.equal(cli.child.exitCode, null, "the process still runs");
      const last = await settled();
      const caught = last.warnings.filter((warning) => warning.includes("caught"));
      assert.deepEqual(caught, [], "nothing was thrown that nobody expected");
      const { bytes, waiting, inFlight, spoolBytes } = last.queue;
      assert.deepEqual({ bytes, waiting, inFlight, spoolBytes }, { bytes: 0, waiting: 0, inFlight: 0, spoolBytes: 0 });
      for (const { eligible, outcomes } of last.routes) {
        const sum = Object.values(outcomes).reduce((total, some) => total + some, 0);
        assert.equal(sum, eligible, "one outcome for each eligible exchange");
      }
      stage.check("at the end");
      if (idle === "hang up") {
        primary.hangUp();
        shadow.hangUp();
      }
      const open = (): number[] => [primary.openSockets(), shadow.openSockets(), descriptorsOf(pid)];
      await until(open, async () => {
        const [atPrimary = 0, atShadow = 0, descriptors = 0] = open();
        return atPrimary === 0 && atShadow === 0 && descriptors <= before.descriptors;
      });
      const now = await resources();
      const rssGrown = now.rssBytes - before.rssBytes;
      const heldGrown = now.heldBytes - before.heldBytes;
      t.diagnostic(`bytes held after collection grew by ${heldGrown}, RSS by ${rssGrown}`);
      assert.ok(heldGrown < HELD_GROWTH_BYTES, `bytes held grew by ${heldGrown}`);
      assert.ok(rssGrown < RSS_GROWTH_BYTES, `RSS grew by ${rssGrown}`);
    },
  };
  // One that has served is the measure: code compiled, pools filled, heaps grown to their usual size.
  for (let round = 0; round < 12; round++) await stage.probe();
  const resources = async (): Promise<Resources> => {
    const collected = async (): Promise<NodeJS.MemoryUsage> => {
      const told = once(cli.child, "message");
      cli.child.kill("SIGUSR2");
      return ((await told) as [NodeJS.MemoryUsage])[0];
    };
    // What the first collection finds dead gives back its memory outside the heap a little later.
    await collected();
    const { rss, heapUsed, external } = await collected();
    return { rssBytes: rss, heldBytes: heapUsed + external };
  };
  const before = { ...(await resources()), descriptors: descriptorsOf(pid) };
  return stage;
}

export function configText(folder: string, primary: Recorder, shadow: Recorder, options: StageOptions): string {
  return `
listen: 127.0.0.1:0
admin: { listen: "127.0.0.1:0" }
store: "memory:"
divergenceLog: { file: "${join(folder, "divergences.ndjson")}" }
services:
  legacy: { url: "${primary.url}", asPrimary: { timeout: ${options.primaryTimeout ?? "5s"}, idleTimeout: ${options.primaryTimeout ?? "5s"} } }
  next: { url: "${shadow.url}", effects: suppressed, asShadow: { timeout: ${options.shadowTimeout ?? "5s"} } }
defaults: { mirror: { writes: ${options.mirror ?? true} } }
`;
}

interface Resources {
  readonly rssBytes: number;
  readonly heldBytes: number;
}

function descriptorsOf(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

const PROBES = ["GET", "POST", "PUT", "HEAD", "DELETE", "PATCH"];

async function probeOnce(ledger: Ledger, client: RawClient, index: number): Promise<void> {
  const method = PROBES[index % PROBES.length] ?? "GET";
  const nonce = ledger.sent();
  const body = method === "POST" || method === "PUT" || method === "PATCH" ? `body of ${nonce}` : "";
  const chunked = index % 4 === 1;
  const framing = chunked ? "Transfer-Encoding: chunked" : `Content-Length: ${body.length}`;
  const payload = chunked ? `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n` : body;
  client.forget();
  client.write(
    `${method} /k/${nonce} HTTP/1.1\r\nHost: h\r\nx-nonce: ${nonce}\r\n${body === "" ? "" : `${framing}\r\n`}\r\n${body === "" ? "" : payload}`,
  );
  const { answers, surplus } = await client.answered([method], 1);
  const [answer] = answers;
  assert.equal(answer?.status, 200, `${method}: ${client.received()}`);
  assert.deepEqual(valuesOf(answer.headers, "x-nonce"), [nonce], "a probe gets its own answer");
  assert.equal(answer.body, method === "HEAD" ? "" : `answer to ${nonce}`);
  assert.equal(surplus, "");
}
