/** With next as primary: clients of legacy's go on with what they hold, whatever they send it in and whatever goes wrong. */
import assert from "node:assert/strict";
import { Agent, request as httpRequest } from "node:http";
import { createServer, type Socket } from "node:net";
import { test, type TestContext } from "node:test";
import { gzipSync } from "node:zlib";
import { createLoneMember } from "../../proxy/members/members.ts";
import { openMemoryStore } from "../../adapters/store/memory.ts";
import type { ListedValue } from "../../proxy/ids/value-pairs.ts";
import { systemClock } from "../../proxy/process/system-clock.ts";
import { ALWAYS_OWN } from "../../proxy/members/claims.ts";
import { ALONE } from "../../proxy/members/turns.ts";
import { type Bench, type BenchOptions, startBench } from "../support/crossfade.ts";
import { countedFrom, createIdApi, ID_API_ROUTES, wordIds } from "../support/id-api.ts";
import { moveAll } from "../support/move-all.ts";
import { type Answer, json, type SeenRequest } from "../support/service.ts";
import { connectTo } from "../support/wire.ts";

const isCopy = (seen: SeenRequest): boolean => seen.header("x-crossfade-shadow") !== null;
/** What clients asked of next, the cutover behind them. */
const askedOf = ({ next }: Bench): SeenRequest[] => next.seen.filter((seen) => !isCopy(seen));

test("a client of legacy's goes on with ids, tokens, cookies and forms at next, and next's own ids work from the first answer on", async (t) => {
  const old = createIdApi({ makeId: countedFrom(101), makeSecret: (name) => `L.${name}.aaaa` });
  const fresh = createIdApi({ makeId: wordIds("k"), makeSecret: (name) => `N-${name}-bbbb` });
  const bench = await startBench(t, { legacy: old.answer, next: fresh.answer, routes: ID_API_ROUTES });
  const { send } = bench;
  const idOf = ({ text }: { readonly text: string }) => (JSON.parse(text) as { id: string | number }).id;
  const ann = idOf(await send("POST", "/users", { name: "Ann" }));
  const order = idOf(await send("POST", `/users/${ann}/orders`, { note: "one" }));
  const { token } = JSON.parse((await send("POST", "/login", { name: "Ann" })).text) as { token: string };
  assert.deepEqual([ann, order, token], [101, 102, "L.Ann.aaaa"]);
  await bench.settled(3);
  await moveAll(bench, "advance");

  const changed = await send("PUT", `/users/${ann}?as=${ann}`, { name: "Anna", managerId: ann });
  assert.deepEqual(JSON.parse(changed.text), { id: ann, name: "Anna", managerId: ann });
  const form = { "content-type": "application/x-www-form-urlencoded" };
  assert.deepEqual(JSON.parse((await send("PUT", `/orders/${order}`, `note=two&userId=${ann}`, form)).text), {
    id: order,
    note: "two",
  });
  await send("POST", "/notes", { text: "by token" }, { authorization: `Bearer ${token}` });
  await send("POST", "/notes", { text: "by session" }, { cookie: `theme=dark; sid=${token}` });
  const made = await send("POST", `/users/${ann}/orders`, { note: "three" });
  const third = idOf(made);
  assert.match(String(third), /^k-/);
  assert.equal(made.headers["location"], `/users/${ann}/orders/${third}`);
  assert.equal((JSON.parse(made.text) as { userId: unknown }).userId, ann);
  assert.equal(idOf(await send("PUT", `/orders/${third}`, { note: "three!" })), third);
  await bench.settled(9);
  assert.equal(idOf(await send("PUT", `/orders/${third}`, { note: "three!!" })), third);

  const routes = await bench.settled(10);
  assert.deepEqual([old.refused, fresh.refused], [[], []]);
  const notesOf = (api: typeof old) => [...api.orders.values()].map(({ note }) => note).sort();
  assert.deepEqual([notesOf(old), old.notes], [notesOf(fresh), fresh.notes]);
  assert.deepEqual(
    routes.map(({ name, outcomes, eligible }) => [name, outcomes["match"] === eligible]),
    routes.map(({ name }) => [name, true]),
  );
  const counts = Object.fromEntries(routes.map(({ name, mappedForClients }) => [name, mappedForClients]));
  assert.deepEqual(counts["notes"], { requests: 2, answers: 0, unmapped: 0 });
  // Next's own order is next's own to everybody.
  assert.deepEqual(counts["orders"], { requests: 1, answers: 1, unmapped: 0 });
  const { items } = await bench.api<{ items: ListedValue[] }>("/api/v1/values?kind=order");
  assert.deepEqual(
    items.map(({ legacy, held }) => [legacy, held]),
    [
      ["103", "next"],
      ["102", "legacy"],
    ],
  );
  const metrics = await (await fetch(`${bench.crossfade.adminUrl}/metrics`)).text();
  assert.match(metrics, /crossfade_client_mapped[^\n]*route="notes"[^\n]*of="request"[^\n]*result="mapped"[^\n]* 2\n/);
});

