import assert from "node:assert/strict";
import { test } from "node:test";
import { memberWarnings } from "../../../proxy/admin/member-warnings.ts";
import { viewMember } from "../../../proxy/admin/member-view.ts";
import { formatMembers } from "../../../proxy/cli/instances.ts";
import type { Member } from "../../../proxy/members/members.ts";

const NOW = Date.parse("2026-11-22T12:00:00.000Z");

function member(over: Partial<Member> = {}): Member {
  return {
    id: "01JD9X3P4M5N6Q7R8S9TAVBWCX",
    name: "a",
    host: "h",
    pid: 1,
    version: "0.1.0",
    state: "serving",
    startedAt: NOW - 60_000,
    heardAt: NOW,
    settings: { revision: 1, digest: "11111111" },
    open: 0,
    isSelf: false,
    ...over,
  };
}

const warningsOf = (...members: readonly Member[]): readonly string[] => [...memberWarnings(members, NOW)];

test("members that serve, drain or have left are no matter, whatever those that left ran", () => {
  const left = member({ state: "left", version: "9.0.0", settings: { revision: 7, digest: "22222222" } });
  assert.deepEqual(warningsOf(member(), member({ state: "draining", version: "0.1.7" }), left), []);
});

test("a silent one is named with since when, what it has open, and the way out", () => {
  const [warning, ...more] = warningsOf(member({ state: "silent", heardAt: NOW - 120_000, open: 3 }));
  assert.equal(
    warning,
    "member a (h, process 1) is silent since 2026-11-22T11:58:00.000Z (2 min), with 3 writes without an outcome; it blocks changes of phases, not traffic: start it again with its folder, or crossfade instances forget 01JD9X3P4M5N6Q7R8S9TAVBWCX --reason TEXT",
  );
  assert.deepEqual(more, []);
});

test("versions go together within a series", () => {
  const run = (...versions: readonly string[]) =>
    warningsOf(...versions.map((version) => member({ version }))).length === 0;
  assert.equal(run("0.1.0", "0.1.9"), true);
  assert.equal(run("0.1.0", "0.2.0"), false);
  assert.equal(run("1.0.0", "1.7.2"), true);
  assert.equal(run("1.0.0", "2.0.0"), false);
});

test("of many that differ three of each are named", () => {
  const of = (digest: string, count: number) =>
    Array.from({ length: count }, (_, i) => member({ name: `${digest}-${i}`, settings: { revision: 1, digest } }));
  const [warning] = warningsOf(...of("aaaaaaaa", 5), ...of("bbbbbbbb", 1));
  assert.match(
    String(warning),
    /aaaaaaaa by aaaaaaaa-0 .*aaaaaaaa-2 \(h, process 1\) and 2 more; bbbbbbbb by bbbbbbbb-0/,
  );
});

test("the table fits 80 columns, however long names are", () => {
  const long = member({ name: "a name of sixty characters that somebody has given to a process", version: "10.20.30" });
  const lines = formatMembers([member(), long, member({ name: null, state: "silent" })].map(viewMember), NOW, 80);
  assert.equal(lines.length, 4);
  for (const line of lines) assert.ok(line.length <= 80, line);
  assert.match(String(lines[3]), /^01JD9X3P4M5N6Q7R8S9TAVBWCX {2}h:1 +silent/);
});
