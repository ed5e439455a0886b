import assert from "node:assert/strict";
import { createServer, get as httpGet, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { EventHub } from "../../proxy/admin/events.ts";
import { type Admin, createAdmin } from "../../proxy/admin/server.ts";
import { buildStatusView } from "../../proxy/admin/status-view.ts";
import { readEvents, type ServerEvent } from "../../proxy/admin/event-stream.ts";
import { type SampleParts, sampleAdminParts, sampleDivergence } from "../support/admin-parts.ts";
import { fixedStore } from "../support/fixed-store.ts";

let admin: Admin | null = null;
let server: Server | null = null;

afterEach(async () => {
  await admin?.close();
  admin = null;
  server?.closeAllConnections();
  server?.close();
  server = null;
});

async function start(): Promise<{ parts: SampleParts; url: string }> {
  const parts = sampleAdminParts(fixedStore());
  admin = await createAdmin(parts);
  return { parts, url: `http://127.0.0.1:${admin.address.port}/api/v1/events` };
}

async function follow(url: string): Promise<AsyncGenerator<ServerEvent>> {
  const answer = await fetch(url);
  assert.equal(answer.status, 200);
  return readEvents(answer.body ?? assert.fail());
}

async function nextOf(events: AsyncGenerator<ServerEvent>, kind: string): Promise<unknown> {
  for (;;) {
    const { value, done } = await events.next();
    if (done === true) return assert.fail(`the stream ended before ${kind}`);
    if (value.event === kind) return JSON.parse(value.data);
  }
}

test("a reader gets the status at once and each divergence as it is recorded", async () => {
  const { parts, url } = await start();
  const events = await follow(url);
  const status = (await nextOf(events, "status")) as { routes: { name: string }[] };
  assert.equal(status.routes[0]?.name, "users");
  const record = sampleDivergence({ path: "/line\nbreak\r\n\r\nevent: status" });
  parts.feed.publish(record);
  assert.deepEqual(await nextOf(events, "divergence"), record);
  await events.return(undefined);
});

test("a reader gets only what it filters for", async () => {
  const { parts, url } = await start();
  const events = await follow(`${url}?route=orders&kind=value&at=/items&outcome=divergent`);
  await nextOf(events, "status");
  const wanted = sampleDivergence({
    route: "orders",
    differences: [{ at: "/items/3/price", kind: "value", primary: "1", shadow: "2" }],
  });
  parts.feed.publish(sampleDivergence());
  parts.feed.publish({
    ...wanted,
    id: "other-kind",
    differences: [{ at: "/items", kind: "type", primary: "1", shadow: "2" }],
  });
  parts.feed.publish({
    ...wanted,
    id: "other-place",
    differences: [{ at: "/itemsold", kind: "value", primary: "1", shadow: "2" }],
  });
  parts.feed.publish({ ...wanted, id: "other-outcome", outcome: "shadow-error" });
  parts.feed.publish(wanted);
  assert.deepEqual(await nextOf(events, "divergence"), wanted);
  await events.return(undefined);
});

test("a reader of one cause, or of a place whatever index leads to it, gets no other", async () => {
  const { parts, url } = await start();
  const events = await follow(`${url}?group=b1946ac9&at=/items/*/price`);
  await nextOf(events, "status");
  const wanted = sampleDivergence({
    group: "b1946ac9",
    differences: [{ at: "/items/3/price", kind: "value", primary: "1", shadow: "2" }],
  });
  parts.feed.publish({ ...wanted, id: "other-cause", group: "00000000" });
  parts.feed.publish({ ...wanted, id: "no-cause", group: null });
  parts.feed.publish({ ...wanted, id: "other-place", differences: [] });
  parts.feed.publish(wanted);
  assert.deepEqual(await nextOf(events, "divergence"), wanted);
  await events.return(undefined);
});

test("the stream says what it is and that nobody may keep it", async () => {
  const { url } = await start();
  const answer = await fetch(url);
  assert.equal(answer.headers.get("content-type"), "text/event-stream; charset=utf-8");
  assert.equal(answer.headers.get("cache-control"), "no-store");
  assert.equal(answer.headers.get("x-accel-buffering"), "no");
  await answer.body?.cancel();
});

test("a parameter that the stream does not take is refused before it begins", async () => {
  const { url } = await start();
  const answer = await fetch(`${url}?since=2h`);
  assert.equal(answer.status, 400);
  assert.match(await answer.text(), /there is no parameter \\"since\\"/);
});

test("closing the listener ends the streams", async () => {
  const { url } = await start();
  const events = await follow(url);
  await nextOf(events, "status");
  const ended = events.next();
  await admin?.close();
  admin = null;
  assert.equal((await ended).done, true);
});

test("a reader too many is refused with 503 and the others stay", async () => {
  const { url } = await start();
  const readers = await Promise.all(Array.from({ length: 32 }, () => follow(url)));
  const refused = await fetch(url);
  assert.equal(refused.status, 503);
  assert.equal(refused.headers.get("retry-after"), "10");
  await refused.body?.cancel();
  await Promise.all(readers.map((reader) => nextOf(reader, "status")));
  await Promise.all(readers.map((reader) => reader.return(undefined)));
});

/** A hub behind a bare server, with times of its own. */
async function startHub(times: { statusMs: number; heartbeatMs: number; stuckMs: number }) {
  const parts = sampleAdminParts(fixedStore());
  let subscribers = 0;
  const hub = new EventHub(
    {
      subscribe(listener) {
        subscribers++;
        const end = parts.feed.subscribe(listener);
        return () => {
          subscribers--;
          end();
        };
      },
      status: () => buildStatusView(parts.input, parts.settings, "0.1.0"),
      onError: (error, what) => parts.onError(error, what),
    },
    times,
  );
  const responses: ServerResponse[] = [];
  server = createServer((_request, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    responses.push(response);
    hub.add(response, {});
  });
  await new Promise<void>((resolve) => server?.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  return { parts, hub, url, responses, subscribers: () => subscribers };
}

function connectSlowly(url: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    httpGet(url, { agent: false }, resolve).on("error", reject);
  });
}

