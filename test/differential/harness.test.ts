/** The harness itself: it sees nothing where nothing differs, and each way to break G1. */
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { ALL_CASES } from "./cases/all.ts";
import { playDirectly } from "./differ.ts";
import { type Faults, startRelayBefore } from "./fronts.ts";
import { apartFromHops, differences } from "./observation.ts";
import { play } from "./play.ts";
import { ScriptedService } from "./service.ts";

/** For faults that show in nothing but a wait in vain. */
const HANGS_AFTER_MS = 250;

async function startService(t: TestContext): Promise<ScriptedService> {
  const service = await ScriptedService.start();
  t.after(() => service.close());
  return service;
}

test("every case has a name of its own", () => {
  assert.deepEqual(
    ALL_CASES.map(({ name }) => name).filter((name, i, names) => names.indexOf(name) !== i),
    [],
  );
});

test("every case, played twice without a proxy, looks the same", async (t) => {
  const service = await startService(t);
  for (const one of ALL_CASES) {
    assert.deepEqual(differences(await playDirectly(one, service), await playDirectly(one, service)), [], one.name);
  }
});

test("every case looks the same through a relay that hands on each packet", async (t) => {
  const service = await startService(t);
  const relay = await startRelayBefore(service, {});
  t.after(() => relay.close());
  for (const one of ALL_CASES) {
    const through = apartFromHops(await play(one, service, relay.port));
    assert.deepEqual(differences(through, await playDirectly(one, service)), [], one.name);
  }
});

function replaced(from: string | RegExp, to: string): (bytes: Buffer) => Buffer {
  return (bytes) => Buffer.from(bytes.toString("latin1").replace(from, to), "latin1");
}

/** Holds packets back until one that matches has come. */
function heldUntil(last: RegExp): (bytes: Buffer) => Buffer {
  let held = "";
  return (bytes) => {
    held += bytes.toString("latin1");
    if (!last.test(held)) return Buffer.alloc(0);
    const all = Buffer.from(held, "latin1");
    held = "";
    return all;
  };
}

