import assert from "node:assert/strict";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { test, type TestContext } from "node:test";
import { openMemoryStore } from "../../../adapters/store/memory.ts";
import type { WebhookSettings } from "../../../proxy/config/settings.ts";
import { createWebhook, type Webhook, type WebhookParts } from "../../../proxy/record/webhook.ts";
import { systemClock } from "../../../proxy/process/system-clock.ts";
import { makeRecord, recordWrite } from "../../support/evidence.ts";

interface Call {
  readonly headers: IncomingMessage["headers"];
  readonly body: Record<string, unknown>;
}

interface Hooked {
  readonly webhook: Webhook;
  readonly calls: Call[];
  readonly gaveUp: string[];
  /** Of the groups, and of their samples. */
  readonly ids: readonly string[];
  readonly samples: readonly string[];
  /** Resolves once nothing waits any more. */
  idle(): Promise<void>;
}

const SECRET = "T0PS3CRET-path";

async function hook(
  t: TestContext,
  answer: (call: number, response: ServerResponse, request: IncomingMessage) => void,
  over: Partial<WebhookParts> = {},
): Promise<Hooked> {
  const calls: Call[] = [];
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      calls.push({ headers: request.headers, body: JSON.parse(body) as Record<string, unknown> });
      answer(calls.length, response, request);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const store = openMemoryStore({ clock: systemClock });
  const settings: WebhookSettings = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/services/${SECRET}?key=${SECRET}`,
    headers: [["authorization", "Bearer hook"]],
  };
  const gaveUp: string[] = [];
  const webhook = createWebhook({
    settings: () => settings,
    store,
    version: "0.1.0",
    gaveUp: (why) => gaveUp.push(why),
    retriesMs: [1, 1, 1],
    ...over,
  });
  store.onGroupEvent((event) => webhook.notify(event));
  t.after(async () => {
    await webhook.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const records = [
    makeRecord({ build: "9f3c", differences: [{ at: "/fa", kind: "type", primary: "1", shadow: "null" }] }),
  ];
  store.append(records.map(recordWrite));
  return {
    webhook,
    calls,
    gaveUp,
    ids: records.map(({ group }) => group as string),
    samples: records.map(({ id }) => id),
    async idle() {
      while ((webhook.health()?.waiting ?? 0) > 0) await new Promise((resolve) => setTimeout(resolve, 5));
    },
  };
}

const ok = (_: number, response: ServerResponse): void => void response.end();

test("a new cause and one that comes back are told once each, with a sentence and its samples", async (t) => {
  const { calls, ids, idle, webhook, samples } = await hook(t, ok);
  await idle();
  assert.equal(calls.length, 1);
  const { headers, body } = calls[0] as Call;
  assert.equal(headers["content-type"], "application/json");
  assert.equal(headers["authorization"], "Bearer hook");
  assert.equal(headers["user-agent"], "crossfade/0.1.0");
  assert.deepEqual(Object.keys(body), ["event", "sentence", "group", "samples"]);
  assert.equal(body["event"], "new");
  assert.equal(body["sentence"], "A new cause of differences: PUT on users: /fa type (number → null), in build 9f3c.");
  assert.deepEqual(body["samples"], samples);
  assert.equal((body["group"] as { id: string }).id, ids[0]);

  webhook.notify({ event: "regressed", group: ids[0] as string });
  await idle();
  assert.equal(calls[1]?.body["event"], "regressed");
  assert.match(
    String(calls[1]?.body["sentence"]),
    /^A cause came back after it had not been seen for long: PUT on users/,
  );
  webhook.notify({ event: "new", group: "00000000" });
  await idle();
  assert.deepEqual([calls.length, webhook.health()?.delivered, webhook.health()?.failed], [2, 2, 0]);
});

test("what fails is tried again, and given up after the last attempt", async (t) => {
  const { calls, idle, webhook, gaveUp } = await hook(t, (call, response) => {
    response.statusCode = call < 3 ? 503 : 204;
    response.end();
  });
  await idle();
  assert.deepEqual([calls.length, webhook.health()?.delivered, webhook.health()?.problem], [3, 1, null]);
  const broken = await hook(t, (_, response) => void response.destroy());
  await broken.idle();
  assert.equal(broken.calls.length, 4);
  const health = broken.webhook.health();
  assert.deepEqual([health?.delivered, health?.failed, health?.problem], [0, 1, "ECONNRESET"]);
  assert.deepEqual([gaveUp, broken.gaveUp], [[], ["ECONNRESET"]]);
});

test("redirects are not followed and refusals are not repeated", async (t) => {
  for (const [status, why] of [
    [302, "answered 302, and redirects are not followed"],
    [307, "answered 307, and redirects are not followed"],
    [404, "answered 404"],
  ] as const) {
    const { calls, idle, webhook } = await hook(t, (_, response, request) => {
      response.writeHead(status, { location: `http://${request.headers.host}/elsewhere` }).end("x".repeat(100_000));
    });
    await idle();
    assert.deepEqual([calls.length, webhook.health()?.problem], [1, why]);
  }
});

test("a receiver that never answers holds up nothing; what does not fit waits no longer than it may", async (t) => {
  const { calls, webhook, ids, idle } = await hook(t, () => undefined, { timeoutMs: 30, retriesMs: [] });
  await idle();
  assert.deepEqual(
    [calls.length, webhook.health()?.failed, webhook.health()?.problem],
    [1, 1, "no answer within 30 ms"],
  );
  for (let i = 0; i < 250; i++) webhook.notify({ event: "new", group: ids[0] as string });
  const full = webhook.health();
  assert.deepEqual([full?.waiting, full?.dropped], [100, 150]);
  const begun = performance.now();
  await webhook.close();
  assert.ok(performance.now() - begun < 5_000);
  webhook.notify({ event: "new", group: ids[0] as string });
  assert.equal(webhook.health()?.dropped, 151);
});

test("neither URL nor headers are told to anyone but the receiver", async (t) => {
  const { idle, webhook, gaveUp } = await hook(t, (_, response) => void response.writeHead(400).end());
  await idle();
  assert.equal(gaveUp.length, 1);
  const told = JSON.stringify([webhook.health(), gaveUp]);
  assert.doesNotMatch(told, /T0PS3CRET|hook"/);
  assert.match(webhook.health()?.origin ?? "", /^http:\/\/127\.0\.0\.1:\d+$/);
});

test("without a webhook in the settings nothing is kept and nobody is called", async (t) => {
  const { webhook, calls } = await hook(t, ok, { settings: () => null });
  webhook.notify({ event: "new", group: "00000000" });
  assert.equal(webhook.health(), null);
  assert.equal(calls.length, 0);
});
