import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { firstDifference, TextCursor, type TextReading } from "../../../../proxy/compare/bodies/text-cursor.ts";
import { placeInText } from "../../../../proxy/compare/bodies/text-place.ts";

/** All of a text that counts. */
function counted(text: string, reading: TextReading): string {
  const cursor = new TextCursor(text, reading);
  let all = "";
  for (let unit = cursor.next(); unit >= 0; unit = cursor.next()) all += String.fromCharCode(unit);
  return all;
}

test("what counts of a text", () => {
  const cases: readonly (readonly [TextReading, string, string])[] = [
    ["plain", " a\r\nb\r", " a\nb\r"],
    ["plain", "<a> <b>", "<a> <b>"],
    ["xml", " <a>\t<b>x y</b>\r\n</a>\n", "<a><b>x y</b></a>"],
    ["xml", "<a> x </a>", "<a> x </a>"],
    ["xml", "<a>\n<!-- > < -->\n<b/></a>", "<a><!-- > < --><b/></a>"],
    ["xml", "<?x > < ?> <a/>", "<?x > < ?><a/>"],
    ["xml", "<!DOCTYPE a> <a/>", "<!DOCTYPE a><a/>"],
    ["xml", "<a> <![CDATA[> <]]> </a>", "<a> <![CDATA[> <]]> </a>"],
    ["xml", "<a b='> <' c=\"> <\"> </a>", "<a b='> <' c=\"> <\"></a>"],
    ["xml", "<pre> <b> </b> </pre>", "<pre><b></b></pre>"],
    ["html", "<pre> <b> </b> </pre> <p>", "<pre> <b> </b> </pre><p>"],
    ["html", "<PRE > <b></Pre> <p>", "<PRE > <b></Pre><p>"],
    ["html", "<prefix> <p>", "<prefix><p>"],
    ["html", "<script>if (a> b && '</scripts> <b') </script> <p>", "<script>if (a> b && '</scripts> <b') </script><p>"],
    ["html", "<style/> <p>", "<style/><p>"],
    ["html", "<textarea> <p> ", "<textarea> <p> "],
    ["html", "a < b > c <3 <p> <", "a < b > c <3 <p><"],
    ["html", "", ""],
    ["html", " \n ", ""],
  ];
  for (const [reading, text, expected] of cases) assert.equal(counted(text, reading), expected, `${reading}: ${text}`);
});

const markup = fc
  .array(
    fc.constantFrom(
      "<",
      ">",
      "</",
      "a",
      "pre",
      "script",
      " ",
      "\n",
      "\r\n",
      "\r",
      '"',
      "'",
      "=",
      "/",
      "<!--",
      "-->",
      "<a>",
      "</a>",
      "<![CDATA[",
      "]]>",
      "<?",
      "?>",
      "<pre>",
      "</pre>",
    ),
    { maxLength: 30 },
  )
  .map((pieces) => pieces.join(""));

test("two texts differ exactly where what counts of them differs, at the place of that unit", () => {
  fc.assert(
    fc.property(markup, markup, fc.constantFrom<TextReading>("plain", "xml", "html"), (a, b, reading) => {
      const found = firstDifference(a, b, reading);
      const [all, other] = [counted(a, reading), counted(b, reading)];
      assert.equal(found === null, all === other);
      if (found === null) return;
      let same = 0;
      while (all[same] === other[same]) same += 1;
      const unitAt = (text: string, at: number): string | undefined => (text.startsWith("\r\n", at) ? "\n" : text[at]);
      assert.equal(unitAt(a, found.a), all[same]);
      assert.equal(unitAt(b, found.b), other[same]);
    }),
    { numRuns: 3000 },
  );
});

test("nothing is left out but white space, and nothing of plain text but the CR of a CR LF", () => {
  fc.assert(
    fc.property(markup, (text) => {
      for (const reading of ["xml", "html"] as const) {
        assert.equal(counted(text, reading).replace(/\s/g, ""), text.replace(/\s/g, ""));
      }
      assert.equal(counted(text, "plain"), text.replaceAll("\r\n", "\n"));
    }),
    { numRuns: 2000 },
  );
});

test("white space put between tags changes nothing, put beside text it does", () => {
  const tags = fc.array(fc.constantFrom<string>("<a>", "</a>", "<b c='1'>", "<br/>", "<!-- x -->"), {
    minLength: 2,
    maxLength: 8,
  });
  const space = fc.stringMatching(/^[ \t\r\n]{1,4}$/);
  fc.assert(
    fc.property(tags, space, fc.nat(), (all, blank, seed) => {
      const at = seed % (all.length + 1);
      const spaced = all.toSpliced(at, 0, blank);
      assert.equal(firstDifference(all.join(""), spaced.join(""), "xml"), null);
      const besideText = [...all, "x"].join("");
      assert.notEqual(firstDifference(besideText, `${all.join("")} x`, "xml"), null);
    }),
  );
});

test("a place is told by line and column, and by what it looks like without what it says", () => {
  const text = "first\nsecond: Ünï 2026-07-14T09:30:00Z €12.50 p@$$w0rd\nlast";
  assert.equal(placeInText("", 0), "at its end, line 1 column 1");
  assert.equal(placeInText("\n", 0), 'at line 1 column 1, which looks like " "');
  assert.equal(placeInText("\n", 1), "at its end, line 2 column 1");
  assert.equal(placeInText(text, 0), 'at line 1 column 1, which looks like "xxxxx xxxxxx: Xxx 9999-99-99"…');
  assert.equal(
    placeInText(text, text.indexOf("2026")),
    'at line 2 column 13, which looks like "xxxxxx: Xxx 9999-99-99X99:99:99X *99.99 "…',
  );
  assert.equal(
    placeInText(text, text.indexOf("@")),
    'at line 2 column 42, which looks like …"99X *99.99 x***x9xx xxxx"',
  );
  assert.equal(placeInText(text, text.length), "at its end, line 3 column 5");
});

test("no letter and no digit of a text is ever shown", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 60 }), fc.nat(), (text, seed) => {
      const shown = placeInText(text, seed % (text.length + 1)).replace(
        /^at (?:its end, )?line \d+ column \d+(?:, which looks like )?/,
        "",
      );
      assert.match(shown, /^…?"?[xX9 *<>/=.,:;()[\]{}'-]*"?…?$/);
    }),
    { numRuns: 2000 },
  );
});
