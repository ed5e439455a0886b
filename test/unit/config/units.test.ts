import assert from "node:assert/strict";
import { test } from "node:test";
import {
  parseDuration,
  parseRate,
  parseShare,
  parseSize,
  spellDuration,
  spellShare,
  spellSize,
  type Parsed,
} from "../../../proxy/config/units.ts";

type Case = readonly (readonly [text: string, expected: number | string])[];

function check(parse: (text: string) => Parsed<number>, table: Case): void {
  for (const [text, expected] of table) {
    const parsed = parse(text);
    if (typeof expected === "number") assert.deepEqual(parsed, { ok: true, value: expected }, text);
    else assert.deepEqual(parsed, { ok: false, error: expected }, text);
  }
}

test("sizes are bytes, decimal and binary", () => {
  check(parseSize, [
    ["0B", 0],
    ["64KiB", 65_536],
    ["64 KiB", 65_536],
    ["10MB", 10_000_000],
    ["1GiB", 1_073_741_824],
    ["1.5MiB", 1_572_864],
    ["1TB", 1e12],
    [" 2KB ", 2000],
    ["64", 'is "64", which has no unit; write 64KiB or 64MiB'],
    ["", 'is "", which is not a number with a unit; write 10KiB or 10MiB'],
    ["-1KiB", 'is "-1KiB", which is not a number with a unit; write 10KiB or 10MiB'],
    ["1e3KiB", 'is "1e3KiB", which is not a number with a unit; write 10KiB or 10MiB'],
    ["64kib", 'is "64kib", whose unit kib is none of B, KB, MB, GB, TB, KiB, MiB, GiB, TiB; write 64KiB'],
    ["64s", 'is "64s", whose unit s is none of B, KB, MB, GB, TB, KiB, MiB, GiB, TiB; write 64KiB or 64MiB'],
  ]);
});

test("times are milliseconds", () => {
  check(parseDuration, [
    ["250ms", 250],
    ["5s", 5000],
    ["2m", 120_000],
    ["1h", 3_600_000],
    ["7d", 604_800_000],
    ["1.5s", 1500],
    ["5", 'is "5", which has no unit; write 5s or 5ms'],
    ["5S", 'is "5S", whose unit S is none of ms, s, m, h, d; write 5s'],
    ["5 weeks", 'is "5 weeks", whose unit weeks is none of ms, s, m, h, d; write 5s or 5ms'],
  ]);
});

test("rates are requests a second, and shares from 0 to 1", () => {
  check(parseRate, [
    ["200/s", 200],
    ["600/m", 10],
    ["0.5/s", 0.5],
    ["200", 'is "200", which has no unit; write 200/s or 200/m'],
  ]);
  check(parseShare, [
    ["0%", 0],
    ["5%", 0.05],
    ["7%", 0.07],
    ["0.5%", 0.005],
    ["100%", 1],
    ["5", 'is "5", which has no unit; write 5%'],
    ["101%", 'is "101%", above the whole; write 0% to 100%'],
    ["half", 'is "half", which is not a number with a unit; write 10%'],
  ]);
});

test("what is spelled is read back as the same quantity", () => {
  for (const bytes of [0, 1, 1000, 1024, 1536, 10_000_000, 64 * 1024 ** 2, 1.5 * 1024 ** 3, 1024 ** 4]) {
    assert.deepEqual(parseSize(spellSize(bytes)), { ok: true, value: bytes }, spellSize(bytes));
  }
  for (const ms of [0, 1, 250, 1000, 1500, 90_000, 604_800_000, 3650 * 86_400_000]) {
    assert.deepEqual(parseDuration(spellDuration(ms)), { ok: true, value: ms }, spellDuration(ms));
  }
  for (const share of [0, 0.001, 0.07, 0.29, 1])
    assert.deepEqual(parseShare(spellShare(share)), { ok: true, value: share });
  assert.equal(spellSize(64 * 1024 ** 2), "64MiB");
  assert.equal(spellDuration(604_800_000), "7d");
});
