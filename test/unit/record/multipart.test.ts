import assert from "node:assert/strict";
import { test } from "node:test";
import { multipartFields } from "../../../proxy/record/multipart.ts";
import { createRedactor } from "../../../proxy/record/redaction.ts";
import { makeSettled } from "../../support/evidence.ts";

const FORM = "multipart/form-data; boundary=b";

function fields(body: string, contentType = FORM): [string, string][] {
  return [...multipartFields(Buffer.from(body), contentType)].map(({ name, value }) => [name, value.toString()]);
}

test("fields are read by name, however their parts are spelled", () => {
  const body = [
    'preamble\r\n--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n',
    "--b\r\ncontent-disposition:form-data;filename=x;name=b\r\nContent-Type: text/plain\r\n\r\nline\r\n\r\nline\r\n",
    '--b\r\nContent-Disposition: form-data; name="q\\"q é"\r\n\r\n\r\n',
    '--b\nContent-Disposition: form-data; name="lf"\n\nvalue\n',
    '--b\r\nContent-Disposition: form-data; name="last"\r\n\r\nno end',
  ].join("");
  assert.deepEqual(fields(body), [
    ["a", "1"],
    ["b", "line\r\n\r\nline"],
    ['q"q é', ""],
    ["lf", "value"],
    ["last", "no end"],
  ]);
  assert.deepEqual(fields('--x y\r\nx: y; name="a"\r\n\r\n1\r\n--x y--', 'multipart/mixed; boundary="x y"'), [
    ["a", "1"],
  ]);
});

test("what is no multipart has no fields", () => {
  const part = '--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--b--';
  assert.deepEqual(fields(part, "text/plain; boundary=b"), []);
  assert.deepEqual(fields(part, "multipart/form-data"), []);
  assert.deepEqual(fields("", FORM), []);
  assert.deepEqual(fields("--b\r\nno name: here\r\n\r\nx\r\n--b--"), []);
  assert.deepEqual(fields("--b--"), []);
});

test("a secret in a field, or in the JSON of one, is known and found in the answer", () => {
  const redactor = createRedactor(Buffer.alloc(32, 7));
  const body = [
    '--b\r\nContent-Disposition: form-data; name="password"\r\n\r\nhunter2hunter2\r\n',
    '--b\r\nContent-Disposition: form-data; name="meta"\r\n\r\n{"api_key":"k3y-of-json"}\r\n--b--\r\n',
  ].join("");
  const settled = makeSettled({
    request: { headers: ["Content-Type", FORM] },
    requestBody: Buffer.from(body),
    differences: [{ at: "/echo", kind: "value", primary: '"got hunter2hunter2 and k3y-of-json"', shadow: "1" }],
  });
  const [shown] = redactor.redact(settled).differences;
  assert.match(shown?.primary ?? "", /^"got \[redacted [0-9a-f]{8}\] and \[redacted [0-9a-f]{8}\]"$/);
});

test("hostile bodies are read once", () => {
  const bodies = ["--b", "--b\r\n", '--b\r\nx; name="', "--b\r\n\r\n", "\r\n", '--b;name="\\', "-"];
  for (const part of bodies) {
    const begun = process.cpuUsage().user;
    for (const field of multipartFields(Buffer.from(part.repeat(200_000 / part.length)), FORM)) assert.ok(field);
    assert.ok(process.cpuUsage().user - begun < 2_000_000, JSON.stringify(part));
  }
});
