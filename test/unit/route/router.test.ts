import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { DEFAULT_ROUTE } from "../../../proxy/config/defaults.ts";
import type { RouteMatch, RouteSettings } from "../../../proxy/config/settings.ts";
import type { RequestHead, RouteFound } from "../../../proxy/exchange.ts";
import { compileRouter } from "../../../proxy/route/router.ts";
import { compareRules } from "../../support/compare-cases.ts";

function route(name: string, path: string, match: Partial<RouteMatch> = {}): RouteSettings {
  return {
    name,
    match: { path, methods: null, host: null, headers: [], ...match },
    phase: "dual-write",
    next: "next",
    entity: name,
    key: [],
    group: null,
    keys: [],
    touches: [],
    unattended: false,
    sharedDatabase: false,
    markHeaders: [],
    keepStreams: false,
    treatAs: "by-method",
    persisted: [],
    mirror: { writes: true, readShare: 0, when: "accepted", acceptRealEffects: null },
    compare: compareRules(),
    values: { learn: [], apply: [], give: [], find: null, unmapped: "pass", clientSees: "legacy" },
    transform: { path: null, methods: [], headers: [], body: [], module: null },
    verify: { readBack: null },
    reads: { dialShare: 0, by: null },
    repair: { automatic: false, ratePerSecond: 20, write: "put-else-post", attempts: 5 },
    gate: DEFAULT_ROUTE.gate,
    retire: DEFAULT_ROUTE.retire,
    redact: [],
    redactDetect: [],
  };
}

function request(target: string, method = "GET", headers: readonly string[] = []): RequestHead {
  const [path = "", query = ""] = target.split("?");
  return { method, target, path, query, headers, remoteAddress: "127.0.0.1", scheme: "http" };
}

const nameOf = (found: RouteFound | null): string | null => found?.route.name ?? null;

test("the first route of the config that matches wins, whatever is more specific", () => {
  const router = compileRouter([
    route("any-avatar", "/**/avatar"),
    route("me", "/users/me"),
    route("user", "/users/:id"),
    route("users", "/users/**"),
    route("late", "/users/42"),
  ]);
  const table: readonly (readonly [string, string | null])[] = [
    ["/users/me", "me"],
    ["/users/42", "user"],
    ["/users/42/avatar", "any-avatar"],
    ["/users/42/mail", "users"],
    ["/users", "users"],
    ["/user%73/m%65/", "me"],
    ["/other", null],
    ["*", null],
  ];
  for (const [target, name] of table) assert.equal(nameOf(router.match(request(target))), name, target);
});

test("method, host and headers decide among routes of one path, in the order of the config", () => {
  const router = compileRouter([
    route("acme-write", "/x", {
      methods: ["POST"],
      headers: [
        ["x-tenant", "acme"],
        ["x-beta", "1"],
      ],
    }),
    route("acme", "/x", { headers: [["x-tenant", "acme"]] }),
    route("api", "/x", { host: "api.example.com" }),
    route("read", "/x", { methods: ["GET", "HEAD"] }),
    route("globex", "/x", { headers: [["x-tenant", "globex"]] }),
  ]);
  const acme = ["X-Tenant", "acme"];
  const api = ["HOST", "API.example.com:8443"];
  assert.equal(nameOf(router.match(request("/x", "POST", [...acme, "x-beta", "1"]))), "acme-write");
  assert.equal(nameOf(router.match(request("/x", "POST", acme))), "acme");
  assert.equal(nameOf(router.match(request("/x", "PUT", [...api, ...acme]))), "acme");
  assert.equal(nameOf(router.match(request("/x", "PUT", api))), "api");
  assert.equal(nameOf(router.match(request("http://api.example.com/x", "PUT", ["host", "other"]))), "api");
  assert.equal(nameOf(router.match(request("/x", "HEAD", ["x-tenant", "globex"]))), "read");
  assert.equal(nameOf(router.match(request("/x", "DELETE", ["x-tenant", "globex"]))), "globex");
  assert.equal(nameOf(router.match(request("/x", "DELETE"))), null);
});

