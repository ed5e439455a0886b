import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import {
  dispositionOf,
  type Part,
  splitMultipart,
  transferDecoded,
} from "../../../../proxy/compare/bodies/multipart.ts";
import { bodyTypeOf } from "../../../../proxy/compare/bodies/body-type.ts";
import { readBody } from "../../../../proxy/compare/bodies/read-body.ts";
import { printExact } from "../../../../proxy/json/print-exact.ts";

/** Far beyond what these take (about a second): a quadratic step would not end within it. */
const LINEAR = { timeout: 60_000 };

function partsOf(body: string | Buffer, boundary: string, maxParts = 100): readonly Part[] {
  const read = splitMultipart(typeof body === "string" ? Buffer.from(body) : body, boundary, maxParts);
  if (!read.ok) assert.fail(read.why);
  return read.parts;
}

function whyNot(body: string, boundary: string | null, maxParts = 100): string {
  const read = splitMultipart(Buffer.from(body), boundary, maxParts);
  return read.ok ? "read" : read.why;
}

/** A body as compare sees it. */
function valueOf(contentType: string, body: string | Buffer, pieces = 1000): string {
  const type = bodyTypeOf(["content-type", contentType]);
  const read = readBody(typeof body === "string" ? Buffer.from(body) : body, "multipart", type, { pieces });
  return read.ok ? printExact(read.value, 1_000_000) : read.why;
}

test("the parts of a body that Node itself writes", async () => {
  const form = new FormData();
  form.append("text", "a\r\nb\nc");
  form.append('odd "name"\n', "1");
  form.append("text", "");
  form.append("file", new File([new Uint8Array([0, 13, 10, 45, 45, 255])], "ünï.bin", { type: "image/png" }));
  const written = new Response(form);
  const contentType = written.headers.get("content-type") as string;
  const boundary = bodyTypeOf(["content-type", contentType]).boundary as string;
  const parts = partsOf(Buffer.from(await written.arrayBuffer()), boundary);
  assert.deepEqual(parts.map(dispositionOf), [
    { name: "text", filename: null },
    { name: "odd %22name%22%0D%0A", filename: null },
    { name: "text", filename: null },
    { name: "file", filename: "ünï.bin" },
  ]);
  assert.deepEqual(
    parts.map(({ bytes }) => bytes.toString("latin1")),
    ["a\r\nb\r\nc", "1", "", "\x00\r\n--\xff"],
  );
  assert.equal(parts[3]?.headers.get("content-type"), "image/png");
});

test("whatever parts hold is read back, as long as it does not hold the boundary", () => {
  const content = fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes));
  const tricky = fc
    .constantFrom("\r\n", "\n", "--", "--bb", "\r\n--bbc", "\r\n--b", "--bb--", " ", "")
    .map((each) => Buffer.from(each));
  fc.assert(
    fc.property(fc.array(fc.oneof(content, tricky), { maxLength: 6 }), fc.boolean(), (contents, isBare) => {
      fc.pre(contents.every((each) => !/(?:^|\n)--bb[ \t]*(?:\r?\n|$)|(?:^|\n)--bb--/.test(each.toString("latin1"))));
      const lineEnd = isBare ? "\n" : "\r\n";
      // Of a content that ends in CR, bare line feeds cannot tell the CR from their own.
      fc.pre(!isBare || contents.every((each) => each.at(-1) !== 0x0d));
      const body = Buffer.concat([
        ...contents.map((each) => Buffer.concat([Buffer.from(`--bb${lineEnd}${lineEnd}`), each, Buffer.from(lineEnd)])),
        Buffer.from("--bb--"),
      ]);
      assert.deepEqual(
        partsOf(body, "bb").map(({ bytes }) => bytes),
        contents,
      );
    }),
    { numRuns: 3000 },
  );
});

test("preamble, epilogue and padding say nothing; a boundary begins a line and is a whole one", () => {
  const [part, ...others] = partsOf(
    "pre --b\r\n--b \t\r\nA: 1\r\n\r\nx --b\r\n--bc\r\n--b-\r\n--b-- \r\n--b\r\nepilogue",
    "b",
  );
  assert.equal(part?.bytes.toString(), "x --b\r\n--bc\r\n--b-");
  assert.deepEqual(others, []);
  assert.deepEqual(partsOf("--b--", "b"), []);
});

test("headers: any case, folded, without content, none", () => {
  const [one, two, three] = partsOf(
    '--b\r\nContent-DISPOSITION: form-data;\r\n\tname="a;\\"b"\r\nX: é\r\n\r\n1\r\n--b\r\nA: 1\r\n\r\n--b\r\n\r\n--b--',
    "b",
  );
  assert.deepEqual(dispositionOf(one as Part), { name: 'a;"b', filename: null });
  assert.equal(one?.headers.get("x"), "é");
  assert.deepEqual([...(two as Part).headers], [["a", "1"]]);
  assert.equal(two?.bytes.length, 0);
  assert.equal(three?.headers.size, 0);
});

