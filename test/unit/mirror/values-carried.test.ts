import assert from "node:assert/strict";
import { test } from "node:test";
import type { GivenValue, RouteSettings, ValuePlace } from "../../../proxy/config/settings.ts";
import type { Identity } from "../../../proxy/exchange.ts";
import { carry, type Carried, type Carrying } from "../../../proxy/mirror/values/carried.ts";
import type { Partner } from "../../../proxy/mirror/values/pair-cache.ts";
import type { Value } from "../../../proxy/mirror/values/seal.ts";
import type { Teacher } from "../../../proxy/mirror/values/teaching.ts";
import { readBodyForValues } from "../../../proxy/ids/value-bodies.ts";
import { settingsOf } from "../../support/config-file.ts";

const at = (source: ValuePlace["at"]["source"], name: string, kind = "user"): ValuePlace => ({
  at: { source, name },
  kind,
  part: { kind: "whole" },
});

const number = (text: string): Value => ({ text, spelling: "number" });
const text = (said: string): Value => ({ text: said, spelling: "string" });

interface Told {
  readonly pairs?: readonly (readonly [legacy: Value, next: Value, held?: Identity])[];
  readonly teacher?: (value: string) => Teacher["found"];
  readonly order?: Partial<Carrying>;
  readonly body?: string;
  readonly target?: string;
}

