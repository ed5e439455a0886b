import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { brotliCompressSync, gzipSync, zstdCompressSync } from "node:zlib";
import { type ComparableAnswer, compareAnswers } from "../../../../proxy/compare/diff-answers.ts";
import { bodyTypeOf } from "../../../../proxy/compare/bodies/body-type.ts";
import { codingsOf, contentEncodingOf } from "../../../../proxy/compare/decode.ts";
import type { Verdict } from "../../../../proxy/exchange.ts";
import { compareRules } from "../../../support/compare-cases.ts";

const PAGE = readFileSync(join(import.meta.dirname, "../../../../docs/comparing-bodies.md"), "utf8");
const EXAMPLE = /```http primary\n(.*?)```\s+```http shadow\n(.*?)```\s+```text found\n(.*?)```/gs;

const ENCODINGS: Readonly<Record<string, BufferEncoding>> = { "utf-16le": "utf16le", "iso-8859-1": "latin1" };
const CODERS: Readonly<Record<string, (bytes: Buffer) => Buffer>> = {
  gzip: gzipSync,
  br: brotliCompressSync,
  zstd: zstdCompressSync,
  // Nobody undoes it, so it need not be done.
  compress: (bytes) => bytes,
};

/** Headers, an empty line, and the body without the line end before the fence, in the charset and codings that they say. */
function answerOf(message: string): ComparableAnswer {
  const [head = "", ...rest] = message.slice(0, -1).split("\n\n");
  const headers = head.split("\n").flatMap((line) => line.split(": "));
  const charset = bodyTypeOf(headers).charset ?? "utf-8";
  let bytes = Buffer.from(rest.join("\n\n"), ENCODINGS[charset] ?? "utf8");
  for (const coding of codingsOf(contentEncodingOf(headers))) {
    const coder = CODERS[coding];
    assert.ok(coder !== undefined, coding);
    bytes = Buffer.from(coder(bytes));
  }
  return { status: 200, headers, body: { kind: "bytes", bytes } };
}

/** As the page shows it; of digests the beginning. */
function shown({ differences }: Verdict): string {
  return differences
    .map(
      ({ at, kind, primary, shadow }) =>
        `${at || "(body)"} ${kind}\n  primary ${primary ?? "-"}\n  shadow  ${shadow ?? "-"}\n`,
    )
    .join("")
    .replace(/sha256 ([0-9a-f]{8})[0-9a-f]+…?/g, "sha256 $1");
}

describe("docs/comparing-bodies.md", () => {
  const examples = [...PAGE.matchAll(EXAMPLE)];

  test("every message on the page belongs to an example that is run", () => {
    assert.ok(examples.length >= 10);
    assert.equal(PAGE.match(/```http/g)?.length, 2 * examples.length);
    assert.equal(PAGE.match(/```text found/g)?.length, examples.length);
  });

  for (const [, primary = "", shadow = "", found = ""] of examples) {
    test(`${primary.split("\n")[0]}: ${found.split("\n")[0]}`, () => {
      assert.equal(shown(compareAnswers(answerOf(primary), answerOf(shadow), compareRules(), 0)), found);
    });
  }

  test("every type that the table names is read as the table says", () => {
    const read: readonly (readonly [RegExp, string])[] = [
      [/one JSON document/, "json"],
      [/one document a line/, "json-lines"],
      [/one document a record/, "json-seq"],
      [/names and values/, "form"],
    ];
    for (const [words, kind] of read) {
      const row = PAGE.split("\n").find((line) => line.startsWith("|") && words.test(line)) ?? "";
      const types = [...(row.split("|")[1] ?? "").matchAll(/`([a-z]+\/[\w.+-]+)/g)].map(([, type = ""]) => type);
      assert.notEqual(types.length, 0);
      for (const type of types) assert.equal(bodyTypeOf(["content-type", type]).kind, kind, type);
    }
  });
});
