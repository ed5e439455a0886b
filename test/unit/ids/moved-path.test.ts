import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { moveProblem, movePath } from "../../../proxy/ids/moved-path.ts";
import { parsePattern, type Pattern } from "../../../proxy/pattern.ts";

function pattern(text: string): Pattern {
  const parsed = parsePattern(text);
  assert.ok(parsed.ok);
  return parsed.pattern;
}

test("fixed parts change, parts with a name trade places, and what the client spelled stays as it is", () => {
  const cases: readonly (readonly [from: string, to: string, target: string, moved: string | null])[] = [
    ["/v1/users/:id?", "/people/:id?", "/v1/users/42", "/people/42"],
    ["/v1/users/:id?", "/people/:id?", "/v1/users", "/people"],
    ["/v1/users/:id?", "/people/:id?", "/v1/users/", "/people/"],
    ["/v1/users/:id?", "/people/:id?", "/v1/users?q=/v1/users#a?b", "/people?q=/v1/users#a?b"],
    ["/v1/users/:id?", "/people/:id?", "/v1/%75sers/a%2Fb", "/people/a%2Fb"],
    ["/v1/users/:id?", "/people/:id?", "/v1/users/42/avatar", null],
    ["/shops/:shop/items/:id", "/items/:id/of/:shop", "/shops/s/items/i", "/items/i/of/s"],
    ["/v1/**", "/**", "/v1/a//b/%zz", "/a//b/%zz"],
    ["/v1/**", "/**", "/v1", "/"],
    ["/**", "/api/**", "/", "/api"],
    ["/**", "/api/**", "*", null],
    ["/v1/**/log", "/logs/**", "/v1/a/b/log", "/logs/a/b"],
    ["/v1/**", "/straße/**", "/v1/x", "/stra%C3%9Fe/x"],
    ["/v1/**", "/api/**", "http://host:80/v1/x?y", "http://host:80/api/x?y"],
    ["/v1/**", "/api/**", "/v1/a/../../x", null],
    ["/v1/**", "/api/**", "/v1/%2e%2E/x", null],
    ["/v1/:id", "/api/:id", "/v1/..;a=b", null],
    ["/v1/:id", "/api/:id", "/v1/a%2f..%5Cb", null],
    ["/v1/:id", "/api/:id", "/v1/..a...b", "/api/..a...b"],
    ["/**", "/api/**", "http://host", "http://host/api"],
  ];
  for (const [from, to, target, moved] of cases) {
    assert.equal(moveProblem(pattern(from), pattern(to)), null, `${from} ${to}`);
    assert.equal(movePath(pattern(from), pattern(to), target), moved, `${target} from ${from} to ${to}`);
  }
});

test("what is moved there and back is what it was", () => {
  const part = fc.stringMatching(/^[A-Za-z0-9~_-]{1,8}$/).filter((text) => text !== "legacy" && text !== "x");
  const [from, to] = [pattern("/legacy/:a/**/x/:b?"), pattern("/:a/next/**/y/:b?")];
  assert.equal(moveProblem(from, to), null);
  fc.assert(
    fc.property(part, fc.array(part, { maxLength: 4 }), fc.option(part), fc.boolean(), (a, rest, b, slash) => {
      const parts = ["legacy", a, ...rest, "x", ...(b === null ? [] : [b])];
      const target = `/${parts.join("/")}${slash ? "/" : ""}?q=1`;
      const there = movePath(from, to, target);
      assert.ok(there !== null && there !== target);
      fc.pre(!rest.includes("y") && a !== "y" && b !== "y");
      assert.equal(movePath(to, from, there), target);
    }),
  );
});

test("two patterns that do not tell each other's paths are refused", () => {
  const cases: readonly (readonly [from: string, to: string, problem: RegExp])[] = [
    ["/a/:id", "/b/:uid", /has :uid, and match\.path has no :uid/],
    ["/a/:id/:x", "/b/:id", /has no :x, and match\.path has :x;/],
    ["/a/:id?", "/b/:id", /has :id, and match\.path has :id\?/],
    ["/a/*", "/b/*", /\/b\/\* has a \*, which has no name/],
    ["/a/**", "/b", /has no \*\*, and match\.path has one/],
    ["/a", "/b/**", /has a \*\*, and match\.path has none/],
  ];
  for (const [from, to, problem] of cases) assert.match(moveProblem(pattern(from), pattern(to)) ?? "", problem);
});
