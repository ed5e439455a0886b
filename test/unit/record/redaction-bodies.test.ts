import assert from "node:assert/strict";
import { test } from "node:test";
import { compareAnswers } from "../../../proxy/compare/diff-answers.ts";
import { createRedactor } from "../../../proxy/record/redaction.ts";
import { compareRules } from "../../support/compare-cases.ts";
import { makeSettled } from "../../support/evidence.ts";

const REDACTOR = createRedactor(Buffer.alloc(32, 7));
const SECRET = "correct-horse-battery";

/** What is left in evidence of an answer that holds the secret, against one that holds another, as one text. */
function evidenceOf(contentType: string, bodyWith: (secret: string) => string): string {
  const answer = (secret: string) => ({
    status: 200,
    headers: ["content-type", contentType],
    body: { kind: "bytes", bytes: Buffer.from(bodyWith(secret)) } as const,
  });
  const { differences } = compareAnswers(answer(SECRET), answer("other-horse"), compareRules(), 0);
  assert.ok(differences.length > 0, contentType);
  return JSON.stringify(REDACTOR.redact(makeSettled({ differences })).differences);
}

test("a secret in a body of any kind is not in the evidence, nor is a piece of it", () => {
  const part = (head: string, content: string): string => `--b\r\n${head}\r\n\r\n${content}\r\n--b--`;
  const field = 'Content-Disposition: form-data; name="password"';
  const bodies: readonly (readonly [string, (secret: string) => string])[] = [
    ["application/x-ndjson", (secret) => `{"id":1}\n{"user":{"password":"${secret}"}}\n`],
    ["application/x-ndjson", (secret) => `{"password":"${secret}\n`],
    ["application/json-seq", (secret) => `\x1e{"password":"${secret}"}\n`],
    ["application/x-www-form-urlencoded", (secret) => `id=1&password=${secret}`],
    ["application/x-www-form-urlencoded", (secret) => `id=%FF&password=${secret}`],
    ["multipart/form-data; boundary=b", (secret) => part(field, secret)],
    ["multipart/form-data; boundary=b", (secret) => part(`${field}; filename="${secret}"`, "x")],
    ["multipart/form-data; boundary=b", (secret) => part(`${field}\r\nContent-Type: image/png`, secret)],
    ["multipart/mixed; boundary=b", (secret) => part("Content-Type: application/json", `{"password":"${secret}"}`)],
    ["multipart/mixed; boundary=b", (secret) => part("Content-Type: application/json", `{"password":"${secret}`)],
    ["multipart/mixed; boundary=b", (secret) => part("Content-Type: text/plain", `the password is ${secret}`)],
    ["multipart/mixed; boundary=b", (secret) => part("Content-Type: text/xml", `<password>${secret}</password>`)],
    ["multipart/mixed; boundary=b", (secret) => `--b\r\n\r\n${secret}`],
    ["multipart/mixed; boundary=b", (secret) => `--b\r\n${secret}\r\n\r\nx\r\n--b--`],
    ["text/plain", (secret) => secret],
    ["text/plain", (secret) => `dear Ada, your password is ${secret}, keep it`],
    ["application/xml", (secret) => `<user> <password>${secret}</password> </user>`],
    ["text/html", (secret) => `<input name="csrf" value="${secret}">`],
    ["application/json", (secret) => `{"password":"${secret}",}`],
    ["text/plain; charset=utf-16le", (secret) => `x${secret}`],
    ["text/event-stream", (secret) => `data: ${secret}\n\n`],
    ["application/octet-stream", (secret) => secret],
    ["", (secret) => secret],
  ];
  for (const [contentType, bodyWith] of bodies) {
    const evidence = evidenceOf(contentType, bodyWith);
    for (const piece of SECRET.split("-")) assert.equal(evidence.includes(piece), false, `${contentType}: ${evidence}`);
  }
});