test("a request of our own is put into the values of the service that gets it, or not put at all", async (t) => {
  const { settings } = settingsOf(
    t,
    `
services: { legacy: { url: "http://127.0.0.1:3000" }, next: { url: "http://127.0.0.1:4000" } }
routes: [{ name: users, match: { path: "/users/:id?" } }]
`,
  );
  const route = settings.routes[0] as RouteSettings;

  async function said({ pairs = [], teacher, order = {}, body = "", target = "/users/17" }: Told): Promise<string> {
    const partnerOf = (side: Identity, asked: string): Partner | "unknown" => {
      const [legacy, next, held = "legacy"] =
        pairs.find((pair) => pair[side === "legacy" ? 0 : 1].text === asked) ?? [];
      if (legacy === undefined || next === undefined) return "unknown";
      return side === "legacy" ? { own: legacy, other: next, held } : { own: next, other: legacy, held };
    };
    const carried: Carried = await carry(
      {
        book: { partnerOf: (sought) => partnerOf(sought.side, sought.text), look: () => Promise.resolve() },
        readBody: readBodyForValues,
        teacherOf: (value) => ({ found: teacher?.(value.text) ?? "nobody" }) as Teacher,
      },
      {
        target,
        headers: body === "" ? [] : ["content-type", "application/json", "content-length", String(body.length)],
        body: Buffer.from(body),
      },
      {
        to: "next",
        primary: "legacy",
        isTurned: false,
        inPath: { route, params: { named: { id: "17" }, rest: [] } },
        inRequest: [at("path", "id")],
        inBody: [at("answer", "/id"), at("answer", "/bossId")],
        own: { kind: "user", text: "17" },
        isApart: false,
        unmapped: "pass",
        given: [],
        leavesOut: false,
        ...order,
      },
    );
    if (carried.end !== "carried") return carried.end === "apart" ? "apart" : `${carried.end}: ${carried.why}`;
    const length = carried.headers.indexOf("content-length");
    if (length !== -1) assert.equal(carried.headers[length + 1], String(carried.body?.length));
    return `${carried.target} ${carried.body?.toString() ?? ""}`.trim();
  }

  const pair = [number("17"), text("k3")] as const;
  const boss = [number("4"), text("k9")] as const;
  const body = '{"id":17, "n":1.0, "bossId":4}';
  const making = { target: "/users", order: { isApart: true, inRequest: [] } };
  const table: readonly (readonly [Told, string | RegExp])[] = [
    [{ pairs: [pair, boss], body }, '/users/k3 {"id":"k3", "n":1.0, "bossId":"k9"}'],
    // The primary is asked as clients ask it, until clients and it have two names for one thing.
    [{ pairs: [pair, boss], body, order: { to: "legacy" } }, `/users/17 ${body}`],
    [{ pairs: [[...pair, "next"], boss], target: "/users/k3", order: { to: "legacy", isTurned: true } }, "/users/17"],
    [{ pairs: [pair], order: { to: "next", primary: "next", isTurned: true } }, "/users/k3"],
    // Nobody knows it: as the route says, but for what is known to be missing there or to be somebody else's.
    [{ body }, `/users/17 ${body}`],
    [{ order: { unmapped: "skip" } }, "apart"],
    [{ order: { isApart: true } }, "apart"],
    [{ teacher: () => "not-taught" }, "apart"],
    [{ teacher: () => "teaching" }, /^awaited: the value of kind user at path:id was made by a write/],
    [{ pairs: [[number("99"), text("17")]] }, "apart"],
    // What it names.
    [
      { pairs: [pair], body, teacher: (value) => (value === "4" ? "not-taught" : "nobody") },
      /^awaited: .* at answer:\/bossId/,
    ],
    [{ pairs: [pair, [number("99"), text("4")]], body }, /^refused: .* at answer:\/bossId has no partner/],
    [{ pairs: [pair], body, order: { unmapped: "skip" } }, /^refused: .* at answer:\/bossId has no partner/],
    [{ pairs: [[number("17"), text("..")]] }, /^refused: the value of kind user at path:id would be what cannot stand/],
    // What makes it there says no id of another entity's, unless it is handed it.
    [{ ...making, pairs: [boss], body }, '/users {"n":1.0,"bossId":"k9"}'],
    [{ ...making, body: '{"id":17}' }, "/users {}"],
    // Two that name each other: one has to be made without the other.
    [
      {
        body: '{"id":17,"bossId":4,"peers":[4,9,5],"n":1.0}',
        pairs: [[number("9"), text("k9")]],
        target: "/users",
        teacher: (value) => (value === "4" ? "not-taught" : "nobody"),
        order: {
          ...making.order,
          inBody: [at("answer", "/id"), at("answer", "/bossId"), at("answer", "/peers/*")],
          unmapped: "skip",
          leavesOut: true,
        },
      },
      '/users {"peers":["k9"],"n":1.0}',
    ],
    [
      { target: "/users/17", order: { unmapped: "skip", own: null, leavesOut: true } },
      /^refused: .* at path:id has no/,
    ],
    [
      { ...making, pairs: [boss], body, order: { ...making.order, given: [given("/id")] } },
      '/users {"id":17, "n":1.0, "bossId":"k9"}',
    ],
    [
      { ...making, body: '{"id":17}', order: { ...making.order, given: [given("/legacyId")] } },
      '/users {"legacyId":17}',
    ],
  ];
  for (const [told, expected] of table) {
    const found = await said(told);
    if (typeof expected === "string") assert.equal(found, expected);
    else assert.match(found, expected);
  }
});

function given(pointer: string): GivenValue {
  return { from: { source: "answer", name: "/id" }, at: { source: "body", name: pointer } };
}

test("an entity with values that is too large to be read is not sent as it is", async () => {
  const body = Buffer.from(`{"id":17,"text":"${"x".repeat(1024 * 1024)}"}`);
  const route = {} as RouteSettings;
  const message = { target: "/users", headers: ["content-type", "application/json"], body };
  const carried = await carry(
    {
      book: { partnerOf: () => "unknown", look: () => Promise.resolve() },
      readBody: readBodyForValues,
      teacherOf: () => ({ found: "nobody" }),
    },
    message,
    {
      to: "next",
      primary: "legacy",
      isTurned: false,
      inPath: { route, params: { named: {}, rest: [] } },
      inRequest: [],
      inBody: [at("answer", "/id")],
      own: null,
      isApart: false,
      unmapped: "pass",
      given: [],
      leavesOut: false,
    },
  );
  assert.match(carried.end === "refused" ? carried.why : carried.end, /larger than 1 MiB/);
});