/** One way to break each point of G1, where it shows, and a case that shows it. */
const BROKEN: readonly (readonly [fault: string, at: string, name: string, faults: () => Faults])[] = [
  ["another method", "requests.0.method", "PATCH with a body", () => ({ toService: replaced(/^PATCH/, "PUT") })],
  ["a decoded target", "requests.0.target", "the target /a%2Fb%2fc", () => ({ toService: replaced("%2F", "/") })],
  [
    "a normalised target",
    "requests.0.target",
    "the target /a/../b/./c/..",
    () => ({ toService: replaced("/a/..", "") }),
  ],
  ["a dropped question mark", "requests.0.target", "the target /?", () => ({ toService: replaced("/?", "/") })],
  [
    "a target without its authority",
    "requests.0.target",
    "the target http://other.example/absolute?x=1",
    () => ({ toService: replaced("http://other.example", "") }),
  ],
  [
    "names in lower case",
    "requests.0.fields",
    "request headers: names in every case",
    () => ({ toService: replaced("X-UPPER", "x-upper") }),
  ],
  [
    "Host in the first place",
    "requests.0.fields",
    "request headers: Host in the last place",
    () => ({ toService: replaced(/(X-First: 1\r\nAccept: \*\/\*\r\n)(Host: h\r\n)/, "$2$1") }),
  ],
  [
    "joined values",
    "requests.0.fields",
    "request headers: repeated names, interleaved",
    () => ({ toService: replaced("X-A: 1\r\nX-B: 1\r\nx-a: 2", "X-A: 1, 2\r\nX-B: 1") }),
  ],
  [
    "a dropped empty value",
    "requests.0.fields",
    "request headers: empty values",
    () => ({ toService: replaced("Accept:\r\n", "") }),
  ],
  [
    "bytes written as UTF-8",
    "requests.0.fields",
    "request headers: values with bytes above ASCII",
    () => ({ toService: replaced("\xe9", "\xc3\xa9") }),
  ],
  [
    "an added header",
    "requests.0.fields",
    "GET without a body",
    () => ({ toService: replaced("X-M: 1", "X-M: 1\r\nVia: 1.1 relay") }),
  ],
  [
    "a length on a bare POST",
    "requests.0.framing",
    "POST without a body",
    () => ({ toService: replaced("X-M: 1", "X-M: 1\r\nContent-Length: 0") }),
  ],
  [
    "a dropped length of nothing",
    "requests.0.framing",
    "Content-Length: 0 on DELETE",
    () => ({ toService: replaced("Content-Length: 0\r\n", "") }),
  ],
  [
    "a chunked body with a length",
    "requests.0.framing",
    "a small chunked body in one packet",
    () => ({
      toService: replaced(
        /Transfer-Encoding: chunked\r\n\r\n5\r\nsmall\r\n0\r\n\r\n/,
        "Content-Length: 5\r\n\r\nsmall",
      ),
    }),
  ],
  [
    "a changed byte of a body",
    "requests.0.body",
    "a body of 1 bytes with its length",
    () => ({ toService: replaced("\x00", "\x01") }),
  ],
  [
    "dropped request trailers",
    "requests.0.trailers",
    "announced request trailers",
    () => ({ toService: replaced(/X-Sum: 42\r\nx-MORE: b\r\n/, "") }),
  ],
  [
    "a head that waits for its body",
    "stuck",
    "the head reaches the service before the body is sent",
    () => ({ toService: heldUntil(/body$/) }),
  ],
  [
    "chunks that wait for the last",
    "stuck",
    "each chunk reaches the service before the next is sent",
    () => ({ toService: heldUntil(/0\r\n\r\n$/) }),
  ],
  [
    "a 100 of the proxy's own",
    "answers.0.interims",
    "Expect: 100-continue answered with 417 Expectation Failed at once, and the body never sent",
    () => ({ toClient: replaced(/^/, "HTTP/1.1 100 Continue\r\n\r\n") }),
  ],
  [
    "a dropped interim answer",
    "stuck",
    "interim answers to GET: 103 with a link",
    () => ({ toClient: replaced(/^HTTP\/1.1 103 [^]*?\r\n\r\n/, "") }),
  ],
  [
    "an interim answer without its headers",
    "answers.0.interims.1.fields",
    "interim answers to GET: 102 with headers, three times",
    () => ({ toClient: replaced("X-Step: 2\r\n", "") }),
  ],
  [
    "interim answers in another order",
    "answers.0.interims.0.status",
    "interim answers in one packet with the final one",
    () => ({ toClient: replaced(/(HTTP\/1.1 102.*?\r\n\r\n)(HTTP\/1.1 103.*?\r\n\r\n)/s, "$2$1") }),
  ],
  ["another status", "answers.0.final.status", "status 418", () => ({ toClient: replaced("418", "400") })],
  [
    "another reason",
    "answers.0.final.reason",
    "a reason of its own",
    () => ({ toClient: replaced("Quite Fine, Thank You", "OK") }),
  ],
  [
    "joined cookies",
    "answers.0.final.fields",
    "answer headers repeated and interleaved",
    () => ({ toClient: replaced("Set-Cookie: b=2; Path=/\r\n", "") }),
  ],
  [
    "answer headers in another order",
    "answers.0.final.fields",
    "answer headers in every case and order",
    () => ({ toClient: replaced("server: s\r\neTAG: x", "eTAG: x\r\nserver: s") }),
  ],
  [
    "a chunked answer with a length",
    "answers.0.framing",
    "a chunked answer in one packet",
    () => ({ toClient: replaced(/Transfer-Encoding: chunked\r\n\r\n[^]*/, "Content-Length: 6\r\n\r\nonetwo") }),
  ],
  [
    "an answer to the end in chunks",
    "answers.0.framing",
    "an answer that ends with its connection, of no bytes",
    () => ({ toClient: replaced(/\r\n\r\n$/, "\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n") }),
  ],
  [
    "a 304 without its length",
    "answers.0.final.fields",
    "304 with Content-Length",
    () => ({ toClient: replaced("Content-Length: 1234\r\n", "") }),
  ],
  [
    "a HEAD without its length",
    "answers.0.final.fields",
    "HEAD answered 200 OK with Content-Length",
    () => ({ toClient: replaced("Content-Length: 1234\r\n", "") }),
  ],
  [
    "dropped answer trailers",
    "answers.0.trailers",
    "announced answer trailers",
    () => ({ toClient: replaced("x-MORE: b\r\n", "") }),
  ],
  [
    "events that wait for one another",
    "stuck",
    "events in chunks arrive one by one, the head first",
    () => ({ toClient: heldUntil(/0\r\n\r\n$/) }),
  ],
  [
    "a reset that looks like an end",
    "answers.0.end",
    "an answer that ends with its connection, by a reset",
    () => ({ hidesResets: true }),
  ],
  [
    "a broken-off upload that looks whole",
    "requests.0.end",
    "a client that resets its upload in chunks leaves the service an incomplete request",
    () => ({ toService: replaced(/half\r\n$/, "half\r\n0\r\n\r\n") }),
  ],
  ["bytes after an answer", "answers.1", "status 404", () => ({ toClient: replaced(/$/, "x") })],
  [
    "a tunnel that changes bytes",
    "requests.0.body",
    "a WebSocket tunnel carries bytes both ways, one causing the other, until the client ends it",
    () => ({ toService: replaced("ping2", "PING2") }),
  ],
];

test("each way to break G1 is seen", async (t) => {
  const service = await startService(t);
  for (const [fault, at, name, faults] of BROKEN) {
    await t.test(`${fault}: ${name}`, async () => {
      const one = ALL_CASES.find((candidate) => candidate.name === name);
      assert.ok(one !== undefined, `there is no case ${name}`);
      const relay = await startRelayBefore(service, faults());
      try {
        const through = apartFromHops(
          await play(one, service, relay.port, at === "stuck" ? HANGS_AFTER_MS : undefined),
        );
        const found = differences(through, await playDirectly(one, service));
        assert.ok(
          found.some((difference) => difference.startsWith(at)),
          found.join("; "),
        );
      } finally {
        await relay.close();
      }
    });
  }
});