test("many clients go on while the route is moved to and fro beneath them: each knows its entities by one name, and both services hold the same", async (t) => {
  const late =
    (answer: Answer): Answer =>
    (seen, response) =>
      void setTimeout(() => answer(seen, response), isCopy(seen) ? Math.random() * 20 : 0);
  const old = createIdApi({ makeId: countedFrom(101), makeSecret: (name) => `L.${name}` });
  const fresh = createIdApi({ makeId: wordIds("k"), makeSecret: (name) => `N-${name}` });
  const bench = await startBench(t, { legacy: late(old.answer), next: late(fresh.answer), routes: ID_API_ROUTES });
  let isMoving = true;
  const told: string[] = [];
  const client = async (n: number): Promise<void> => {
    const known: { id: string | number; name: string; managerId: string | number | null }[] = [];
    for (let i = 0; isMoving || i < 6; i++) {
      const ask = async (method: string, path: string, body?: unknown): Promise<unknown> => {
        const { status, text } = await bench.send(method, path, body);
        if (status >= 300) told.push(`${method} ${path}: ${status} ${text}`);
        return JSON.parse(text);
      };
      const managerId = known.at(-1)?.id ?? null;
      const name = `${n}.${i}`;
      const { id } = (await ask("POST", "/users", { name, managerId })) as (typeof known)[number];
      known.push({ id, name, managerId });
      const one = known[Math.floor(Math.random() * known.length)] as (typeof known)[number];
      one.name += "!";
      for (const [method, body] of [["PUT", one], ["GET"]] as const) {
        const said = (await ask(method, `/users/${one.id}`, body)) as typeof one;
        if (JSON.stringify([said.id, said.name, said.managerId]) !== JSON.stringify([one.id, one.name, one.managerId]))
          told.push(`${method} ${JSON.stringify(one)}: ${JSON.stringify(said)}`);
      }
    }
  };
  const all = Promise.all(Array.from({ length: 12 }, (_, n) => client(n)));
  for (const step of ["advance", "rollback", "advance", "rollback", "advance"] as const) {
    await new Promise((resolve) => setTimeout(resolve, 150));
    await moveAll(bench, step);
  }
  isMoving = false;
  await all;
  await bench.settled(12);
  assert.deepEqual([told, old.refused, fresh.refused], [[], [], []]);
  const peopleOf = ({ users }: typeof old) =>
    [...users.values()].map(({ name, managerId }) => `${name} of ${users.get(String(managerId))?.name}`).sort();
  assert.deepEqual(peopleOf(old), peopleOf(fresh));
  assert.ok(old.users.size > 60, `${old.users.size} users`);
});

const ROUTES = `routes:
  - name: things
    match: { path: "/things/:id?" }
    values:
      learn: [{ at: "answer:/id", kind: thing }]
      apply: [{ at: "path:id", kind: thing }, { at: "body:/other", kind: thing }, { at: "answer-header:location", kind: thing }]
`;

/** Cut over, with legacy's 7 being next's seven. */
async function startKnown(t: TestContext, options: BenchOptions = {}): Promise<Bench> {
  const bench = await startBench(t, {
    routes: ROUTES,
    legacy: json(201, { id: 7 }),
    next: json(201, { id: "seven" }),
    ...options,
  });
  await bench.send("POST", "/things", {});
  await bench.settled(1);
  await moveAll(bench, "advance");
  return bench;
}

const unmappedOf = async ({ status }: Bench): Promise<number> =>
  (await status()).routes.reduce((sum, { mappedForClients }) => sum + mappedForClients.unmapped, 0);

/** A request whose body has no announced length. */
async function sendInPieces(
  { crossfade }: Bench,
  path: string,
  headers: Record<string, string>,
  pieces: readonly string[],
) {
  const { port } = new URL(crossfade.proxyUrl);
  const agent = new Agent({ keepAlive: false });
  return await new Promise<{ status: number; text: string; continued: boolean }>((resolve, reject) => {
    let continued = false;
    const asked = httpRequest({
      port,
      path,
      method: "PUT",
      headers: { "content-type": "application/json", ...headers },
      agent,
    });
    const send = (): void => {
      for (const piece of pieces) asked.write(piece);
      asked.end();
    };
    asked.on("continue", () => {
      continued = true;
      send();
    });
    asked.on("error", reject);
    asked.on("response", (answer) => {
      let text = "";
      answer.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
      answer.on("end", () => resolve({ status: answer.statusCode ?? 0, text, continued }));
    });
    if (headers["expect"] === undefined) send();
    else asked.flushHeaders();
  });
}

