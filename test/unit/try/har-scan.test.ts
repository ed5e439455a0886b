import assert from "node:assert/strict";
import { test } from "node:test";
import { HarFault, HarScanner, type RequestSpan } from "../../../proxy/try/har-scan.ts";
import { harEntry, harText } from "../../support/har.ts";

function scan(text: string | Buffer, chunkBytes = 1_000_000): { spans: readonly RequestSpan[]; entries: number } {
  const bytes = Buffer.from(text);
  const scanner = new HarScanner();
  const spans: RequestSpan[] = [];
  for (let i = 0; i < bytes.length; i += chunkBytes) spans.push(...scanner.push(bytes.subarray(i, i + chunkBytes)));
  scanner.end();
  return { spans, entries: scanner.entries };
}

function faultOf(text: string | Buffer): string {
  try {
    scan(text);
  } catch (thrown) {
    assert.ok(thrown instanceof HarFault, String(thrown));
    return thrown.message;
  }
  return "none";
}

test("each entry's request is found where it stands, however the file is cut into chunks", () => {
  const urls = ["http://a/1", 'http://a/"}]\\', "http://a/\u00e9\u{1f600}"];
  const text = `\ufeff ${harText(urls.map((url) => harEntry({ url })))}\n`;
  for (const chunkBytes of [1, 2, 3, 7, 64, 1_000_000]) {
    const { spans, entries } = scan(text, chunkBytes);
    assert.equal(entries, urls.length);
    const found = spans.map(
      ({ start, end }) => JSON.parse(Buffer.from(text).subarray(start, end).toString()) as { url: string },
    );
    assert.deepEqual(
      found.map(({ url }) => url),
      urls,
    );
    assert.deepEqual(
      spans.map(({ entry }) => entry),
      [1, 2, 3],
    );
  }
});

test("members of the same names elsewhere in the file are not taken for it", () => {
  const decoys = `"entries":[{"request":{"method":"DELETE"}}],"x":{"log":{"entries":[{"request":{}}]}}`;
  const text = `{${decoys},"log":{"x":{"entries":[{"request":{}}]},"\\u0065ntries":[{"a":{"request":{}},"request":{"m":{"request":{}}}}],"z":[[[{"request":{}}]]]}}`;
  const { spans } = scan(text);
  const found = spans.map(({ start, end }) => text.slice(start, end));
  assert.deepEqual(found, [`{"m":{"request":{}}}`]);
});

test("a file without entries has none", () => {
  assert.deepEqual(scan('{"log":{"entries":[]}}'), { spans: [], entries: 0 });
});

const good = '{"request":{}}';
const FAULTS: readonly (readonly [text: string | Buffer, expected: RegExp])[] = [
  ["", /^is empty/],
  ["hello", /^does not begin with \{/],
  ["[]", /^does not begin with \{/],
  [Buffer.from([0x1f, 0x8b, 8]), /compressed \(gzip\); unpack it/],
  [Buffer.from("\ufeff{}", "utf16le"), /UTF-16/],
  ["{}", /^has no "log"/],
  ['{"log":{}}', /^has no "entries"/],
  ['{"log":[]}', /"log" at byte 7 that is no object/],
  ['{"log":{"entries":{}}}', /"entries" at byte 18 that are no list/],
  ['{"log":{"entries":[]},"log":{}}', /second "log" at byte 28/],
  ['{"log":{"entries":[],"entries":[]}}', /"entries" a second time/],
  [`{"log":{"entries":[${good},{"response":{}}]}}`, /^has no request in entry 2 \(log\.entries\[1\], byte 34\)/],
  [`{"log":{"entries":[${good},7]}}`, /^has no object as entry 2 \(log\.entries\[1\], byte 34\)/],
  ['{"log":{"entries":[{"request":"GET /"}]}}', /^has no object as the request of entry 1/],
  ['{"log":{"entries":[{"request":{},"request":{}}]}}', /second request in entry 1/],
  [
    `{"log":{"entries":[${good},{"request":{"url":"http`,
    /^ends in or after entry 2 \(.*byte 34\), at byte \d+: it is cut off/,
  ],
  ['{"log":', /^ends before its first entry, at byte 7/],
  [`{"log":{"entries":[${good},{"request":{]}]}}`, /bracket at byte \d+, in entry 2 .* closes nothing/],
  ['{"log":{"entries":[]}}}', /^goes on at byte 22, after its end/],
  ['{"log":{"entries":[{"request":{x}}]}}', /^is not JSON at byte 31, in entry 1/],
  [`{"log":{"entries":[{"a":${"[".repeat(200_000)}`, /^is nested more than 10000 deep at byte \d+, in entry 1/],
];

test("what is no HAR, or not whole, is told with its place", () => {
  for (const [text, expected] of FAULTS) assert.match(faultOf(text), expected);
});