test("what is malformed says how", () => {
  assert.equal(whyNot("x", null), "not read as multipart: its type names no boundary");
  assert.equal(whyNot("x", "y".repeat(71)), "not read as multipart: its boundary has more than 70 characters");
  assert.equal(whyNot("--b\r\n\r\nx", "c"), "not read as multipart: its boundary is not in it");
  assert.equal(whyNot("--b\r\n\r\nx\r\n--b", "b"), "not read as multipart: its closing boundary is not in it");
  assert.equal(whyNot("--b--x", "b"), "not read as multipart: its boundary is not in it");
  assert.equal(
    whyNot("--b\r\nno header\r\n\r\nx\r\n--b--", "b"),
    "not read as multipart: part 1 has a header without a colon",
  );
  const long = `--b\r\nA: ${"x".repeat(20_000)}\r\n\r\nx\r\n--b--`;
  assert.equal(whyNot(long, "b"), "not read as multipart: part 1 has headers of more than 16384 bytes");
  assert.equal(whyNot("--b\r\n\r\n\r\n".repeat(3) + "--b--", "b", 2), "not read as multipart: more than 2 parts");
});

test("transfer encodings are undone, or the part is told by its digest", () => {
  const decoded = (encoding: string, content: string): string | null => {
    const part = { headers: new Map([["content-transfer-encoding", encoding]]), bytes: Buffer.from(content) };
    return transferDecoded(part)?.toString("latin1") ?? null;
  };
  assert.equal(decoded("BASE64", "aGVs\r\nbG8=\r\n"), "hello");
  for (const bad of ["aGVsbG8", "####", "=", "aGVs=bG8"]) assert.equal(decoded("base64", bad), null, bad);
  assert.equal(decoded("quoted-printable", "a=3D=\r\nb  \r\nc=e9 \t"), "a=b\r\nc\xe9");
  assert.equal(decoded("quoted-printable", "100%=zz"), null);
  for (const none of ["7bit", "8bit", "Binary"]) assert.equal(decoded(none, "=3D"), "=3D");
  assert.equal(decoded("x-uuencode", "x"), null);
});

describe("hostile multiparts", LINEAR, () => {
  test("multiparts within one another are read to a depth, then told by their digest", () => {
    const nest = (depth: number): string =>
      depth === 0
        ? "x"
        : `--b${depth}\r\nContent-Type: multipart/mixed; boundary=b${depth - 1}\r\n\r\n${nest(depth - 1)}\r\n--b${depth}--`;
    const shown = valueOf("multipart/mixed; boundary=b50", nest(50));
    assert.equal(shown.match(/"type":"multipart\/mixed"/g)?.length, 4);
    assert.match(shown, /not read: too many multiparts in one another, sha256 [0-9a-f]{64}/);
  });

  test("all parts count together, those of inner multiparts too", () => {
    const inner = `${"--i\r\n\r\n\r\n".repeat(5)}--i--`;
    const body = `--b\r\nContent-Type: multipart/mixed; boundary=i\r\n\r\n${inner}\r\n`.repeat(3) + "--b--";
    assert.equal(valueOf("multipart/mixed; boundary=b", body, 18).includes("not read"), false);
    assert.match(valueOf("multipart/mixed; boundary=b", body, 17), /not read as multipart: more than \d+ parts/);
  });

  test("megabytes of half boundaries, blanks and dashes", () => {
    for (const piece of ["--b", "\n--b", "\n--b   ", "\r\n--bb", "-", "\n", " "]) {
      const body = piece.repeat(Math.ceil(4_000_000 / piece.length));
      assert.match(whyNot(body, "b"), /^not read as multipart: /, piece);
    }
    assert.match(whyNot("a".repeat(4_000_000), `${"a".repeat(69)}b`), /its boundary is not in it$/);
    const blanks = {
      headers: new Map([["content-transfer-encoding", "quoted-printable"]]),
      bytes: Buffer.alloc(4_000_000, " "),
    };
    assert.equal(transferDecoded(blanks)?.length, 0);
  });

  test("any bytes are read or not, and nothing is thrown", () => {
    const pieces = fc.constantFrom(
      "--b",
      "--b--",
      "\r\n",
      "\n",
      ":",
      "Content-Type: ",
      "multipart/mixed; boundary=b",
      "application/json",
      "form-data; name=",
      "Content-Disposition: ",
      '"',
      ";",
      "x",
      "\x00",
      "Content-Transfer-Encoding: base64",
    );
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 30 }), fc.constantFrom("mixed", "form-data"), (all, subtype) => {
        const shown = valueOf(`multipart/${subtype}; boundary=b`, all.join(""));
        assert.match(shown, /^(?:not read as multipart: |[[{])/);
      }),
      { numRuns: 3000 },
    );
  });
});