test("what is mapped in a body is replaced where it stands, however the body comes", async (t) => {
  const bench = await startKnown(t);
  bench.next.answerWith(json(200, '{ "id":"seven", "big":90071992547409931234, "n":-0 }'));
  const body = '{ "other" : 7, "big":90071992547409931234, "twice":1, "twice":2 }';
  const mapped = body.replace("7", '"seven"');
  const cut = body.indexOf("7,");
  for (const [headers, continued] of [
    [{}, false],
    [{ expect: "100-continue" }, true],
    [{ "content-length": String(body.length) }, false],
  ] as const) {
    const answer = await sendInPieces(bench, "/things/7", headers, [body.slice(0, cut), body.slice(cut)]);
    assert.deepEqual(answer, { status: 200, text: '{ "id":7, "big":90071992547409931234, "n":-0 }', continued });
    const seen = askedOf(bench).at(-1);
    assert.deepEqual(
      [seen?.target, seen?.body.toString(), seen?.header("content-length"), seen?.header("transfer-encoding")],
      ["/things/seven", mapped, String(mapped.length), null],
    );
  }
});

test("an answer that is compressed is given plain where it is changed, and as it is where it is not", async (t) => {
  const bench = await startKnown(t);
  const zipped = (body: unknown): Answer => {
    const bytes = gzipSync(JSON.stringify(body));
    return (_seen, response) => {
      response.writeHead(200, {
        "content-type": "application/json",
        "content-encoding": "gzip",
        "content-length": bytes.length,
      });
      response.end(bytes);
    };
  };
  bench.next.answerWith(zipped({ id: "seven" }));
  const changed = await fetch(`${bench.crossfade.proxyUrl}/things/7`);
  assert.deepEqual([changed.headers.get("content-encoding"), await changed.json()], [null, { id: 7 }]);
  bench.next.answerWith(zipped({ id: "eight" }));
  const kept = await fetch(`${bench.crossfade.proxyUrl}/things/8`);
  assert.deepEqual([kept.headers.get("content-encoding"), await kept.json()], ["gzip", { id: "eight" }]);
});

test("what is too large to be mapped passes to the byte, both ways, and is counted", async (t) => {
  const bench = await startKnown(t);
  const large = JSON.stringify({ other: 7, text: "x".repeat(1_500_000) });
  const answer = JSON.stringify({ id: "seven", text: "y".repeat(1_500_000) });
  bench.next.answerWith((_seen, response) => {
    response.writeHead(200, { "content-type": "application/json" });
    // Its head does not tell how much it is.
    response.write(answer.slice(0, 700_000));
    response.end(answer.slice(700_000));
  });
  for (const headers of [{}, { "content-length": String(large.length) }]) {
    const { text } = await sendInPieces(bench, "/things/7", headers, [large.slice(0, 600_000), large.slice(600_000)]);
    assert.ok(text === answer);
    const seen = askedOf(bench).at(-1);
    assert.equal(seen?.target, "/things/seven");
    assert.ok(seen.body.toString() === large);
  }
  assert.equal(await unmappedOf(bench), 4);
});

test("answers without a place for values stream, and heads alone are mapped where there is no body", async (t) => {
  const bench = await startKnown(t);
  let end: () => void = () => undefined;
  bench.next.answerWith((_seen, response) => {
    response.writeHead(200, { "content-type": "text/event-stream", location: "/things/seven" });
    response.write("data: first\n\n");
    end = () => response.end();
  });
  const stream = await fetch(`${bench.crossfade.proxyUrl}/things/7`);
  assert.equal(stream.headers.get("location"), "/things/7");
  const reader = stream.body?.getReader();
  assert.equal(Buffer.from((await reader?.read())?.value ?? []).toString(), "data: first\n\n");
  end();
  assert.equal((await reader?.read())?.done, true);
  for (const [method, status] of [
    ["HEAD", 200],
    ["DELETE", 204],
    ["GET", 304],
  ] as const) {
    bench.next.answerWith((_seen, response) => {
      const length = method === "HEAD" ? { "content-length": 14 } : {};
      response.writeHead(status, { "content-type": "application/json", location: "/things/seven", ...length });
      response.end();
    });
    const answer = await fetch(`${bench.crossfade.proxyUrl}/things/7`, { method });
    assert.deepEqual([answer.status, answer.headers.get("location")], [status, "/things/7"]);
    // Of the body that a GET gives, which is a shorter one here.
    assert.equal(answer.headers.get("content-length"), null);
  }
});