test("parameters and what ** caught are handed on undecoded", () => {
  const router = compileRouter([
    route("a", "/a/:x/*/:y?"),
    route("b", "/b/:x/**/:y"),
    route("c", "/c/**/:last?"),
    route("d", "/:tenant/d"),
  ]);
  const table: readonly (readonly [string, Record<string, string>, readonly string[]])[] = [
    ["/a/1%20/2/3", { x: "1%20", y: "3" }, []],
    ["/a/1/2", { x: "1" }, []],
    ["/b/1/2", { x: "1", y: "2" }, []],
    ["/b/1/%zz//3/4/", { x: "1", y: "4" }, ["%zz", "", "3"]],
    ["/c/1", { last: "1" }, []],
    ["/c", {}, []],
    ["/c/1/2", { last: "2" }, ["1"]],
    ["/constructor/d", { tenant: "constructor" }, []],
  ];
  for (const [target, named, rest] of table) {
    const found = router.match(request(target));
    assert.ok(found, target);
    assert.deepEqual({ ...found.params.named }, named, target);
    assert.deepEqual(found.params.rest, rest, target);
    assert.equal(found.params.named["toString"], undefined);
  }
});

test("/** takes every target, those without a path included", () => {
  const router = compileRouter([route("all", "/**")]);
  for (const target of [
    "",
    "/",
    "*",
    "//",
    "//x",
    "/%zz",
    "h:443",
    "http://h",
    "http://h/p",
    "/..",
    "/\u00ff",
    "/a//b/",
  ]) {
    assert.equal(nameOf(router.match(request(target))), "all", target);
  }
});

/** First match by trying one route after the other, every way to fit a pattern tried: slow and plain. */
function naiveMatch(routes: readonly RouteSettings[], { path, method, headers }: RequestHead): string | null {
  const fits = (pattern: readonly string[], parts: readonly string[]): boolean => {
    const [part, ...others] = pattern;
    if (part === undefined) return parts.length === 0;
    if (part === "**") return fits(others, parts) || (parts.length > 0 && fits(pattern, parts.slice(1)));
    if (part.endsWith("?") && fits(others, parts)) return true;
    const [first, ...rest] = parts;
    if (first === undefined) return false;
    const wild = part === "*" || part.startsWith(":");
    return (wild ? first !== "" : decodeURIComponent(first) === part) && fits(others, rest);
  };
  const parts = path.replace(/\/$/, "").split("/").slice(1);
  const header = (name: string): string | undefined =>
    headers[headers.findIndex((text, i) => i % 2 === 0 && text === name) + 1];
  for (const { name, match } of routes) {
    if (match.methods !== null && !match.methods.includes(method)) continue;
    if (match.host !== null && header("host") !== match.host) continue;
    if (!match.headers.every(([header_, value]) => headers.includes(header_) && header(header_) === value)) continue;
    if (fits(match.path.split("/").slice(1), parts)) return name;
  }
  return null;
}

test("the compiled router agrees with trying every route in turn", () => {
  const part = fc.constantFrom("a", "b", "c", ":p", "*");
  const pattern = fc
    .tuple(fc.array(part, { maxLength: 3 }), fc.boolean(), fc.array(part, { maxLength: 2 }), fc.nat(2))
    .map(([before, many, after, optional]) => {
      const all = [...before, ...(many ? ["**", ...after] : []), ...Array<string>(optional).fill(":o?")];
      return `/${all.map((text, i) => (text.startsWith(":") ? `:p${i}${text.endsWith("?") ? "?" : ""}` : text)).join("/")}`;
    })
    .filter((text) => text !== "/");
  const match = fc.record({
    path: pattern,
    methods: fc.option(fc.uniqueArray(fc.constantFrom("GET", "POST"), { minLength: 1 }), { freq: 2 }),
    host: fc.option(fc.constantFrom("one", "two"), { freq: 2 }),
    headers: fc.constantFrom<readonly (readonly [string, string])[]>(
      [],
      [],
      [["x-t", "1"]],
      [["x-t", "2"]],
      [
        ["x-t", "1"],
        ["x-u", "1"],
      ],
    ),
  });
  const path = fc
    .tuple(fc.array(fc.constantFrom("a", "b", "c", "%61", "d", "", "%62"), { maxLength: 6 }), fc.boolean())
    .map(([parts, slash]) => `/${parts.join("/")}${slash && parts.length > 0 ? "/" : ""}`);
  const headers = fc
    .tuple(fc.constantFrom("one", "two", "three"), fc.option(fc.constantFrom("1", "2")), fc.option(fc.constant("1")))
    .map(([host, t, u]) => ["host", host, ...(t === null ? [] : ["x-t", t]), ...(u === null ? [] : ["x-u", u])]);
  fc.assert(
    fc.property(
      fc.array(match, { maxLength: 12 }),
      fc.array(fc.tuple(path, fc.constantFrom("GET", "POST"), headers), { maxLength: 8 }),
      (matches, asked) => {
        const routes = matches.map((each, i) => route(`r${i}`, each.path, each));
        const router = compileRouter(routes);
        for (const [target, method, raw] of asked) {
          const head = request(target, method, raw);
          assert.equal(nameOf(router.match(head)), naiveMatch(routes, head), `${method} ${target} ${raw.join(" ")}`);
        }
      },
    ),
    { numRuns: 400 },
  );
});

