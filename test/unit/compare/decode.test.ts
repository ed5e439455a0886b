import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from "node:zlib";
import {
  codingsOf,
  contentEncodingOf,
  decodeContent,
  parseMediaType,
  undoContentEncoding,
} from "../../../proxy/compare/decode.ts";

const TEXT = Buffer.from("hello, hello, hello");

test("each coding is undone, and several in their order", () => {
  const encoded: readonly (readonly [string, Buffer])[] = [
    ["gzip", gzipSync(TEXT)],
    ["X-GZIP", gzipSync(TEXT)],
    ["deflate", deflateSync(TEXT)],
    ["deflate", deflateRawSync(TEXT)],
    ["br", brotliCompressSync(TEXT)],
    ["zstd", zstdCompressSync(TEXT)],
    ["gzip, br", brotliCompressSync(gzipSync(TEXT))],
    ["identity , gzip,", gzipSync(TEXT)],
    ["identity", TEXT],
  ];
  for (const [coding, bytes] of encoded) assert.deepEqual(decodeContent(bytes, coding, 1000), TEXT, coding);
  assert.deepEqual(decodeContent(TEXT, null, 0), TEXT, "without a coding nothing is bounded: nothing grows");
});

test("a bomb ends at the bound, in every coding and in a coding within a coding", () => {
  const zeros = Buffer.alloc(10_000_000);
  const bombs: readonly (readonly [string, Buffer])[] = [
    ["gzip", gzipSync(zeros)],
    ["deflate", deflateSync(zeros)],
    ["br", brotliCompressSync(zeros)],
    ["zstd", zstdCompressSync(zeros)],
    ["gzip, gzip", gzipSync(gzipSync(zeros))],
  ];
  for (const [coding, bytes] of bombs) {
    const decoded = undoContentEncoding(bytes, coding, 100_000);
    assert.ok(!decoded.ok && decoded.tooLarge, coding);
    assert.match(decoded.why, /gives more than 100000 bytes$/);
    assert.equal(decodeContent(bytes, coding, 100_000), null);
    assert.equal(decodeContent(bytes, coding, zeros.length)?.length, zeros.length);
  }
});

test("what is not its coding, or cut, or of an unknown coding is not decoded and says why", () => {
  for (const coding of ["gzip", "deflate", "br", "zstd"]) {
    assert.deepEqual(undoContentEncoding(Buffer.from([0xff, 0xfe, 0xfd]), coding, 1000), {
      ok: false,
      tooLarge: false,
      why: `is not valid ${coding}`,
    });
  }
  const cut = gzipSync(TEXT).subarray(0, -9);
  assert.deepEqual(undoContentEncoding(cut, "gzip", 1000), { ok: false, tooLarge: false, why: "is not valid gzip" });
  assert.deepEqual(undoContentEncoding(TEXT, "lzma", 1000), {
    ok: false,
    tooLarge: false,
    why: "content coding lzma is not known",
  });
  assert.equal(decodeContent(TEXT, "gzip,gzip,gzip,gzip,gzip", 1000), null);
});

test("streams that follow one another are one body; what else follows a stream makes it invalid", () => {
  const twice = Buffer.concat([TEXT, TEXT]);
  assert.deepEqual(decodeContent(Buffer.concat([gzipSync(TEXT), gzipSync(TEXT)]), "gzip", 1000), twice);
  assert.deepEqual(decodeContent(Buffer.concat([zstdCompressSync(TEXT), zstdCompressSync(TEXT)]), "zstd", 1000), twice);
  // RFC 8878, 3.1.2: a frame to be skipped.
  const skippable = Buffer.from("502a4d1803000000616263", "hex");
  assert.deepEqual(decodeContent(Buffer.concat([skippable, zstdCompressSync(TEXT)]), "zstd", 1000), TEXT);
  const junk = Buffer.from("junk");
  for (const [coding, encoded] of [
    ["gzip", gzipSync(TEXT)],
    ["deflate", deflateSync(TEXT)],
    ["deflate", deflateRawSync(TEXT)],
    ["br", brotliCompressSync(TEXT)],
    ["zstd", zstdCompressSync(TEXT)],
  ] as const) {
    const behind = undoContentEncoding(Buffer.concat([encoded, junk]), coding, 1000);
    assert.ok(!behind.ok && !behind.tooLarge, coding);
    assert.match(behind.why, new RegExp(`^is not valid ${coding}(: 4 bytes follow its end)?$`));
    const cut = undoContentEncoding(encoded.subarray(0, -2), coding, 1000);
    assert.ok(!cut.ok && !cut.tooLarge, `${coding} cut`);
  }
});

test("zstd frames are bounded in all of them together, and in number where they hold next to nothing", () => {
  const frame = zstdCompressSync(Buffer.alloc(600));
  const bomb = undoContentEncoding(Buffer.concat([frame, frame]), "zstd", 1000);
  assert.ok(!bomb.ok && bomb.tooLarge);
  assert.equal(decodeContent(Buffer.concat([frame, frame]), "zstd", 1200)?.length, 1200);
  const crumbs = undoContentEncoding(Buffer.concat(Array(10_000).fill(zstdCompressSync("x"))), "zstd", 1_000_000);
  assert.ok(!crumbs.ok);
  assert.match(crumbs.why, /^zstd in too many small frames, \d\d of them in \d+ bytes$/);
  const large = zstdCompressSync(randomBytes(1000));
  assert.equal(decodeContent(Buffer.concat(Array(300).fill(large)), "zstd", 1_000_000)?.length, 300_000);
});

test("bare deflate that begins like zlib is still deflate", () => {
  // A stored block (RFC 1951, 3.2.4) whose first byte, padding included, could be a zlib header's.
  const stored = Buffer.concat([
    Buffer.from([0x78, 0x01, 0x00, 0xfe, 0xff, 0x41]),
    Buffer.from([0x01, 0, 0, 0xff, 0xff]),
  ]);
  assert.equal(decodeContent(stored, "deflate", 1000)?.toString(), "A");
});

test("an empty body needs no decoding: answers to HEAD and 304 carry the header without one", () => {
  assert.deepEqual(decodeContent(Buffer.alloc(0), "gzip", 1000), Buffer.alloc(0));
});

test("content-encoding lines are one list", () => {
  assert.equal(contentEncodingOf(["Content-Encoding", "gzip", "x", "y", "content-encoding", "br"]), "gzip,br");
  assert.equal(contentEncodingOf(["content-type", "gzip"]), null);
  assert.deepEqual(codingsOf(" GZip , identity ,, br"), ["gzip", "br"]);
  assert.deepEqual(codingsOf("x-gzip, X-Compress"), ["gzip", "compress"]);
  assert.deepEqual(codingsOf(null), []);
});

test("media types: essence and parameters, quoted or not; nonsense is none", () => {
  assert.deepEqual(parseMediaType('Application/JSON ; Charset="UTF-8"; b="a\\"c;d" ;a=1'), {
    essence: "application/json",
    parameters: [
      ["a", "1"],
      ["b", 'a"c;d'],
      ["charset", "UTF-8"],
    ],
  });
  assert.deepEqual(parseMediaType("text/plain"), { essence: "text/plain", parameters: [] });
  for (const text of [null, "", "json", "/", "a/b/c", "; a=b", "a /b"])
    assert.equal(parseMediaType(text), null, String(text));
});
