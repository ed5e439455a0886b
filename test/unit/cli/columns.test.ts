import assert from "node:assert/strict";
import { test } from "node:test";
import { cut, pad, padStart, table, widthOf, wrap } from "../../../proxy/cli/columns.ts";
import { printable } from "../../../proxy/controls.ts";

test("width counts what is seen: wide characters two, styles and combining marks none", () => {
  assert.equal(widthOf("abc"), 3);
  assert.equal(widthOf("日本"), 4);
  assert.equal(widthOf("é"), 1);
  assert.equal(widthOf("e\u0301"), 1);
  assert.equal(widthOf("👍"), 2);
  assert.equal(widthOf("\u001b[31mred\u001b[39m"), 3);
});

test("a text is cut to its width and says so; one that fits is left alone", () => {
  assert.equal(cut("abcdef", 6), "abcdef");
  assert.equal(cut("abcdefg", 6), "abcde…");
  assert.equal(cut("日本語です", 6), "日本…");
  assert.equal(cut("abc", 0), "");
  for (let width = 1; width < 12; width++) assert.ok(widthOf(cut("a日b本c語d", width)) <= width);
});

test("padding brings a text to its width on either side", () => {
  assert.equal(pad("日本", 6), "日本  ");
  assert.equal(padStart("42", 5), "   42");
  assert.equal(pad("too long", 3), "too long");
});

test("lines break at blanks, and those after the first are indented", () => {
  assert.deepEqual(wrap("one two three four", 9, 2), ["one two", "  three", "  four"]);
  assert.deepEqual(wrap("unbreakable", 4), ["unbreakable"]);
  assert.deepEqual(wrap("", 10), [""]);
});

test("a table fits its width: the last column takes what is left and is cut", () => {
  const columns = [
    { title: "ID" },
    { title: "COUNT", align: "right" as const },
    { title: "ROUTE", atMost: 6 },
    { title: "WHERE" },
  ];
  const rows = [
    ["a1", "7", "a-long-route", "/items/*/price value, /items/*/sku missing"],
    ["b", "1,204", "users", "/x"],
  ];
  assert.deepEqual(table(columns, rows, 40), [
    "ID  COUNT  ROUTE   WHERE",
    "a1      7  a-lon…  /items/*/price value…",
    "b   1,204  users   /x",
  ]);
  for (const width of [80, 160]) for (const line of table(columns, rows, width)) assert.ok(widthOf(line) <= width);
});

test("controls that could rewrite the screen are shown, not sent", () => {
  assert.equal(printable("a\u001b[2Jb\r\nc\u202ed\u0085"), "a\\u001b[2Jb\\u000d\\u000ac\\u202ed\\u0085");
  assert.equal(printable("Zürich 日本 /users/42"), "Zürich 日本 /users/42");
});
