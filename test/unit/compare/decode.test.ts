import assert from "node:assert/strict";
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

test("an empty body needs no decoding: answers to HEAD and 304 carry the header without one", () => {
  assert.deepEqual(decodeContent(Buffer.alloc(0), "gzip", 1000), Buffer.alloc(0));
});

test("content-encoding lines are one list", () => {
  assert.equal(contentEncodingOf(["Content-Encoding", "gzip", "x", "y", "content-encoding", "br"]), "gzip,br");
  assert.equal(contentEncodingOf(["content-type", "gzip"]), null);
  assert.deepEqual(codingsOf(" GZip , identity ,, br"), ["gzip", "br"]);
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
