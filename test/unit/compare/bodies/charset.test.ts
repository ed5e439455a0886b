import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { charsetWithin, decodeIn, isReadAsUtf8, readText } from "../../../../proxy/compare/bodies/charset.ts";

const wellFormed = fc.string({ unit: "grapheme", maxLength: 20 }).filter((text) => !text.startsWith("\ufeff"));

test("text comes back from UTF-8 and UTF-16, by its mark or by its label", () => {
  const bigEndian = (text: string): Buffer => Buffer.from(text, "utf16le").swap16();
  fc.assert(
    fc.property(wellFormed, (text) => {
      const marked = `\ufeff${text}`;
      // `latin1` is what the type says wrongly: the mark knows better.
      for (const bytes of [Buffer.from(marked), Buffer.from(marked, "utf16le"), bigEndian(marked)]) {
        assert.deepEqual(readText(bytes, "latin1"), { ok: true, text });
      }
      fc.pre(!/^[\u00bb\ufeff\ufffe]/.test(text));
      assert.deepEqual(readText(Buffer.from(text), null), { ok: true, text });
      assert.deepEqual(readText(Buffer.from(text, "utf16le"), "utf-16le"), { ok: true, text });
      assert.deepEqual(readText(bigEndian(text), "utf-16be"), { ok: true, text });
    }),
  );
});

test("different bytes are different text in every charset of one byte a character", () => {
  for (const label of ["windows-1252", "iso-8859-1", "iso-8859-15", "koi8-r", "windows-1251", "ibm866", "macintosh"]) {
    const seen = new Set<string>();
    for (let byte = 0; byte < 256; byte += 1) {
      const read = decodeIn(Buffer.from([byte]), label);
      seen.add(read.ok ? read.text : `no text: ${byte}`);
    }
    assert.equal(seen.size, 256, label);
  }
});

test("what is no text in its charset is none", () => {
  const why = (bytes: Buffer, charset: string | null): string => {
    const read = readText(bytes, charset);
    return read.ok ? `read: ${read.text}` : read.why;
  };
  assert.equal(why(Buffer.from([0x61, 0xff]), null), "the bytes are not UTF-8");
  assert.equal(why(Buffer.from([0xed, 0xa0, 0x80]), "utf-8"), "the bytes are not UTF-8");
  assert.equal(why(Buffer.from([0x61]), "utf-16le"), "the bytes are not utf-16le");
  assert.equal(why(Buffer.from([0x00, 0xd8]), "utf-16le"), "the bytes are not utf-16le");
  assert.equal(why(Buffer.from([0x81]), "shift_jis"), "the bytes are not shift_jis");
  assert.equal(why(Buffer.from("a"), "utf-7"), "charset utf-7 is not known");
  assert.equal(why(Buffer.from("a"), `${"x".repeat(100)} "secret"`), `charset ${"x".repeat(40)} is not known`);
  assert.equal(why(Buffer.from("é"), "us-ascii"), "read: é");
  assert.equal(why(Buffer.from([0xe9]), "us-ascii"), "read: é");
});

test("JSON is read from its bytes where they are UTF-8", () => {
  const utf16 = Buffer.from("\ufeff{}", "utf16le");
  assert.equal(isReadAsUtf8(Buffer.from("{}"), null), true);
  assert.equal(isReadAsUtf8(Buffer.from("\ufeff{}"), "latin1"), true);
  assert.equal(isReadAsUtf8(Buffer.from("{}"), "utf8"), true);
  assert.equal(isReadAsUtf8(utf16, null), false);
  assert.equal(isReadAsUtf8(utf16, "utf-8"), false);
  assert.equal(isReadAsUtf8(Buffer.from("{}"), "latin1"), false);
});

test("markup may say its charset itself, where that can be true", () => {
  const within = (text: string, isHtml: boolean): string | null => charsetWithin(Buffer.from(text), isHtml);
  assert.equal(within('<?xml version="1.0" encoding="ISO-8859-1"?><a/>', false), "iso-8859-1");
  assert.equal(within("\ufeff<?xml version='1.0' encoding = 'utf-8' ?>", false), "utf-8");
  assert.equal(within("<html><head><META CharSet=windows-1251>", true), "windows-1251");
  assert.equal(within('<meta http-equiv="Content-Type" content="text/html; charset=koi8-r">', true), "koi8-r");
  assert.equal(within('<?xml version="1.0" encoding="UTF-16"?>', false), null);
  assert.equal(within('<a encoding="latin1"/>', false), null);
  assert.equal(within("<meta charset=latin1>", false), null);
  assert.equal(within(`${"<meta ".repeat(100_000)}charset=latin1`, true), null);
  assert.equal(within("<?xml".repeat(100_000), true), null);
});