test("a tunnel is opened at next under next's name, and its bytes pass", async (t) => {
  const bench = await startKnown(t);
  await bench.next.close();
  const heads: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket.on("error", () => undefined));
    socket.once("data", (bytes) => {
      heads.push(bytes.toString("latin1"));
      socket.write("HTTP/1.1 101 Switching Protocols\r\nUpgrade: chat\r\nConnection: Upgrade\r\n\r\nhello seven");
      socket.on("data", (more: Buffer) => socket.write(more.toString("latin1").toUpperCase()));
    });
  });
  await new Promise<void>((resolve) => server.listen(bench.next.port, "127.0.0.1", resolve));
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const client = await connectTo(bench.crossfade.proxyUrl);
  client.write("GET /things/7?x=1 HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n");
  await client.until("hello seven");
  client.write("seven");
  await client.until("SEVEN");
  assert.match(heads[0] ?? "", /^GET \/things\/seven\?x=1 HTTP\/1\.1\r\n/);
  client.close();
});

test("a client that leaves within a body that is held has asked next nothing", async (t) => {
  const bench = await startKnown(t);
  const before = askedOf(bench).length;
  const client = await connectTo(bench.crossfade.proxyUrl);
  client.write("PUT /things/7 HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{");
  await new Promise((resolve) => setTimeout(resolve, 50));
  client.socket.resetAndDestroy();
  await bench.send("PUT", "/things/7", {});
  const routes = await bench.settled(3);
  assert.equal(askedOf(bench).length, before + 1);
  assert.equal(routes[0]?.reasons["not-accepted"], 1);
});

test("where the store does not say what a value is, nothing is sent and the client may ask again; what memory knows goes on", async (t) => {
  const store = openMemoryStore({ clock: systemClock });
  const find = store.findValues.bind(store);
  let isAway = false;
  store.findValues = (sought) => (isAway ? Promise.reject(new Error("away")) : find(sought));
  const members = createLoneMember("01JMEMBER", () => systemClock.now());
  const opened = {
    store,
    durable: null,
    notes: [],
    secretKey: null,
    turns: ALONE,
    pins: null,
    countsBeside: null,
    transitions: null,
    claim: ALWAYS_OWN,
    calls: null,
    members,
  };
  const bench = await startKnown(t, { opened });
  isAway = true;
  const before = askedOf(bench).length;
  const refused = await bench.send("PUT", "/things/unheard-of", {});
  assert.equal(refused.status, 503);
  assert.equal(refused.headers["retry-after"], "1");
  assert.match(refused.text, /cannot be looked up now; nothing was sent/);
  assert.equal(askedOf(bench).length, before);
  bench.next.answerWith(json(200, { id: "never-seen" }));
  assert.deepEqual(JSON.parse((await bench.send("PUT", "/things/7", {})).text), { id: "never-seen" });
  assert.equal(askedOf(bench).at(-1)?.target, "/things/seven");
});

test("a transform that fails is a 502 that says so: before next is asked, and where its answer cannot be given", async (t) => {
  const module = `
export function toNext({ target }) {
  if (target.includes("no")) throw new Error("never said to clients");
  return undefined;
}
export function answer({ body }) {
  if (body.includes("broken")) throw new Error("never said to clients");
  return undefined;
}
`;
  const routes = ROUTES + "    transform: { path: /t/:id?, module: ./things.mjs }\n";
  const bench = await startKnown(t, { routes, files: { "things.mjs": module } });
  const before = askedOf(bench).length;
  const unsent = await bench.send("PUT", "/things/no", {});
  assert.equal(unsent.status, 502);
  assert.match(unsent.text, /"title":"This proxy could not translate between client and service".*toNext/);
  assert.doesNotMatch(unsent.text, /never said/);
  assert.equal(askedOf(bench).length, before);
  bench.next.answerWith(json(200, "broken"));
  const unanswered = await bench.send("PUT", "/things/7", {});
  assert.deepEqual([unanswered.status, /transform\.module: answer/.test(unanswered.text)], [502, true]);
  assert.equal(askedOf(bench).at(-1)?.target, "/t/seven");
  bench.next.answerWith(json(200, { id: "seven" }));
  assert.deepEqual(JSON.parse((await bench.send("PUT", "/things/7", {})).text), { id: 7 });
  const routesNow = await bench.settled(4);
  // Next may have applied what it was asked: nobody knows from here.
  assert.deepEqual([routesNow[0]?.outcomes["unknown"], routesNow[0]?.reasons["not-accepted"]], [1, 1]);
});