test("a slow reader costs a bounded buffer, is told how much it missed, and nobody waits for it", async () => {
  const { parts, hub, url, responses } = await startHub({ statusMs: 20, heartbeatMs: 60_000, stuckMs: 60_000 });
  const slow = await connectSlowly(url);
  slow.pause();
  // 20 a turn of 100 KB each: far more than sockets and buffer take together, and below the rate bound.
  const big = sampleDivergence({ error: "x".repeat(100_000) });
  for (let i = 0; i < 150; i++) {
    parts.feed.publish(big);
    if (i % 20 === 0) await turn();
  }
  const [response] = responses;
  assert.ok((response?.writableLength ?? Infinity) < 512 * 1024, `${response?.writableLength} bytes unsent`);
  let text = "";
  slow.setEncoding("utf8");
  await new Promise<void>((resolve) => {
    slow.on("data", (chunk: string) => {
      text = (text + chunk).slice(-1_000_000);
      if (/event: missed\ndata: \{"count":\d+\}\n\n/.test(text)) resolve();
    });
    slow.resume();
  });
  slow.destroy();
  hub.close();
  assert.deepEqual(parts.errors, []);
});

test("a burst beyond what may be told in a second is counted, not sent", async () => {
  const { parts, hub, url } = await startHub({ statusMs: 20, heartbeatMs: 60_000, stuckMs: 60_000 });
  const events = await follow(url);
  await nextOf(events, "status");
  for (let i = 0; i < 2000; i++) parts.feed.publish(sampleDivergence());
  const { count } = (await nextOf(events, "missed")) as { count: number };
  assert.ok(count >= 1500, String(count));
  await events.return(undefined);
  hub.close();
});

test("a status is told when counts change, and a quiet stream has a heartbeat", async () => {
  const { parts, hub, url } = await startHub({ statusMs: 10, heartbeatMs: 30, stuckMs: 60_000 });
  const reader = await connectSlowly(url);
  reader.setEncoding("utf8");
  let text = "";
  const until = (pattern: RegExp): Promise<void> =>
    new Promise((resolve) => {
      const look = (): void => {
        if (!pattern.test(text)) return;
        reader.off("data", look);
        resolve();
      };
      reader.on("data", look);
      look();
    });
  reader.on("data", (chunk: string) => (text += chunk));
  await until(/\n: still here\n/);
  text = "";
  parts.input = { ...parts.input, warnings: ["something changed"] };
  await until(/event: status\ndata: .*something changed/);
  reader.destroy();
  hub.close();
});

test("a reader that takes nothing is let go", async () => {
  const { parts, hub, url, responses } = await startHub({ statusMs: 10, heartbeatMs: 10, stuckMs: 30 });
  const slow = await connectSlowly(url);
  slow.pause();
  const closed = new Promise((resolve) => slow.on("close", resolve));
  slow.on("error", () => undefined);
  // More comes for as long as the sockets between the two take it: how much that is, is the system's affair.
  const big = sampleDivergence({ error: "x".repeat(100_000) });
  while (responses[0]?.destroyed !== true) {
    parts.feed.publish(big);
    await turn();
  }
  await Promise.all([closed, untilAborted(slow)]);
  hub.close();
});

/** The other side's reset is only seen once what came before it is read. */
async function untilAborted(stream: IncomingMessage): Promise<void> {
  while (!stream.socket.destroyed) {
    stream.resume();
    await turn();
  }
}

test("without readers nothing is subscribed and no clock runs", async () => {
  const { hub, url, subscribers } = await startHub({ statusMs: 10, heartbeatMs: 10, stuckMs: 1000 });
  assert.equal(subscribers(), 0);
  const reader = await connectSlowly(url);
  assert.equal(subscribers(), 1);
  reader.on("error", () => undefined);
  reader.destroy();
  while (subscribers() > 0) await turn();
  hub.close();
});

test("a status that cannot be built is told to the log and does not reach who publishes", async () => {
  const { parts, hub, url } = await startHub({ statusMs: 5, heartbeatMs: 1000, stuckMs: 1000 });
  const reader = await connectSlowly(url);
  parts.input = { ...parts.input, routes: null as never };
  while (parts.errors.length === 0) await turn();
  assert.match(parts.errors[0] ?? "", /^events: TypeError/);
  reader.on("error", () => undefined);
  reader.destroy();
  hub.close();
});
