import assert from "node:assert/strict";
import { test } from "node:test";
import { InvalidAnswer } from "../../proxy/upstream/answer-head.ts";
import { AnswerParser } from "../../proxy/upstream/answer-parser.ts";
import { ANSWERS, whole } from "./attacks/answers.ts";
import { readAnswers } from "./answers-read.ts";
import { mutate } from "./mutations.ts";
import { Chance, seedFor } from "./random.ts";
import { valuesOf } from "./readings.ts";
import { wellFormed } from "./recorder.ts";

const OWN = "nonceown02";
const FOREIGN = "nonceother";

/** What a parser told of some bytes, data joined: however they were cut into packets, it has to be the same. */
interface Told {
  readonly events: readonly string[];
  readonly body: string;
  /** Offset of the first byte that is not of this answer, where it is complete. */
  readonly used: number | null;
  readonly keepsAlive: boolean | null;
  readonly invalid: boolean;
}

function parse(packets: readonly string[], method = "GET"): Told {
  const events: string[] = [];
  let body = "";
  const parser = new AnswerParser({
    onInformation: (status, text, headers) => void events.push(`interim ${status} ${text} ${headers.join("|")}`),
    onHead: (status, text, headers) => void events.push(`head ${status} ${text} ${headers.join("|")}`),
    onData: (chunk) => {
      assert.ok(chunk.length > 0, "no empty data");
      body += chunk.toString("latin1");
    },
    onEnd: (trailers) => void events.push(`end ${trailers.join("|")}`),
  });
  parser.expect({ isHead: method === "HEAD", isUpgrade: false });
  let at = 0;
  for (const packet of packets) {
    const bytes = Buffer.from(packet, "latin1");
    try {
      const used = parser.take(bytes, bytes.length);
      assert.ok(used === bytes.length || parser.isDone, "it leaves bytes only behind a whole answer");
      // What it was given is used again for the next packet: it must have kept nothing of it.
      bytes.fill(0x21);
      if (parser.isDone) return { events, body, used: at + used, keepsAlive: parser.keepsAlive, invalid: false };
    } catch (error) {
      assert.ok(error instanceof InvalidAnswer, String(error));
      return { events, body, used: null, keepsAlive: null, invalid: true };
    }
    at += packet.length;
  }
  return { events, body, used: null, keepsAlive: null, invalid: false };
}

/** Both ways end in the same; what an invalid answer told before it was found out depends on the packets. */
function assertSame(cut: Told, atOnce: Told, what: string): void {
  assert.equal(cut.invalid, atOnce.invalid, what);
  if (atOnce.invalid) assert.deepEqual(cut.events.slice(0, atOnce.events.length), atOnce.events, what);
  else assert.deepEqual(cut, atOnce, what);
}

const SPLIT_UP_TO_BYTES = 4_096;

test("an answer cut at any byte, and at every byte, tells the same", () => {
  let cuts = 0;
  const samples = ANSWERS.flatMap((answer) =>
    (answer.methods ?? ["GET"]).map((method) => ({ bytes: answer.write(OWN, FOREIGN), method, name: answer.name })),
  );
  for (const { bytes, method, name } of samples) {
    if (bytes.length > SPLIT_UP_TO_BYTES) continue;
    const atOnce = parse([bytes], method);
    for (let at = 1; at < bytes.length; at++) {
      assertSame(parse([bytes.slice(0, at), bytes.slice(at)], method), atOnce, `${name} cut at ${at}`);
      cuts++;
    }
    assertSame(parse([...bytes], method), atOnce, `${name} byte by byte`);
  }
  assert.ok(cuts > 10_000);
});

test("damaged answers, cut anywhere: a whole one is what RFC 9112 says it is, and nothing behind it is taken for a part of it", (t) => {
  const seed = seedFor();
  t.diagnostic(`HOSTILE_SEED=${seed}`);
  const chance = new Chance(seed);
  let wholeOnes = 0;
  for (let i = 0; i < 20_000; i++) {
    const nonce = chance.nonce();
    let bytes = chance.one([
      wellFormed(nonce, "GET"),
      whole(nonce, ["Connection: keep-alive"]),
      `HTTP/1.1 100 Continue\r\n\r\n${whole(nonce)}`,
    ]);
    bytes += chance.one(["", wellFormed(FOREIGN, "GET"), "\r\n"]);
    for (let times = chance.below(4); times > 0 && bytes.length > 0; times--) bytes = mutate(bytes, chance);
    const atOnce = parse([bytes]);
    const at = chance.below(bytes.length + 1);
    assertSame(
      parse([bytes.slice(0, at), bytes.slice(at)].filter((part) => part !== "")),
      atOnce,
      JSON.stringify(bytes),
    );
    if (atOnce.used === null) continue;
    const read = readAnswers(bytes, ["GET"], false).answers[0];
    // Bare LF, folded lines are forgiven by the parser, and unknown to the reader by the letter.
    if (/[^\r]\n|\n[ \t]/.test(bytes.slice(0, atOnce.used))) continue;
    wholeOnes++;
    assert.equal(read?.whole, true, JSON.stringify(bytes));
    assert.equal(atOnce.body, read.body, JSON.stringify(bytes));
    const lengths = valuesOf(read.headers, "content-length");
    assert.ok(
      new Set(lengths).size <= 1 && (lengths.length === 0 || valuesOf(read.headers, "transfer-encoding").length === 0),
    );
  }
  t.diagnostic(`${wholeOnes} whole answers`);
  assert.ok(wholeOnes > 5_000);
});

test("of a folded value only blanks are taken away", () => {
  const { events } = parse(["HTTP/1.1 200 OK\r\nx: a\xa0\r\n \xa0b\xa0 \r\ny: \r\n \r\nContent-Length: 0\r\n\r\n"]);
  assert.deepEqual(events[0], "head 200 OK x|a\xa0 \xa0b\xa0|y||Content-Length|0");
});

test("a head of folds and blanks costs no more than its length", () => {
  const heads = [
    `x: a\r\n b${" ".repeat(250_000)}b\r\nContent-Length: 0`,
    `x: a\r\n${" b\n".repeat(80_000)}Content-Length: 0`,
    `Transfer-Encoding: gzip${" ".repeat(250_000)}b`,
  ];
  const begun = performance.now();
  for (const head of heads) parse([`HTTP/1.1 200 OK\r\n${head}\r\n\r\n`]);
  assert.ok(performance.now() - begun < 1_000);
});