test("no target makes the router throw", () => {
  const router = compileRouter([
    route("a", "/a/:b/**/c"),
    route("b", "/**/x"),
    route("c", "/:a?/:b?"),
    route("d", "/d", { host: "h" }),
  ]);
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 40 }), fc.string({ maxLength: 8 }), (target, host) => {
      router.match({ ...request("/"), target, path: target, headers: ["host", host] });
    }),
    { numRuns: 500 },
  );
});

/** Counts how often a request's headers are looked at: once for each candidate route that is weighed. */
function countedRequest(
  target: string,
  headers: readonly string[],
): { readonly head: RequestHead; readonly looks: () => number } {
  let looks = 0;
  const head: RequestHead = {
    ...request(target, "GET"),
    headers: new Proxy(headers, {
      get(list, key) {
        if (key === "length") looks++;
        return Reflect.get(list, key) as unknown;
      },
    }),
  };
  return { head, looks: () => looks };
}

test("500 routes are not scanned one after the other", () => {
  const shapes: Record<string, (i: number) => RouteSettings> = {
    paths: (i) => route(`r${i}`, `/r${i}/:id`, { headers: [["x-a", "1"]] }),
    suffixes: (i) => route(`r${i}`, `/**/r${i}`, { headers: [["x-a", "1"]] }),
    tenants: (i) => route(`r${i}`, "/**", { headers: [["x-a", String(i)]] }),
    hosts: (i) => route(`r${i}`, "/**", { host: `h${i}`, headers: [["x-a", "1"]] }),
  };
  for (const [shape, make] of Object.entries(shapes)) {
    const looksAt = (count: number): number => {
      const router = compileRouter(Array.from({ length: count }, (_, i) => make(i)));
      const last = count - 1;
      const target = shape === "paths" ? `/r${last}/42` : `/x/r${last}`;
      const { head, looks } = countedRequest(target, [
        "host",
        `h${last}`,
        "x-a",
        shape === "tenants" ? String(last) : "1",
      ]);
      assert.equal(nameOf(router.match(head)), `r${last}`, shape);
      return looks();
    };
    assert.equal(looksAt(500), looksAt(10), shape);
  }
});

test("paths of 100 KB end in linear time whatever they hold", () => {
  const routes = [
    route("many", "/a/:x/**/b/:y/c"),
    ...Array.from({ length: 100 }, (_, i) => route(`any${i}`, `/${"*/".repeat(i % 30)}z${i}`)),
    ...Array.from({ length: 100 }, (_, i) => route(`tail${i}`, `/**/${"*/".repeat(i % 30)}z${i}`)),
    route("deep", `/${":a?/".replace("a", "a0")}${Array.from({ length: 40 }, (_, i) => `:a${i + 1}?`).join("/")}`),
  ];
  const router = compileRouter(routes);
  const targets = [
    "/".repeat(100_000),
    "/a".repeat(50_000),
    `/${"a".repeat(100_000)}`,
    `/${"%41".repeat(33_000)}`,
    `/a${"/%".repeat(50_000)}`,
  ];
  const started = performance.now();
  for (const target of targets)
    assert.equal(router.match(request(target))?.route.name ?? null, target.split("/").length === 2 ? "deep" : null);
  // About 10 ms; anything that is not linear takes minutes.
  assert.ok(performance.now() - started < 2000);
});

test("a pattern that does not parse is the caller's mistake", () => {
  assert.throws(() => compileRouter([route("bad", "users")]), /path pattern users of route bad/);
});
